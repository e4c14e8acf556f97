#!/usr/bin/env bats
# path.sh, in copies of the tree whose .venv is a stand-in: no set-up runs.
# shellcheck disable=SC2016  # code in single quotes is for another shell

setup() {
  SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  TREE="$BATS_TEST_TMPDIR/with space/asr tools"
  mkdir -p "$TREE/.venv/bin" "$TREE/bin" "$TREE/utils" "$TREE/conf" "$TREE/egs/x"
  cp "$SOURCE/path.sh" "$SOURCE/setup.cfg" "$TREE"
  cp "$SOURCE/conf/constraints.txt" "$TREE/conf"
  TREE=$(cd "$TREE" && pwd -P)
  # the set-up of these trees: leaves a note, and makes what the real one leaves
  cat >"$TREE/utils/setup.sh" <<'END'
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
echo "$*" >>"$root/setup.calls"
[ ! -e "$root/setup.fails" ] || { echo "setup.sh: no network" >&2; exit 1; }
echo "a line of progress"
printf '%s\nextras: \n' "$root" >"$2/ready"
END
  ln -s "$(command -v python3)" "$TREE/.venv/bin/python"
  make_ready
  cp "$SOURCE/egs/mini/path.sh" "$TREE/egs/x/path.sh" 2>/dev/null ||
    echo '. "$(dirname "${BASH_SOURCE[0]:-$0}")/../../path.sh"' >"$TREE/egs/x/path.sh"
  unset ASRTOOLS_ROOT VIRTUAL_ENV ASRTOOLS_VENV
  export TREE
}

make_ready() {
  printf '%s\nextras: \n' "$TREE" >"$TREE/.venv/ready"
}

@test "path.sh puts bin, utils and .venv first on PATH and exports the environment" {
  run bash -c 'cd "$TREE"; . ./path.sh; echo "$PATH"; echo "$ASRTOOLS_ROOT $VIRTUAL_ENV $LC_ALL $PYTHONUTF8"; env | grep -c "^ASRTOOLS_ROOT="'
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "$TREE/bin:$TREE/utils:$TREE/.venv/bin:"* ]]
  [ "${lines[1]}" = "$TREE $TREE/.venv C 1" ]
  [ "${lines[2]}" = 1 ]
  [ ! -e "$TREE/setup.calls" ]
}

@test "path.sh works from any directory, under set -eu and pipefail, with a CDPATH and without VIRTUAL_ENV" {
  run bash -c 'set -euo pipefail; cd /; export CDPATH=/tmp:.; . "$TREE/path.sh"; echo "$ASRTOOLS_ROOT"'
  [ "$status" -eq 0 ]
  [ "$output" = "$TREE" ]
}

@test "sourcing path.sh a second time is silent and leaves PATH as it is" {
  run bash -c '. "$TREE/path.sh"; first=$PATH; cd /; . "$TREE/path.sh"; . "$TREE/egs/x/path.sh"; [ "$PATH" = "$first" ]'
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "path.sh leaves the caller's arguments, options and functions alone" {
  run bash -c 'set -- a "b c"; before=$(declare -F); . "$TREE/path.sh"; echo "$# $2 $-"; [ "$(declare -F)" = "$before" ]; compgen -v _asrtools'
  [ "${lines[0]}" = "2 b c hBc" ]
  [ "${#lines[@]}" -eq 1 ]
}

@test "the path.sh of a recipe is one line that sources the one of the tree" {
  [ "$(grep -cv '^#' "$TREE/egs/x/path.sh")" -eq 1 ]
  run bash -c 'set -euo pipefail; cd "$TREE/egs/x"; . ./path.sh; echo "$ASRTOOLS_ROOT"'
  [ "$status" -eq 0 ]
  [ "$output" = "$TREE" ]
}

@test "path.sh works in zsh, which keeps its own options" {
  command -v zsh >/dev/null || skip "zsh is not installed (tests/run.sh --install)"
  run zsh -fc 'setopt nounset errexit; cd /; . "$TREE/path.sh"; . "$TREE/path.sh"; print -r -- "$ASRTOOLS_ROOT ${path[1]}"; [[ ! -o shwordsplit ]]'
  [ "$status" -eq 0 ]
  [ "$output" = "$TREE $TREE/bin" ]
}

@test "path.sh sets up where .venv is missing, is incomplete, was made elsewhere or is older than the pins" {
  rm "$TREE/.venv/ready"
  bash -c '. "$TREE/path.sh"' 2>/dev/null
  [ "$(wc -l <"$TREE/setup.calls")" -eq 1 ]
  echo /somewhere/else >"$TREE/.venv/ready"
  bash -c '. "$TREE/path.sh"' 2>/dev/null
  [ "$(wc -l <"$TREE/setup.calls")" -eq 2 ]
  touch -t 203001010000 "$TREE/conf/constraints.txt"
  touch -t 203001020000 "$TREE/.venv/ready"
  bash -c '. "$TREE/path.sh"'
  [ "$(wc -l <"$TREE/setup.calls")" -eq 2 ]
  touch -t 203001030000 "$TREE/setup.cfg"
  run bash -c '. "$TREE/path.sh"'
  # the stand-in's marker is from now, and so still older
  [ "$status" -eq 1 ]
  [[ $output == *"ready is missing or outdated"* ]]
}

@test "what set-up prints goes to stderr, and it reads nothing of the caller's stdin" {
  rm "$TREE/.venv/ready"
  echo 'cat >/dev/null' >>"$TREE/utils/setup.sh"
  run bash -c 'echo kept | { . "$TREE/path.sh" 2>"$TREE/err"; cat; }'
  [ "$output" = kept ]
  grep -q "a line of progress" "$TREE/err"
}

@test "when set-up fails path.sh returns 1 and the environment does not look finished" {
  rm "$TREE/.venv/ready"
  touch "$TREE/setup.fails"
  run bash -c 'before=$PATH; export ASRTOOLS_ROOT=/old; . "$TREE/path.sh"; echo "$? ${ASRTOOLS_ROOT-unset} ${VIRTUAL_ENV-unset}"; [ "$PATH" = "$before" ]'
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "setup.sh: no network" ]
  [ "${lines[1]}" = "1 unset unset" ]
  run bash -c 'set -eu; . "$TREE/path.sh"; echo went on'
  [ "$status" -ne 0 ]
  [[ $output != *"went on"* ]]
}

@test "ASRTOOLS_VENV names an environment elsewhere" {
  mv "$TREE/.venv" "$BATS_TEST_TMPDIR/env"
  run bash -c 'export ASRTOOLS_VENV="$1"; . "$TREE/path.sh"; echo "$VIRTUAL_ENV"' _ "$BATS_TEST_TMPDIR/env"
  [ "$output" = "$BATS_TEST_TMPDIR/env" ]
}

@test "path.sh run as a program says that it is to be sourced" {
  run bash "$TREE/path.sh"
  [ "$status" -eq 2 ]
  [[ $output == *". ./path.sh"* ]]
}
