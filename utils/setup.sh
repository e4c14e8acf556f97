#!/usr/bin/env bash
# Makes the virtual environment that asrtools runs in, at the versions of conf/constraints.txt. `. ./path.sh` calls it when needed.
#
#   utils/setup.sh [--extras a,b] [--python PYTHON] [--venv DIR]
#
#   --extras a,b     also install these extras of setup.cfg (test, onnx, ...); remembered, so that a later set-up keeps them
#   --python PYTHON  the Python to build on, 3.10 to 3.13; otherwise the active environment's or the first fitting one on PATH
#   --venv DIR       where to put it; otherwise $ASRTOOLS_VENV or .venv in the checkout
#
# A torch that can be imported in the active environment (conda, venv, system) is kept and used; otherwise the pinned one is installed.
# It may be interrupted and repeated at any point, and started twice at once. All that pip says is in DIR/setup.log.
# pip's own settings hold here too: PIP_INDEX_URL (a mirror), PIP_FIND_LINKS (a folder of wheels), PIP_NO_INDEX=1 (no network).
set -euo pipefail

MIN_MINOR=10
MAX_MINOR=13

say() { printf 'setup.sh: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

usage_error() {
  say "$* (setup.sh --help tells more)"
  exit 2
}

# ---------------------------------------------------------------- arguments

extras=
python=
venv=${ASRTOOLS_VENV:-}
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --extras=* | --python=* | --venv=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    --extras | --python | --venv)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      case $1 in
        --extras) extras=$extras,$2 ;;
        --python) python=$2 ;;
        --venv) venv=$2 ;;
      esac
      shift 2
      ;;
    *) usage_error "unknown argument $1; it takes --extras, --python and --venv" ;;
  esac
done

