#!/usr/bin/env bash
# Plans a campaign, submits its shards as an array, and a job that merges them when all have ended:
#   slurm/submit.sh SUITE DIR [options of eebench plan]    e.g.  slurm/submit.sh exits results/night --shards 8 --ranks 4
# EEBENCH_SITE names the cluster's own settings; slurm/README.md describes them. Options of sbatch go into SBATCH_*.
set -euo pipefail
if [ $# -lt 2 ] || [[ $1 == -* ]]; then
  echo "submit.sh: wants SUITE DIR [options of eebench plan], e.g. slurm/submit.sh quickstart results/mine --shards 4" >&2
  exit 2
fi
suite=$1
folder=$2
if [ -n "${EEBENCH_SITE:-}" ]; then
  # shellcheck source=/dev/null
  . "$EEBENCH_SITE"
fi
job=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/eebench.sbatch

plan=$("${EEBENCH_PROGRAM:-eebench}" plan --suite "$suite" -o "$folder" "${@:3}")
printf '%s\n' "$plan"
ids=
while read -r arguments; do # as in a shell: what plan printed is quoted
  id=$(eval "sbatch --parsable $arguments")
  id=${id%%;*} # a cluster's name may follow
  ids+=:$id
  echo "Submitted: job $id"
done < <(grep -oP 'sbatch \K--array=.*' <<<"$plan")
[ -n "$ids" ] || exit 0 # --dry-run

# afterany: where a shard failed, the log of the merging names it, and how to submit it again.
merge=$(sbatch --parsable --dependency="afterany$ids" --ntasks=1 --job-name=eebench-merge "$job" merge "$folder")
echo "Submitted: job ${merge%%;*}, which merges them into $folder/merged.h5 (log: eebench-merge-${merge%%;*}.out)"
