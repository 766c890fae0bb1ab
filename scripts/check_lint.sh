#!/usr/bin/env bash
# Static checks of the layers that need no torch (its headers take clang-tidy half a minute a file):
#   scripts/check_lint.sh BUILD_DIR
# A layer whose files did not change since the last clean run is not looked at again.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
build=$(cd "${1:?the build directory, for compile_commands.json}" && pwd)

cd "$root"
mkdir -p "$build/lint"
failed=0
for layer in core sys stats comm h5 data exits store bench report; do
  mapfile -t files < <(git ls-files "src/eebench/$layer/*.cpp" | grep -v /cuda/)
  [ ${#files[@]} -gt 0 ] || continue
  state=$(git ls-files -z "src/eebench/$layer" .clang-tidy | xargs -0 sha256sum | sha256sum)
  [ "$(cat "$build/lint/$layer" 2>/dev/null)" != "$state" ] || continue
  if printf '%s\0' "${files[@]}" |
    xargs -0 -P "$(getconf _NPROCESSORS_ONLN)" -n 1 timeout 300 clang-tidy-14 -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null; then
    echo "$state" >"$build/lint/$layer"
  else
    echo "lint: $layer has findings" >&2
    failed=1
  fi
done
[ $failed -eq 0 ] && echo "lint: nothing found"
exit $failed
