# What numbered stages need: source this in a recipe after `. ./path.sh`, from the recipe's own directory; `stage` and `stop_stage` are
# the recipe's options.
#
#   if runs 2 "lists in data/list"; then      # is stage 2 between --stage and --stop_stage? then it says so
#     need data/train/text 1                  # stage 1 makes this file; without it the recipe ends, and says so
#     fresh out in1 in2 || command > out      # is there an out, and newer than its inputs?
#   fi
# shellcheck shell=bash

_recipe=egs/${PWD##*/}/run.sh

log() { echo "$(date '+%F %T') $_recipe: $*"; }

# die SENTENCE
die() {
  echo "$_recipe: $*" >&2
  exit 1
}

# runs STAGE WHAT
runs() {
  # shellcheck disable=SC2154  # the recipe's
  if [ "$stage" -gt "$1" ] || [ "$stop_stage" -lt "$1" ]; then return 1; fi
  log "stage $1: $2"
}

# need FILE STAGE
need() {
  [ -s "$1" ] || die "$1 is missing; stage $2 makes it: run.sh --stage $2"
}

# fresh OUTPUT INPUT...
fresh() {
  local output=$1 input
  shift
  [ -s "$output" ] || return 1
  for input in "$@"; do
    [ ! "$input" -nt "$output" ] || return 1
  done
}

# absolute NAME...: the variables of these names hold paths; a relative one counts from here
absolute() {
  local name
  for name; do
    case ${!name} in /* | '') ;; *) printf -v "$name" '%s' "$PWD/${!name}" ;; esac
  done
}
