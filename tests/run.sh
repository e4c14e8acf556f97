#!/usr/bin/env bash
# Everything that a change must pass: ruff, shellcheck, bats, pytest. Sets itself up first.
#
#   bash tests/run.sh [--all] [--install] [PYTEST ARGUMENT ...]
#
#   --all       the slow tests too
#   --install   install bats, shellcheck and ffmpeg with apt where they are missing (as CI=true does); otherwise what
#               needs them is skipped, and the summary says so
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=false
install=${CI:-false}
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --all) all=true ;;
    --install) install=true ;;
    *) break ;;
  esac
  shift
done

bash utils/setup.sh --extras test
# shellcheck source=path.sh
. ./path.sh

missing=()
for tool in bats shellcheck ffmpeg; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ] && [ "$install" = true ]; then
  log=$VIRTUAL_ENV/apt.log
  echo "run.sh: installing ${missing[*]} with apt"
  if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "run.sh: apt could not install ${missing[*]} (above, the end of $log)" >&2
  fi
fi
# with it, a test that skips because ../shared is not there fails
[ "${CI:-false}" != true ] || export ASRTOOLS_REQUIRE_SHARED=1

summary=()
failed=0

# part NAME COMMAND...: runs it whatever became of the parts before, and remembers what became of it
part() {
  local name=$1 status=0
  shift
  printf '\n-- %s\n' "$name"
  "$@" || status=$?
  if [ $status -eq 0 ]; then
    summary+=("$name: passed")
  else
    summary+=("$name: FAILED (exit $status)")
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

part ruff ruff check
part format ruff format --check
needs shellcheck shellcheck shellcheck -x -P SCRIPTDIR -P . "${shell_files[@]}"
[ ${#bats_files[@]} -eq 0 ] || needs bats bats bats "${bats_files[@]}"
part pytest python -m pytest ${marks[@]+"${marks[@]}"} "$@"

printf '\n-- summary\n'
printf '%s\n' "${summary[@]}"
exit $failed
