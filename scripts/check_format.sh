#!/usr/bin/env bash
# Checks the format of all C++ and CUDA sources:  scripts/check_format.sh [--fix]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

cd "$root"
mode=(--dry-run --Werror)
[ "${1:-}" != --fix ] || mode=(-i)
git ls-files -z '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs -0 -r clang-format-14 "${mode[@]}"
echo "format: as .clang-format says"
