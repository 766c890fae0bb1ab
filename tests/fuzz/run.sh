#!/usr/bin/env bash
# Fuzzes the readers that were built, one after another, and prints a line for each:
#   tests/fuzz/run.sh BUILD SECONDS [READER ...]
# Each runs that many seconds, or a million inputs where that is sooner. What a run found lies in BUILD/found;
# BUILD/corpus keeps what was learned for the next. Exit code 1 where there was a finding.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
build=$(realpath "$1")
seconds=$2
shift 2
readers=("$@")
[ $# -gt 0 ] || readers=(checkpoint cifar data_config jet_file journal suite torch_file)

TMPDIR=$(mktemp -d --tmpdir=/dev/shm eebench-fuzz.XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
# HDF5 leaks where it fails to open a damaged file.
echo "leak:libhdf5" >"$TMPDIR/leaks"
export LSAN_OPTIONS=suppressions=$TMPDIR/leaks:print_suppressions=0
code=0
for reader in "${readers[@]}"; do
  seeds=()
  [ ! -d "$here/corpus/$reader" ] || seeds+=("$here/corpus/$reader")
  case $reader in
    data_config) seeds+=("$root/configs/data") ;;
    suite) seeds+=("$root/suites") ;;
    torch_file) seeds+=("$root/tests/data") ;;
  esac
  mkdir -p "$build/corpus/$reader" "$build/found"
  log=$build/$reader.log
  verdict=clean
  "$build/eebench_fuzz_$reader" -max_total_time="$seconds" -runs=1000000 -max_len=20000 -timeout=10 \
    -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="$build/found/$reader-" \
    "$build/corpus/$reader" "${seeds[@]}" &>"$log" || { verdict="finding in $log"; code=1; }
  runs=$(awk '/number_of_executed_units/ { print $2 }' "$log")
  took=$(awk '/^Done .* runs in/ { print $5 }' "$log")
  printf '%-12s %9s runs %5s s  %s\n' "$reader" "${runs:-?}" "${took:-?}" "$verdict"
done
exit $code
