#!/usr/bin/env bash
# Everything that a change must pass: ruff, shellcheck, bats, pytest. Sets itself up first.
#
#   bash tests/run.sh [--all] [--install] [PYTEST ARGUMENT ...]
#
#   --all       the slow tests too
#   --install   install bats, shellcheck, zsh, ffmpeg, sctk, Slurm and munge with apt (bats with npm where there is no apt)
#               where they are missing, and pyannote.metrics, matplotlib, tensorboard, funasr-onnx and sherpa-onnx (as CI=true does); otherwise
#               what needs them is skipped, and the summary says so
# shellcheck disable=SC2317  # functions are called through part
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=false
install=${CI:-false}
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/{/shellcheck disable/d;s/^# \{0,1\}//p;}' tests/run.sh
      exit 0
      ;;
    --all) all=true ;;
    --install) install=true ;;
    *) break ;;
  esac
  shift
done

# with it, a test that skips because ../shared is not there fails
[ "${CI:-false}" != true ] || export ASRTOOLS_REQUIRE_SHARED=1

summary=()
failed=0
is_set_up=false

# part NAME COMMAND...: runs it whatever became of the parts before, and remembers what became of it
part() {
  local name=$1 status=0 began=$SECONDS
  shift
  printf '\n-- %s\n' "$name"
  "$@" || status=$?
  if [ $status -eq 0 ]; then
    summary+=("$name: passed ($((SECONDS - began)) s)")
  else
    summary+=("$name: FAILED (exit $status, $((SECONDS - began)) s)")
    failed=1
  fi
}

# python_part NAME COMMAND...: a part that runs in .venv, and without it would run some other installation's tools
python_part() {
  if [ "$is_set_up" = true ]; then
    part "$@"
  else
    summary+=("$1: FAILED (set-up failed)")
    failed=1
  fi
}

# needs TOOL NAME COMMAND...: a part that is skipped without the tool; in CI that is a failure
needs() {
  local tool=$1
  shift
  if command -v "$tool" >/dev/null; then
    part "$@"
  elif [ "${CI:-false}" = true ]; then
    summary+=("$1: FAILED ($tool is missing)")
    failed=1
  else
    summary+=("$1: skipped ($tool is missing; bash tests/run.sh --install)")
  fi
}

set_up() {
  local extras=test
  [ "$install" = false ] || extras=test,references,plot,tensorboard
  bash utils/setup.sh --extras "$extras" || return 1
  # shellcheck source=path.sh
  . ./path.sh || return 1
  is_set_up=true
}
part set-up set_up

# clients of our exports, beside the environment and not in it
install_clients() {
  local list=tests/runtime/clients.txt place=.venv/clients
  cmp -s "$list" "$place/installed.txt" && return 0
  rm -rf "$place"
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --target "$place" -r "$list" || return 1
  cp "$list" "$place/installed.txt"
}
[ "$install" = false ] || part clients install_clients

# npm's bats, where an earlier run put one
export PATH="$PATH:$PWD/.venv/node/node_modules/.bin"
missing=()
for tool in bats shellcheck zsh ffmpeg sctk; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
# tests of utils/slurm.sh start a cluster of their own
command -v slurmctld >/dev/null || missing+=(slurm-wlm)
command -v munged >/dev/null || missing+=(munge)
install_tools() {
  local log=.venv/install.log
  echo "run.sh: installing ${missing[*]}"
  mkdir -p .venv
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    # a fresh machine has no package lists
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1
  elif command -v npm >/dev/null && ! command -v bats >/dev/null; then
    npm install --no-fund --no-audit --prefix .venv/node bats >"$log" 2>&1
  else
    echo "run.sh: needs apt-get as root, or npm for bats; install ${missing[*]} by hand" >&2
    return 1
  fi || {
    tail -n 5 "$log" >&2
    echo "run.sh: ${missing[*]} could not be installed (above, the end of $log)" >&2
    return 1
  }
}
if [ ${#missing[@]} -gt 0 ] && [ "$install" = true ]; then
  part tools install_tools
fi

shell_files=(path.sh .ci/run)
while IFS= read -r file; do
  shell_files+=("$file")
done < <(find utils egs tests -name '*.sh' -not -path '*/data/*' -not -path '*/exp/*' | sort)
bats_files=()
while IFS= read -r file; do
  bats_files+=("$file")
done < <(find tests -name '*.bats' | sort)

marks=(-m "not slow")
[ "$all" = false ] || marks=()

# a file of tests at a time on each of up to four processors, one thread each; what is asked for by name runs in one process
run_pytest=(python -m pytest)
if [ $# -eq 0 ]; then
  num_processors=$(getconf _NPROCESSORS_ONLN)
  run_pytest=(env OMP_NUM_THREADS=1 python -m pytest -n $((num_processors < 4 ? num_processors : 4)) --dist loadfile)
fi

# ruff finds files by .py alone; the three lines of each bin/NAME are left as they are
python_files=()
while IFS= read -r file; do
  python_files+=("$file")
done < <(find utils -type f ! -name '*.*' -exec grep -lE '^#!.*python' {} +)

python_part ruff ruff check . ${python_files[@]+"${python_files[@]}"}
python_part format ruff format --check . ${python_files[@]+"${python_files[@]}"}
needs shellcheck shellcheck shellcheck -x -P SCRIPTDIR -P . "${shell_files[@]}" ${bats_files[@]+"${bats_files[@]}"}
[ ${#bats_files[@]} -eq 0 ] || needs bats bats bats "${bats_files[@]}"
python_part pytest "${run_pytest[@]}" ${marks[@]+"${marks[@]}"} "$@"

printf '\n-- summary\n'
printf '%s\n' "${summary[@]}"
exit $failed
