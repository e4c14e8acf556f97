# Command-line options for a script, from the variables it has set: source this below them, `. parse_options.sh`.
#
#   nj=4            # number of jobs
#   resume=false
#   . parse_options.sh
#
# makes `--nj 8`, `--nj=8`, `--resume true` and, for names of several words, `--max-len 3` and `--max_len 3` work. What follows the
# options stays in "$@"; `--` ends them. A variable that is true or false takes only these two. `--config FILE` sources
# FILE before the other options are read (unless the script has a variable `config` of its own), `--help` prints
# the comment at the top of the script and the options. Anything wrong is one sentence on stderr and exit status 2.
# shellcheck shell=bash

# Every name here begins with _po_, locals too: a script's options may be called anything else.

# The variables assigned at the start of a line of file $1, above the line that sources parse_options.sh. Not those of
# `name=value command`, which hold for that command alone.
_po_names_in() {
  awk '
    { sub(/\r$/, "") }
    /^[ \t]*(\.|source)[ \t].*parse_options\.sh/ { exit }
    /^[A-Za-z_][A-Za-z0-9_]*=[^ \t"'\''$(]*[ \t]+[^# \t;]/ { next }
    { sub(/^export[ \t]+/, ""); sub(/^: "?\$\{/, "") }
    /^[A-Za-z][A-Za-z0-9_]*:?=/ { sub(/:?=.*/, ""); if (!($0 in seen)) print; seen[$0] }' "$1"
}

_po_die() {
  printf '%s: %s\n' "${_po_script##*/}" "$1" >&2
  exit 2
}

# As it is typed: max_len -> --max-len
_po_typed() { printf '%s\n' "$1" | sed 's/_/-/g; s/^/--/'; }

_po_is_option() {
  case " $_po_options " in *" $1 "*) ;; *) return 1 ;; esac
}

# Ends the script unless $1 is an option; $2 says where the name was read.
_po_require_option() {
  ! _po_is_option "$1" || return 0
  _po_die "$2unknown option $(_po_typed "$1")$(printf '%s\n' "$_po_options" | awk -v want="$1" '
    function least(a, b) { return a < b ? a : b }
    function distance(a, b,    i, j, row, left_above, above) {
      for (j = 0; j <= length(b); j++) row[j] = j
      for (i = 1; i <= length(a); i++) {
        left_above = row[0]; row[0] = i
        for (j = 1; j <= length(b); j++) {
          above = row[j]
          row[j] = least(least(above, row[j - 1]) + 1, left_above + (substr(a, i, 1) != substr(b, j, 1)))
          left_above = above
        }
      }
      return row[length(b)]
    }
    {
      for (i = 1; i <= NF; i++) {
        is_near = distance(want, $i) <= 1 + int(length(want) / 4)
        if (length(want) > 1 && length($i) > 1) is_near = is_near || index($i, want) || index(want, $i) == 1
        name = $i; gsub(/_/, "-", name)
        all = all " --" name
        if (is_near) near = near (near == "" ? "" : " or ") "--" name
      }
      if (near != "") printf " (did you mean %s?)", near
      print "; the options are" (all == "" ? " none" : all)
    }')"
}

_po_require_boolean() {
  case " $_po_booleans " in
    *" $1 "*)
      case $2 in true | false) ;; *) _po_die "$3$(_po_typed "$1") is '$2'; it takes true or false" ;; esac
      ;;
  esac
}

