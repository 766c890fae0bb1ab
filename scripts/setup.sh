#!/usr/bin/env bash
# Installs what eebench needs and is missing: Debian packages, and the virtual environment .venv.
#   scripts/setup.sh [--nccl] [--checks]
# --nccl    also NCCL, for the nccl back end (the CUDA toolkit must be there)
# --checks  also what .ci/run checks and fuzzes the sources with, and Slurm, which a test starts
# Uses EEBENCH_TORCH_ROOT, or a LibTorch in CMAKE_PREFIX_PATH, instead of installing PyTorch.
# EEBENCH_PIP_ARGS goes to every pip install, e.g. "--extra-index-url URL", the index of PyTorch's CPU wheels.
# Exit code 77: packages are missing and may not be installed by this user; the message names them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

packages=(g++ cmake ninja-build ccache git python3-venv pkg-config
  openmpi-bin libopenmpi-dev libhdf5-openmpi-dev hdf5-tools
  libcli11-dev libtomlplusplus-dev libyaml-cpp-dev libfmt-dev nlohmann-json3-dev
  libhwy-dev libjemalloc-dev libssl-dev zlib1g-dev libbenchmark-dev catch2)
nccl=no
for argument in "$@"; do
  case $argument in
    --nccl) nccl=yes ;;
    --checks) packages+=(clang-format-14 clang-tidy-14 clang-16 libclang-rt-16-dev
      shellcheck slurm-wlm munge) ;;
    -h | --help)
      sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      echo "setup: unknown argument '$argument'; there are --nccl and --checks" >&2
      exit 2
      ;;
  esac
done

say() { echo "setup: $*" >&2; }

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      echo "$package"
  done
}

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: make sure that the counterparts of these are there: ${packages[*]}"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
      as_root=(sudo)
    else
      say "these Debian packages are missing, and this user may not install them."
      say "ask the administrator for:  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
      exit 77
    fi
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${missing[@]}" >/dev/null
}

requirements() {
  if [ -n "${EEBENCH_TORCH_ROOT:-}" ]; then
    grep -v '^torch==' "$root/scripts/requirements.txt"
  else
    cat "$root/scripts/requirements.txt"
  fi | grep -v '^#'
  [ $nccl = no ] || echo "nvidia-nccl-cu13==2.32.3"
}

# The stamp says which list was installed; the packages themselves are looked for as well.
environment_is_complete() {
  [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] &&
    requirements | "$venv/bin/python" -c '
import importlib.metadata, re, sys
for line in sys.stdin:
    importlib.metadata.version(re.match(r"[\w.-]+", line).group())' 2>/dev/null
}

venv=$root/.venv
stamp=$venv/eebench-requirements.sha256

install_packages
wanted=$(requirements | sha256sum | cut -d' ' -f1)
if [ $nccl = no ] && [ -e "$venv/eebench-nccl" ]; then
  nccl=yes # asked for earlier; leaving it out now would set everything up anew
  wanted=$(requirements | sha256sum | cut -d' ' -f1)
fi
if ! environment_is_complete; then
  say "making the virtual environment $venv (some minutes)"
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  if [ -z "${EEBENCH_TORCH_ROOT:-}${EEBENCH_PIP_ARGS:-}" ]; then
    say "PyTorch may come as its CUDA build, several GB; for the small one interrupt now and set" \
      "EEBENCH_PIP_ARGS='--extra-index-url URL', the index of CPU wheels that PyTorch's installation page names"
  fi
  # shellcheck disable=SC2086 # several words on purpose
  requirements | "$venv/bin/pip" install --disable-pip-version-check -qq \
    ${EEBENCH_PIP_ARGS:-} -r /dev/stdin >&2 || {
    say "pip could not install the packages above; if it has to use another index, set" \
      "EEBENCH_PIP_ARGS (for LibTorch alone: EEBENCH_TORCH_ROOT to one that is already there)"
    exit 1
  }
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$root/analysis" >"$site/eebench_analysis.pth"
  [ $nccl = no ] || touch "$venv/eebench-nccl"
  echo "$wanted" >"$stamp"
  if [ -e "$site/torch/lib/libtorch_cuda.so" ]; then
    say "pip offered the CUDA build of PyTorch: eebench builds with it and runs on CPUs too; for the" \
      "small CPU build remove .venv and set EEBENCH_PIP_ARGS='--extra-index-url URL', PyTorch's index of CPU wheels"
  fi
  say "done"
fi
