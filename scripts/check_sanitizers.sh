#!/usr/bin/env bash
# The tests of the layers without torch on one rank, under the address and the undefined-behaviour sanitizer;
# then the share of these layers' lines that they ran.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

"$root/scripts/build.sh" asan eebench_torch_free_tests
build=$root/build/asan
find "$build" -name '*.gcda' -delete
printf 'leak:%s\n' libmpi libopen-rte libopen-pal libhwloc >"$build/leaks" # Open MPI keeps its own until the end
export LSAN_OPTIONS=suppressions=$build/leaks:print_suppressions=0
ctest --test-dir "$build" --no-tests=error --output-on-failure -L torch-free -R '^unit/|np1$'
"$root/scripts/coverage.py" "$build"