_po_read_config() {
  local _po_file=$1 _po_name _po_now
  [ -f "$_po_file" ] || _po_die "--config $_po_file: no such file"
  for _po_name in $(_po_names_in "$_po_file"); do
    _po_require_option "$_po_name" "$_po_file: "
  done
  # a name without a slash would be looked for on PATH
  case $_po_file in */*) ;; *) _po_file=./$_po_file ;; esac
  # shellcheck disable=SC1090
  . "$_po_file"
  for _po_name in $_po_booleans; do
    eval "_po_now=\$$_po_name"
    _po_require_boolean "$_po_name" "$_po_now" "$1: "
  done
}

_po_help() {
  local _po_name _po_now
  awk 'NR == 1 && /^#!/ { next } !/^#/ { exit } /^# shellcheck/ { next } { sub(/^# ?/, ""); print }' "$_po_script"
  printf '\nOptions, as they are set:\n'
  for _po_name in $_po_options; do
    eval "_po_now=\$$_po_name"
    printf '  %s %s%s\n' "$(_po_typed "$_po_name")" "${_po_now:-\"\"}" "$(awk -v name="$_po_name" '
      index($0, name "=") == 1 && match($0, /[ \t]#[ \t]/) { printf "   # %s", substr($0, RSTART + 3); exit }' "$_po_script")"
  done
}

_po_script=${BASH_SOURCE[1]:-$0}
# a relative name is from before the script's own `cd "$(dirname "$0")"`
if [ ! -f "$_po_script" ]; then
  if [ -f "${OLDPWD:-.}/$_po_script" ]; then
    _po_script=$OLDPWD/$_po_script
  elif [ -f "./${_po_script##*/}" ]; then
    _po_script=./${_po_script##*/}
  else
    _po_die "cannot read this script to learn its options; source parse_options.sh before changing directory"
  fi
fi
_po_options=
_po_booleans=
for _po_name in $(_po_names_in "$_po_script"); do
  # an assignment may stand in a branch that was not taken
  eval "[ -n \"\${$_po_name+set}\" ]" || continue
  _po_options="$_po_options${_po_options:+ }$_po_name"
  eval "_po_value=\$$_po_name"
  case $_po_value in true | false) _po_booleans="$_po_booleans $_po_name" ;; esac
done

# first, so that the command line overrides the file wherever --config stands
_po_i=1
while [ $_po_i -le $# ] && ! _po_is_option config; do
  _po_name=${!_po_i}
  case $_po_name in
    --config=*) _po_read_config "${_po_name#*=}" ;;
    -- | --help | -h) break ;;
    --*=*) ;;
    --?*)
      _po_i=$((_po_i + 1))
      if [ "$_po_name" = --config ]; then
        [ $_po_i -le $# ] || _po_die "--config needs a file"
        _po_read_config "${!_po_i}"
      fi
      ;;
    *) break ;;
  esac
  _po_i=$((_po_i + 1))
done

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      _po_help
      exit 0
      ;;
    --)
      shift
      break
      ;;
    --?*) ;;
    *) break ;;
  esac
  _po_name=${1%%=*}
  _po_name=${_po_name#--}
  case $_po_name in
    *[!A-Za-z0-9_-]* | '') _po_die "'$1' is no option; an option is --name, of letters, digits and hyphens" ;;
  esac
  _po_name=${_po_name//-/_}
  [ "$_po_name" = config ] || _po_require_option "$_po_name" ''
  case $1 in
    *=*) _po_value=${1#*=} ;;
    *)
      [ $# -ge 2 ] || _po_die "$1 needs a value"
      _po_value=$2
      shift
      ;;
  esac
  shift
  # a config file has been read above
  _po_is_option "$_po_name" || continue
  _po_require_boolean "$_po_name" "$_po_value" ''
  # a word would be compared as a number far from here
  case $_po_name=$_po_value in
    stage=[0-9]* | stop_stage=[0-9]* | nj=[1-9]* | stage=-[0-9]* | stop_stage=-[0-9]*) _po_digits=${_po_value#-} ;;
    stage=* | stop_stage=* | nj=*) _po_digits=x ;;
    *) _po_digits= ;;
  esac
  case $_po_digits in
    *[!0-9]*) _po_die "--${_po_name//_/-} is '$_po_value'; it takes a number" ;;
  esac
  printf -v "$_po_name" '%s' "$_po_value"
done

unset -f _po_names_in _po_die _po_typed _po_is_option _po_require_option _po_require_boolean _po_read_config _po_help
unset _po_script _po_options _po_booleans _po_i _po_name _po_value _po_digits
