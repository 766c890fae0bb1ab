#!/usr/bin/env bash
# From nothing to results: installs what is missing, builds the program, and runs the suite "quickstart" on
# EEBENCH_RANKS (default 8) ranks. Results land in the current directory's results/.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

"$root/scripts/build.sh" default eebench
code=0
mpirun -n "${EEBENCH_RANKS:-8}" --oversubscribe --bind-to none \
  "$root/build/default/bin/eebench" "$@" || code=$?
echo "quickstart: for eebench, mpirun and python as in README.md, in bash:  . $(printf %q "$root")/scripts/environment.sh" >&2
exit $code
