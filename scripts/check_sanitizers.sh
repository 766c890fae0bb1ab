#!/usr/bin/env bash
# The tests of the layers without torch on one rank, under the address and the undefined-behaviour sanitizer;
# then the share of these layers' lines that they ran.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

"$root/scripts/build.sh" asan eebench_torch_free_tests
build=$root/build/asan
find "$build" -name '*.gcda' -delete
tests=(ctest --test-dir "$build" --no-tests=error --output-on-failure -L torch-free)
"${tests[@]}" -R '^unit/'
# Open MPI unloads its plugins with what they still hold: leaks that no suppression can name.
ASAN_OPTIONS=detect_leaks=0 "${tests[@]}" -R '^mpi/.*np1$'
"$root/scripts/coverage.py" "$build"
