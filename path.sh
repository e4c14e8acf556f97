# Source this file to work with asrtools in this shell: `. ./path.sh` (bash or zsh, from any directory).
#
# It puts bin/ and utils/ first on PATH and activates the virtual environment in .venv, which utils/setup.sh makes on first
# use and brings up to date after conf/constraints.txt or setup.cfg changed. An environment elsewhere: export ASRTOOLS_VENV=DIR.
# It sets: PATH, ASRTOOLS_ROOT, VIRTUAL_ENV, LC_ALL, PYTHONUTF8. Where set-up fails it sets none of them and returns 1.
# shellcheck shell=bash

_asrtools_enter() {
  # zsh would not split, match or report as the lines below expect
  [ -z "${ZSH_VERSION:-}" ] || emulate -L sh
  local root venv entry rest
  root=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd -P) || return 1
  if [ ! -f "$root/utils/setup.sh" ]; then
    echo "path.sh: $root holds no utils/setup.sh; source path.sh by its path, from bash or zsh" >&2
    return 1
  fi
  venv=${ASRTOOLS_VENV:-$root/.venv}
  case $venv in
    /*) ;;
    *) venv=$PWD/$venv ;;
  esac

  if ! _asrtools_is_ready "$root" "$venv"; then
    # its output must not land in a recipe's stdout, nor its input be a recipe's stdin
    bash "$root/utils/setup.sh" --venv "$venv" </dev/null >&2 || return 1
    if ! _asrtools_is_ready "$root" "$venv"; then
      echo "path.sh: utils/setup.sh ended well but $venv/ready is missing or outdated; remove $venv and source path.sh again" >&2
      return 1
    fi
  fi

  # ours first, and each once: sourcing path.sh again must not make PATH grow
  rest=:$PATH:
  for entry in "$venv/bin" "$root/utils" "$root/bin"; do
    while :; do
      case $rest in
        *":$entry:"*) rest=${rest%%":$entry:"*}:${rest#*":$entry:"} ;;
        *) break ;;
      esac
    done
    rest=:$entry$rest
  done
  rest=${rest#:}
  export PATH="${rest%:}"
  export ASRTOOLS_ROOT="$root"
  export VIRTUAL_ENV="$venv"
  # Kaldi files are sorted by byte; without this sort, join and comm order them by the user's language
  export LC_ALL=C
  # and Python is to read and write UTF-8 all the same
  export PYTHONUTF8=1
  # would send .venv's Python to another installation's library
  unset PYTHONHOME
}

# The marker's first line is the checkout it was made for, so that a moved or copied tree sets itself up anew.
_asrtools_is_ready() {
  local made_for=
  [ -f "$2/ready" ] && [ -x "$2/bin/python" ] || return 1
  IFS= read -r made_for <"$2/ready" || return 1
  [ "$made_for" = "$1" ] || return 1
  [ ! "$1/conf/constraints.txt" -nt "$2/ready" ] && [ ! "$1/setup.cfg" -nt "$2/ready" ]
}

if [ -n "${BASH_VERSION:-}" ]; then
  _asrtools_file=${BASH_SOURCE[0]}
  if [ "$_asrtools_file" = "$0" ]; then
    echo "path.sh: run as a program it changes nothing; source it: . ./path.sh" >&2
    exit 2
  fi
elif [ -n "${ZSH_VERSION:-}" ]; then
  # hidden from bash, which takes it for a bad substitution
  eval '_asrtools_file=${(%):-%x}'
else
  # a plain sh cannot tell where a sourced file lies
  _asrtools_file=./path.sh
fi

if _asrtools_enter "$_asrtools_file"; then
  unset -f _asrtools_enter _asrtools_is_ready
  unset _asrtools_file
else
  unset -f _asrtools_enter _asrtools_is_ready
  # a root left over from an earlier, successful sourcing would make this look finished
  unset _asrtools_file ASRTOOLS_ROOT
  return 1
fi
