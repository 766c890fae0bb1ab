#!/usr/bin/env bash
# Sets up, builds and runs every test:  scripts/test.sh [preset] [ctest arguments]
# Exit code 0 only if tests were run and none failed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
preset=default
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  preset=$1
  shift
fi

"$root/scripts/build.sh" "$preset"
log=$root/build/$preset-tests.log
# Two at a time: the commands' tests and those of the analysis take as long as all others, which run alone.
code=0
ctest --test-dir "$root/build/$preset" --no-tests=error --output-on-failure --timeout 900 --parallel 2 \
  "$@" 2>&1 | tee "$log" || code=$?
echo
echo "Summary of $log:"
grep -E '^[0-9]+% tests passed|\*\*\*(Failed|Timeout|Skipped|Exception|Not Run)|^No tests' "$log" |
  sort -u || true
samples=${EEBENCH_TEST_DATA:-$root/../shared/data}
if [ -d "$samples" ]; then found="found in $samples"; else found="not in $samples (EEBENCH_TEST_DATA)"; fi
# Only ctest's own log has what passing tests print: of pytest its last line, of Catch2 a warning
# "skipped: why" for each test.
skipped=$(awk '/^[0-9]+ .*skipped.* in [0-9.]+s/ { for (i = 2; i <= NF; ++i) if ($i ~ /^skipped/) pytest += $(i - 1) }
  /^ *skipped: / { ++catch2 }
  END { print pytest + 0 " of pytest, " catch2 + 0 " of Catch2" }' \
  "$root/build/$preset/Testing/Temporary/LastTest.log" || true)
echo "Full samples: $found; tests skipped: ${skipped:-unknown}"
exit $code
