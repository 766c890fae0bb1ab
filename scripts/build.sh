#!/usr/bin/env bash
# Sets up, configures and builds:  scripts/build.sh [preset] [targets]   (default: "default", everything)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
preset=${1:-default}
targets=("${@:2}")
[ ${#targets[@]} -eq 0 ] || targets=(--target "${targets[@]}")

"$root/scripts/setup.sh"
cd "$root"
log=$root/build/$preset.log
mkdir -p "$root/build"
echo "build: preset $preset (log: $log)" >&2
# Given anew each time, empty too: what an earlier configuration cached would hide the variable.
torch=-DEEBENCH_TORCH_ROOT=${EEBENCH_TORCH_ROOT:-}
if ! { cmake --preset "$preset" "$torch" && cmake --build --preset "$preset" "${targets[@]}"; } >"$log" 2>&1; then
  grep -E -A5 'error|Error|FAILED' "$log" | head -40 >&2
  echo "build: failed; everything is in $log" >&2
  exit 1
fi
echo "build: done in $SECONDS s" >&2
