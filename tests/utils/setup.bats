#!/usr/bin/env bats
# utils/setup.sh as far as it goes without installing anything.
# shellcheck disable=SC2016  # code in single quotes is for another shell

setup() {
  SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  TREE="$BATS_TEST_TMPDIR/a tree"
  mkdir -p "$TREE/conf" "$TREE/utils"
  cp "$SOURCE/path.sh" "$SOURCE/setup.cfg" "$TREE"
  cp "$SOURCE/conf/constraints.txt" "$TREE/conf"
  cp "$SOURCE/utils/setup.sh" "$TREE/utils"
  TREE=$(cd "$TREE" && pwd -P)
  VENV=$TREE/.venv
  unset VIRTUAL_ENV CONDA_PREFIX ASRTOOLS_ROOT ASRTOOLS_VENV
  # a Python outside any environment
  BASE=$(python3 -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2]))')
  # no index answers and no folder of wheels is known
  export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS='' PIP_EXTRA_INDEX_URL='' PIP_INDEX_URL=http://127.0.0.1:9/simple
  export PIP_RETRIES=0 PIP_DEFAULT_TIMEOUT=2
  export TREE
}

# A Python that answers like version $2 without ($3 no-venv) or with the modules venv and ensurepip.
fake_python() {
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\ncase "$2" in *ensurepip*) echo "%s|%s|||%s" ;; *) echo %s ;; esac\n' "$2" "$3" "$1" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# The tools of setup.sh and no Python.
tools_only() {
  local tool
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  for tool in awk bash cat cp cut date dirname env find grep head hostname mkdir mv ps rm rmdir sed sleep sort tail touch tr uname wc; do
    ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/$tool" 2>/dev/null || true
  done
}

@test "without network set-up is one sentence with the cure, and leaves no marker" {
  run bash "$TREE/utils/setup.sh" --python "$BASE" --extras test
  [ "$status" -eq 1 ]
  last=${lines[${#lines[@]} - 1]}
  [[ $last == "setup.sh: torch could not be installed: "*PIP_INDEX_URL*"pip download"*"[test]"*PIP_FIND_LINKS* ]]
  [[ $output != *Traceback* ]]
  [[ $output != *WARNING* ]]
  [ "${#lines[@]}" -le 3 ]
  [ -x "$VENV/bin/python" ]
  [ ! -e "$VENV/ready" ]
  [ ! -e "$VENV/lock" ]
  grep -q 127.0.0.1 "$VENV/setup.log"

  # the second run goes on with what is there; and a machine that has no index at all is told the same
  unset PIP_INDEX_URL
  export PIP_NO_INDEX=1
  run bash -c 'cd "$TREE"; . ./path.sh; echo "rc $? ${ASRTOOLS_ROOT-unset}"'
  [[ $output != *"making"* ]]
  [[ $output == *"pip found nothing to fetch torch"* ]]
  [[ $output == *"rc 1 unset"* ]]
}

@test "an unknown extra is named together with those there are" {
  run bash "$TREE/utils/setup.sh" --extras test,speling
  [ "$status" -eq 2 ]
  [[ $output == *"no extra speling; it has"*"test"* ]]
  [ ! -e "$VENV/lock" ]
}

@test "a Python that is too old or too new is named with its version" {
  fake_python python3.9 3.9 venv
  run bash "$TREE/utils/setup.sh" --python "$BATS_TEST_TMPDIR/bin/python3.9"
  [ "$status" -eq 1 ]
  [[ $output == *"is Python 3.9; asrtools runs on 3.10 to 3.13"* ]]
  tools_only
  fake_python python3 3.14 venv
  PATH="$BATS_TEST_TMPDIR/bin" run bash "$TREE/utils/setup.sh"
  [ "$status" -eq 1 ]
  [[ $output == *"no Python 3.10 to 3.13 on PATH (python3 is 3.14); install one"* ]]
}

@test "a Python without the module venv is told how to get it" {
  tools_only
  fake_python python3 3.11 no-venv
  PATH="$BATS_TEST_TMPDIR/bin" run bash "$TREE/utils/setup.sh"
  [ "$status" -eq 1 ]
  [[ $output == *"apt install python3.11-venv"* ]]
  [ "${#lines[@]}" -eq 1 ]
}

@test "a folder that is no virtual environment is not emptied" {
  mkdir "$BATS_TEST_TMPDIR/precious"
  echo data >"$BATS_TEST_TMPDIR/precious/file"
  run bash "$TREE/utils/setup.sh" --python "$BASE" --venv "$BATS_TEST_TMPDIR/precious"
  [ "$status" -eq 1 ]
  [[ $output == *"not empty and no virtual environment"* ]]
  [ "$(cat "$BATS_TEST_TMPDIR/precious/file")" = data ]
}

# An environment that counts as set up: the marker is there, of this tree, and newer than the pins.
make_ready() {
  mkdir -p "$VENV/bin"
  ln -s "$BASE" "$VENV/bin/python"
  printf '%s\nextras: %s\n' "$TREE" "$1" >"$VENV/ready"
  printf '%s\n' "$1" >"$VENV/extras"
}

@test "a finished environment is left alone, also when it was asked for with the extras it has" {
  make_ready "synth test"
  run bash "$TREE/utils/setup.sh"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  run bash "$TREE/utils/setup.sh" --extras test --extras=synth
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "the lock of a dead process is taken over, that of a living one is waited for" {
  make_ready ""
  sleep 0.1 &
  dead=$!
  wait "$dead"
  mkdir "$VENV/lock"
  echo "$dead $(hostname)" >"$VENV/lock/owner"
  run bash "$TREE/utils/setup.sh"
  [ "$status" -eq 0 ]
  [ ! -e "$VENV/lock" ]

  mkdir "$VENV/lock"
  echo "$$ $(hostname)" >"$VENV/lock/owner"
  (sleep 2; rm -r "$VENV/lock") &
  run bash "$TREE/utils/setup.sh"
  [ "$status" -eq 0 ]
  [[ $output == *"another set-up (process $$"* ]]
}

@test "every requirement of setup.cfg has a pin" {
  run python3 - "$SOURCE" <<'END'
import configparser, re, sys

root = sys.argv[1]
config = configparser.ConfigParser()
config.read(f"{root}/setup.cfg")
wanted = [config["options"]["install_requires"], *config["options.extras_require"].values()]
lines = [line.strip() for block in wanted for line in re.split(r"[\n;]", block)]
normal = lambda line: re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower()
pinned = {normal(line) for line in open(f"{root}/conf/constraints.txt") if "==" in line and not line.startswith("#")}
missing = [line for line in lines if line and not line.startswith("#") and normal(line) not in pinned]
print(missing)
sys.exit(bool(missing))
END
  [ "$status" -eq 0 ]
}

@test "utils name no machine, no registry and nothing that needs root" {
  run grep -nE '/opt/|/root|pypi\.org|sudo |http://|https://' "$SOURCE/path.sh" "$SOURCE"/utils/*.sh "$SOURCE/conf/constraints.txt"
  [ "$status" -eq 1 ]
}
