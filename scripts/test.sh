#!/usr/bin/env bash
# Sets up, builds and runs every test:  scripts/test.sh [preset] [ctest arguments]
# Exit code 0 only if tests were run and none failed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
preset=${1:-default}

"$root/scripts/build.sh" "$preset"
log=$root/build/$preset-tests.log
code=0
ctest --test-dir "$root/build/$preset" --no-tests=error --output-on-failure --timeout 900 \
  "${@:2}" 2>&1 | tee "$log" || code=$?
echo
echo "Summary of $log:"
grep -E '^[0-9]+% tests passed|\*\*\*(Failed|Timeout|Skipped|Exception|Not Run)|^No tests' "$log" |
  sort -u || true
exit $code