started=$SECONDS
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
constraints=$root/conf/constraints.txt
venv=${venv:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
[ -f "$constraints" ] || die "$constraints is missing; restore it, it holds the versions to install"
[ -f "$root/setup.cfg" ] || die "$root/setup.cfg is missing; restore it, it says what asrtools needs"

# python must mean one outside the environment that is being made, and nothing from the caller may leak into it
search_path=
rest=$PATH:
while [ -n "$rest" ]; do
  entry=${rest%%:*}
  rest=${rest#*:}
  [ "$entry" = "$venv/bin" ] || search_path=$search_path:$entry
done
PATH=${search_path#:}
[ "${VIRTUAL_ENV:-}" != "$venv" ] || unset VIRTUAL_ENV
unset PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV
unset PYTHONDONTWRITEBYTECODE
export PIP_USER=0 PYTHONUTF8=1

# ---------------------------------------------------------------- one at a time

mkdir -p "$venv" 2>/dev/null || die "$venv cannot be made; make the folder writable or export ASRTOOLS_VENV=DIR to put it elsewhere"
venv=$(CDPATH='' cd -- "$venv" && pwd -P)
[ -w "$venv" ] || die "$venv cannot be written; make it writable or export ASRTOOLS_VENV=DIR to put it elsewhere"
log=$venv/setup.log
lock=$venv/lock
stamp=$venv/ready.$$
have_lock=no
child=

release() {
  rm -f "$stamp"
  if [ $have_lock = yes ]; then
    have_lock=no
    rm -rf "$lock"
  fi
}

interrupted() {
  trap '' INT TERM HUP
  if [ -n "$child" ]; then
    kill -- "-$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  say "interrupted; run it again and it goes on"
  exit "$1"
}

trap release EXIT
trap 'interrupted 130' INT
trap 'interrupted 143' TERM
trap 'interrupted 129' HUP

# Runs a command so that a signal is acted upon at once, not when pip is through; in a process group of its own, so that what
# it started ends with it.
run() {
  local status=0
  set -m
  "$@" </dev/null >>"$log" 2>&1 &
  child=$!
  set +m
  printf '%s\n' "$child" >"$lock/child"
  wait "$child" || status=$?
  child=
  return $status
}

take_lock() {
  local owner='' host='' no_owner=0 rounds=0
  host=$(hostname 2>/dev/null || uname -n)
  while ! mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/owner" 2>/dev/null || true)
    if [ -z "$owner" ]; then
      # made a moment ago, or left by one that died before it wrote its name
      no_owner=$((no_owner + 1))
    else
      no_owner=0
    fi
    if [ $no_owner -gt 20 ] || { [ -n "$owner" ] && [ "${owner#* }" = "$host" ] && ! is_alive "${owner%% *}" && ! has_child; }; then
      # of several that see the dead owner only one makes this folder, and it looks again before it takes over
      if mkdir "$lock/takeover" 2>/dev/null; then
        if [ "$(cat "$lock/owner" 2>/dev/null || true)" = "$owner" ]; then
          printf '%s %s\n' $$ "$host" >"$lock/owner"
          rmdir "$lock/takeover"
          have_lock=yes
          return
        fi
        rmdir "$lock/takeover"
      fi
    fi
    rounds=$((rounds + 1))
    if [ $rounds = 4 ]; then
      say "another set-up${owner:+ (process ${owner%% *} on ${owner#* })} is at work in $venv; waiting (were it gone, remove $lock)"
    fi
    sleep 0.25
  done
  have_lock=yes
  printf '%s %s\n' $$ "$host" >"$lock/owner"
}

is_alive() { kill -0 "$1" 2>/dev/null || ps -p "$1" >/dev/null 2>&1; }

# A pip whose setup.sh was killed works on; it has to end first.
has_child() {
  local pid
  pid=$(cat "$lock/child" 2>/dev/null || true)
  [ -n "$pid" ] && is_alive "$pid"
}

take_lock
rm -f "$venv"/ready.[0-9]*

# ---------------------------------------------------------------- anything to do?

known_extras=$(awk '
  /^\[/ { inside = ($0 ~ /^\[options.extras_require\]/); next }
  inside && /^[A-Za-z0-9_-]+[ \t]*=/ { sub(/[ \t]*=.*/, ""); print }' "$root/setup.cfg")
# what was remembered, as long as setup.cfg has it
remembered=$({ cat "$venv/extras" 2>/dev/null || true; } | tr ' ' '\n' | grep -xF -e "$known_extras" || true)
# as "a b c", sorted, each once
extras=$(printf '%s\n%s\n' "$extras" "$remembered" | tr ',' ' ' | tr ' ' '\n' | sed '/^$/d' | sort -u | tr '\n' ' ')
extras=${extras% }
pins() { awk -v want="$1" '$0 ~ "^" want "==" { sub(";.*", ""); print; exit }' "$constraints"; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
is_fit() { case $1 in 3.*) [ "${1#3.}" -ge $MIN_MINOR ] && [ "${1#3.}" -le $MAX_MINOR ] ;; *) false ;; esac; }

is_ready() {
  local line
  [ -f "$venv/ready" ] && [ -x "$venv/bin/python" ] || return 1
  { IFS= read -r line && [ "$line" = "$root" ] && IFS= read -r line && [ "$line" = "extras: $extras" ]; } <"$venv/ready" || return 1
  [ -z "$python" ] || [ "$(version_of "$venv/bin/python")" = "$(version_of "$python")" ] || return 1
  [ ! "$constraints" -nt "$venv/ready" ] && [ ! "$root/setup.cfg" -nt "$venv/ready" ]
}

if is_ready; then
  exit 0
fi
# the marker gets this time, not the end's, so that a change made to the pins meanwhile is seen
: >"$stamp"

unknown_extras=$(printf '%s\n' "$extras" | tr ' ' '\n' | grep -vxF -e "$known_extras" -e '' || true)
[ -z "$unknown_extras" ] || usage_error "setup.cfg has no extra ${unknown_extras%%$'\n'*}; it has ${known_extras//$'\n'/ }"

# ---------------------------------------------------------------- which Python, whose torch

# Prints version|venv or no-venv|torch's version|the folder torch lies in|the Python's own path; nothing for torch where there is none.
# Imported, not only found: a torch whose libraries are missing is of no use.
probe='
import os, sys
try:
    import ensurepip, venv
    has_venv = "venv"
except ImportError:
    has_venv = "no-venv"
version = place = ""
if sys.argv[1] == "torch":
    try:
        import torch
        version, place = torch.__version__, os.path.dirname(os.path.dirname(os.path.abspath(torch.__file__)))
    except Exception:
        version = place = ""
print("|".join(["%d.%d" % sys.version_info[:2], has_venv, version, place, sys.executable]))
'
# from / so that a folder named torch in the working directory is not taken for it
ask() { (cd / && exec "$1" -c "$probe" "$2" 2>/dev/null) || true; }
field() { printf '%s\n' "$1" | cut -d '|' -f "$2"; }

torch_floor=$(sed -n 's/^ *torch *>= *\([0-9.]*\).*/\1/p' "$root/setup.cfg" | head -n 1)
torch_is_new_enough() {
  awk -v have="$1" -v need="${torch_floor:-0}" 'BEGIN {
    split(have, h, "[.+]"); split(need, n, ".")
    exit !(h[1] + 0 > n[1] + 0 || (h[1] + 0 == n[1] + 0 && h[2] + 0 >= n[2] + 0))
  }'
}

base=          # the Python that .venv is made from
torch_place=   # the folder of the kept torch, empty for the pinned one
torch_version=
choose_python() {
  local candidate found version seen='' first_problem='' tried=' '
  if [ -n "$python" ]; then
    found=$(ask "$python" torch)
    version=$(field "$found" 1)
    [ -n "$found" ] || die "--python $python cannot be run; name a Python 3.$MIN_MINOR to 3.$MAX_MINOR"
    is_fit "$version" || die "--python $python is Python $version; asrtools runs on 3.$MIN_MINOR to 3.$MAX_MINOR"
    consider_torch "$found"
    base=$(field "$found" 5)
    [ "$(field "$found" 2)" = venv ] || no_venv_module "$python" "$version"
    return
  fi

  # an environment with torch in it comes first: torch is the largest part, and its owner chose it to fit their GPU
  for candidate in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" "${CONDA_PREFIX:+$CONDA_PREFIX/bin/python}" python3 python; do
    { [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1; } || continue
    found=$(ask "$candidate" torch)
    case $tried in *" $(field "$found" 5) "*) continue ;; esac
    tried="$tried$(field "$found" 5) "
    consider_torch "$found"
    if [ -n "$torch_place" ]; then
      base=$(field "$found" 5)
      return
    fi
  done

  # python3 is what its user means by Python; then the versions that most wheels exist for
  for candidate in python3 python3.12 python3.11 python3.13 python3.10 python; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    # answers, for one: a pyenv shim is there for versions it does not run
    found=$(ask "$candidate" none)
    [ -n "$found" ] || continue
    version=$(field "$found" 1)
    seen="$seen, $candidate is $version"
    is_fit "$version" || continue
    if [ "$(field "$found" 2)" = venv ]; then
      base=$(field "$found" 5)
      return
    fi
    first_problem=${first_problem:-$candidate $version}
  done
  seen=${seen:-, there is none at all}
  [ -z "$first_problem" ] || no_venv_module "${first_problem% *}" "${first_problem#* }"
  die "no Python 3.$MIN_MINOR to 3.$MAX_MINOR on PATH (${seen#, }); install one, for example" \
    "'conda create -n asr python=3.12', and name it: utils/setup.sh --python /path/to/python3.12"
}

consider_torch() {
  local version
  version=$(field "$1" 3)
  torch_place=
  [ -n "$version" ] || return 0
  if ! is_fit "$(field "$1" 1)"; then
    say "the torch $version of $(field "$1" 5) is not used: its Python is $(field "$1" 1), asrtools needs 3.$MIN_MINOR to 3.$MAX_MINOR"
  elif ! torch_is_new_enough "$version"; then
    say "the torch $version of $(field "$1" 5) is not used: asrtools needs $torch_floor or newer"
  elif [ "$(field "$1" 2)" != venv ]; then
    say "the torch $version of $(field "$1" 5) is not used: its Python lacks the modules venv and ensurepip"
  else
    torch_place=$(field "$1" 4)
    torch_version=$version
  fi
}

no_venv_module() {
  die "$1 (Python $2) cannot make virtual environments, its modules venv and ensurepip are not installed; install them" \
    "(Debian, Ubuntu: apt install python$2-venv) or name another Python with --python"
}

# ---------------------------------------------------------------- .venv itself

# Says where torch comes from: a kept one's folder, which it appends to sys.path so that what .venv has itself comes first,
# or a comment. Written as soon as that is decided.
TORCH_LINK=asrtools-torch.pth
site_packages() { "$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
keeps_torch() { [ -s "$site/$TORCH_LINK" ] && ! grep -q '^#' "$site/$TORCH_LINK"; }

# Sound: made at this path (its scripts hold it), by a Python that still runs, with pip, with torch settled.
venv_is_sound() {
  local version
  [ -f "$venv/pyvenv.cfg" ] && grep -qF -- "$venv" "$venv/bin/activate" 2>/dev/null || return 1
  version=$(version_of "$venv/bin/python")
  is_fit "$version" || return 1
  [ -z "$python" ] || [ "$(version_of "$python")" = "$version" ] || return 1
  "$venv/bin/python" -I -m pip --version >/dev/null 2>&1 || return 1
  site=$(site_packages)
  [ -f "$site/$TORCH_LINK" ] || [ -f "$site/torch/__init__.py" ] || return 1
  # the environment of a kept torch may be gone by now
  ! keeps_torch || "$venv/bin/python" -I -c 'import torch' >/dev/null 2>&1
}

make_venv() {
  # a folder that holds somebody's data is never emptied
  if [ ! -f "$log" ] && [ ! -f "$venv/pyvenv.cfg" ] &&
    [ -n "$(find "$venv" -mindepth 1 -maxdepth 1 ! -name lock ! -name 'ready.*' | head -n 1)" ]; then
    die "$venv is not empty and no virtual environment; name another place with --venv"
  fi
  choose_python
  say "making $venv with Python $(version_of "$base") ($base)"
  : >"$log"
  find "$venv" -mindepth 1 -maxdepth 1 ! -name lock ! -name setup.log ! -name extras ! -name 'ready.*' -exec rm -rf {} +
  begin_step
  run "$base" -m venv "$venv" || failed "the virtual environment could not be made"
  site=$(site_packages)
  if [ -n "$torch_place" ]; then
    say "keeping torch $torch_version of $torch_place"
    printf '%s\n' "$torch_place" >"$site/$TORCH_LINK"
  else
    echo '# torch is installed in this environment' >"$site/$TORCH_LINK"
  fi
}

# An interrupted pip leaves packages behind that look installed and are not whole. Without its .dist-info a package counts as
# missing, and pip puts it there again.
forget_broken_packages() {
  "$venv/bin/python" -I - "$site" <<'END' >>"$log" 2>&1
import csv, os, shutil, sys

site = sys.argv[1]
for name in sorted(os.listdir(site)):
    path = os.path.join(site, name)
    if name.startswith("~"):  # pip's own half-removed packages
        shutil.rmtree(path, ignore_errors=True)
    if not name.endswith(".dist-info") or name.startswith("pip-"):
        continue
    try:
        with open(os.path.join(path, "RECORD"), newline="") as record:
            # numpy's wheel carries .pyc files that Python then writes anew
            is_whole = all(
                os.path.getsize(os.path.join(site, file)) == int(size)
                for file, _, size in csv.reader(record)
                if size and not file.endswith(".pyc")
            )
    except (OSError, ValueError):
        is_whole = False
    if not is_whole:
        print("not whole, installing it again:", name)
        shutil.rmtree(path)
END
}

# ---------------------------------------------------------------- packages

begin_step() { log_lines=$(wc -l <"$log"); }

# What pip said since the step began, as one sentence where it is about the network, else its last lines.
failed() {
  local said missing
  said=$(tail -n "+$((log_lines + 1))" "$log")
  missing=$(printf '%s\n' "$said" | sed -n 's/^ERROR: No matching distribution found for \([^ ]*\).*/\1/p' | head -n 1)
  if [ -z "$missing" ]; then
    # a pin that pip finds no file for it calls a conflict of the pin with whatever asks for the package
    missing=$(printf '%s\n' "$said" | sed -n 's/^ *The user requested (constraint) \([^ ;]*\).*/\1/p' | head -n 1)
    if [ -n "$missing" ] && pip_install --dry-run --no-deps --ignore-installed "$missing"; then
      missing=
    fi
  fi
  if [ -n "$missing" ] || printf '%s\n' "$said" | grep -qiE "$NETWORK_TROUBLE"; then
    die "$1: pip found nothing to fetch ${missing:-it} from (no network, or no wheel for this Python; $log has pip's words);" \
      "set PIP_INDEX_URL to a mirror you can reach, or run 'pip download -d wheels -c conf/constraints.txt \".${extras:+[$(commas)]}\"'" \
      "where there is network and then here 'PIP_NO_INDEX=1 PIP_FIND_LINKS=\$PWD/wheels utils/setup.sh'"
  fi
  printf '%s\n' "$said" | grep -v '^WARNING' | tail -n 15 >&2 || true
  die "$1 (above, the end of $log)"
}

NETWORK_TROUBLE='connection (refused|broken|aborted|reset|timed out)|NewConnectionError|ConnectTimeout|ReadTimeout|Max retries'
NETWORK_TROUBLE="$NETWORK_TROUBLE|name resolution|network is unreachable|ProxyError|SSLError"

commas() { printf '%s\n' "$extras" | tr ' ' ','; }

# short of pip's five tries at 15 s each, which a user without network would sit through for every package
pip_install() {
  run env PIP_RETRIES="${PIP_RETRIES:-2}" "$venv/bin/python" -I -m pip install \
    --disable-pip-version-check --no-input --no-color --progress-bar off -c "$used_constraints" "$@"
}

install_torch() {
  local pin
  pin=$(pins torch)
  [ -n "$pin" ] || die "$constraints has no line torch==; restore it"
  if ! "$venv/bin/python" -I -c 'import importlib.metadata as m, sys; sys.exit(m.version("torch").split("+")[0] != sys.argv[1])' \
    "${pin#torch==}" >/dev/null 2>&1; then
    say "installing $pin (the largest part; minutes on a slow line)"
  fi
  begin_step
  # before anything that requires some torch: pip would choose the newest, with gigabytes of CUDA
  pip_install torch || failed "torch could not be installed"
}

install_package() {
  say "installing asrtools and what it needs${extras:+ (extras: $(commas))}"
  begin_step
  # the build uses this setuptools; pip would fetch another one for an isolated build
  pip_install setuptools || failed "setuptools could not be installed"
  begin_step
  # from the checkout, where "." is a path without spaces and brackets whatever the folder is called
  cd "$root"
  pip_install --no-build-isolation -e ".${extras:+[$(commas)]}" || failed "asrtools could not be installed"
}

# A kept torch's requirements are its own affair: pins on them could contradict it.
write_constraints() {
  used_constraints=$venv/constraints.txt
  if keeps_torch; then
    awk '/^# \[/ { of_torch = ($2 == "[torch]") } !of_torch' "$constraints" >"$used_constraints"
  else
    cp "$constraints" "$used_constraints"
  fi
}

imports() { run "$venv/bin/python" -I -c 'import torch, asrtools'; }

# ---------------------------------------------------------------- the steps

rm -f "$venv/ready"
if venv_is_sound; then
  printf '\n-- %s\n' "$(date)" >>"$log"
  forget_broken_packages
else
  make_venv
fi
write_constraints
keeps_torch || install_torch
install_package

begin_step
if ! imports && keeps_torch; then
  say "the kept torch does not work from $venv ($(tail -n 1 "$log")); installing one there"
  echo '# torch is installed in this environment' >"$site/$TORCH_LINK"
  write_constraints
  install_torch
fi
begin_step
imports || failed "torch or asrtools cannot be imported from $venv"

# torch was there already in an environment made by hand
[ -s "$site/$TORCH_LINK" ] || echo '# torch is installed in this environment' >"$site/$TORCH_LINK"
printf '%s\n' "$extras" >"$venv/extras.new"
mv "$venv/extras.new" "$venv/extras"
sync_time=$venv/ready.$$.time
touch -r "$stamp" "$sync_time"
printf '%s\nextras: %s\nmade with Python %s\n' "$root" "$extras" "$(version_of "$venv/bin/python")" >"$stamp"
touch -r "$sync_time" "$stamp"
rm -f "$sync_time"
mv "$stamp" "$venv/ready"
say "ready in $((SECONDS - started)) s"
