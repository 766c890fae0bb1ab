#!/usr/bin/env bash
# Injects faults into jobs and hostile bytes into readers, in full number, and prints what came of them (hours):
#   scripts/faults.sh [KILLS [SECONDS]]
# KILLS of one rank (default 200), other faults in proportion; each reader is fuzzed for SECONDS (default 600), or with
# a million inputs where that is sooner. Exit code 0: everything was survived.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
kills=${1:-200}
seconds=${2:-600}

"$root/scripts/build.sh" default eebench eebench_faults eebench_failing_mpi eebench_jumping_clock
cmake -S "$root/tests/fuzz" -B "$root/build/fuzz" -G Ninja >/dev/null
cmake --build "$root/build/fuzz"

build=$root/build/default
log=$(mktemp)
trap 'rm -f "$log" "$log.fuzz"' EXIT
export EEBENCH_SOURCE_DIR=$root EEBENCH_PYTHON=$root/.venv/bin/python EEBENCH_PROGRAM=$build/bin/eebench
export EEBENCH_FAULTS=$build/tests/cli/eebench_faults EEBENCH_FAILING_MPI=$build/tests/cli/libeebench_failing_mpi.so
export EEBENCH_JUMPING_CLOCK=$build/tests/cli/libeebench_jumping_clock.so
export EEBENCH_FAULT_COUNT=$kills EEBENCH_FAULT_LOG=$log OMPI_MCA_mpi_yield_when_idle=1 PYTHONDONTWRITEBYTECODE=1
code=0
"$EEBENCH_PYTHON" -m pytest -q -rs -p no:cacheprovider "$root/tests/cli/test_faults.py" || code=1
"$root/tests/fuzz/run.sh" "$root/build/fuzz" "$seconds" | tee "$log.fuzz" || code=1
"$EEBENCH_PYTHON" "$root/tests/cli/fault_table.py" "$log" "$log.fuzz"
exit $code
