#!/usr/bin/env bash
# Kills one rank of a campaign at random moments and resumes it: the file must be that of an
# undisturbed run, times apart.    kill_resume.sh PROGRAM MPIRUN KILLS
set -euo pipefail
program=$1
mpirun=$2
kills=$3
ranks=3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RANDOM=${EEBENCH_SEED:-1}

campaign() { "$mpirun" -n $ranks --oversubscribe --bind-to none "$program" run "$1"; }

campaign "$work/whole" 2> "$work/whole.log"
begin=$(date +%s%N)
campaign "$work/again" 2> "$work/again.log"
milliseconds=$((($(date +%s%N) - begin) / 1000000))
killed=0
round=0
while [ "$killed" -lt "$kills" ]; do
  round=$((round + 1))
  folder=$work/broken-$round
  for _ in 1 2 3; do # three blows to the same campaign
    campaign "$folder" 2> "$work/log" > "$work/out" &
    mpi=$!
    moment=$((RANDOM * 32768 + RANDOM))
    sleep "$(awk -v m=$((moment % milliseconds)) 'BEGIN { print m / 1000 }')"
    mapfile -t pids < <(pgrep -P "$mpi" -f "$program" || true)
    if [ ${#pids[@]} -gt 0 ] && kill -9 "${pids[$((RANDOM % ${#pids[@]}))]}" 2> /dev/null; then
      killed=$((killed + 1))
    fi
    wait "$mpi" 2> /dev/null || true
  done
  campaign "$folder" 2> "$work/log" || { cat "$work/log"; exit 1; }
  "$program" compare "$work/whole/tasks/0000/task.h5" "$folder/tasks/0000/task.h5" > "$work/out" ||
    { echo "round $round: the resumed file differs in $(cat "$work/out")"; exit 1; }
  rm -rf "$folder"
done
echo "$killed kills in $round campaigns of ${milliseconds} ms: all resumed to the same file"
