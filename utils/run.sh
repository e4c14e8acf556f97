#!/usr/bin/env bash
# Runs jobs on this machine and waits for them; the prefix `$cmd` of a recipe.
#
#   run.sh [options] [JOB=1:4] LOG COMMAND [ARGUMENT ...]
#   run.sh JOB=1:4 exp/log/decode.JOB.log decode --output-dir exp/decode.JOB exp/split/wav.JOB.scp
#
#   --max-jobs-run K   so many at a time; otherwise one a processor, with --gpus one a listed GPU
#   --gpus 0,1         CUDA_VISIBLE_DEVICES of each job is one entry of the list, the one with the fewest jobs on it; -1 is no GPU
#   --retries R        run a job that fails up to R times more; the logs of its failures are kept as LOG.1, LOG.2 ...
#   --mem, --time, --num-threads, --gpu, --config VALUE    are taken and have no meaning here; they are for schedulers
#
# JOB (or another name) is replaced by the job's number in LOG and in every argument. The command is executed as it stands, not by a
# shell: spaces and quotes arrive as they are, and for a pipe write: run.sh LOG bash -c '... | ...'. It reads nothing (/dev/null);
# what it prints goes to LOG, between a head (command, host, start) and a foot (end, seconds, exit status).
#
# Exit status: 0 all jobs ended well; 1 a job failed (the others still ran; the end of its log is shown); 2 usage;
# 130, 143 interrupted, after the jobs and all they started were ended.
set -euo pipefail

usage_error() {
  printf 'run.sh: %s (run.sh --help tells more)\n' "$1" >&2
  exit 2
}

is_number() { case $1 in '' | *[!0-9]*) false ;; *) true ;; esac; }

# ---------------------------------------------------------------- arguments

max_jobs=
gpus=
retries=0
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    --max-jobs-run | --gpus | --retries | --mem | --time | --num-threads | --gpu | --config)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      case $1 in
        --max-jobs-run)
          { is_number "$2" && [ "$2" -ge 1 ]; } || usage_error "--max-jobs-run is '$2'; it takes a number from 1"
          max_jobs=$2
          ;;
        --gpus) gpus=$2 ;;
        --retries)
          is_number "$2" || usage_error "--retries is '$2'; it takes a number from 0"
          retries=$2
          ;;
      esac
      shift 2
      ;;
    -*) usage_error "unknown option $1; it has --max-jobs-run --gpus --retries" ;;
    *) break ;;
  esac
done

job_name=
first=1
last=1
if [[ ${1:-} =~ ^([A-Za-z_][A-Za-z0-9_]*)=([0-9]+)(:([0-9]+))?$ ]]; then
  job_name=${BASH_REMATCH[1]}
  # 10#: 08 is no octal number here
  first=$((10#${BASH_REMATCH[2]}))
  last=$((10#${BASH_REMATCH[4]:-${BASH_REMATCH[2]}}))
  [ $first -le $last ] || usage_error "$1 holds no job; the first number is to be at most the second"
  shift
fi
[ $# -ge 2 ] || usage_error "a log file and a command are needed, got: ${*:-nothing}"
log_pattern=$1
shift
if [ $first -ne $last ]; then
  case $log_pattern in
    *"$job_name"*) ;;
    *) usage_error "$((last - first + 1)) jobs would write into one log, $log_pattern; put $job_name into its name" ;;
  esac
fi
num_jobs=$((last - first + 1))

slots=()
case $gpus in
  '' | -1) ;;
  *[!0-9A-Za-z,:./_-]* | ,* | *, | *,,*) usage_error "--gpus is '$gpus'; it takes a list such as 0,1" ;;
  *) IFS=, read -r -a slots <<<"$gpus" ;;
esac
if [ -z "$max_jobs" ]; then
  if [ ${#slots[@]} -gt 0 ]; then
    max_jobs=${#slots[@]}
  else
    max_jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
  fi
fi

# ---------------------------------------------------------------- one job

# As it could be typed again; %q would turn Chinese file names into octal numbers.
quoted() {
  local word quote="'\\''"
  for word in "$@"; do
    case $word in
      '' | *[[:space:]\"\'\`\$\\\&\|\;\<\>\(\)\*\?\[\]\{\}\#\!\~]*) printf " '%s'" "${word//\'/$quote}" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
}

# Runs a command with log $1; in the background, in a process group of its own.
run_one() {
  local log=$1 status=0 began
  shift
  # the command gets the signal too and ends; this waits for it and writes the foot
  trap : INT TERM HUP
  began=$(date +%s)
  {
    printf '#%s\n# on %s, started %s%s\n#\n' "$(quoted "$@")" "$host" "$(date '+%Y-%m-%d %H:%M:%S')" \
      "${gpus:+, CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES}"
    "$@" || status=$?
    printf '#\n# ended %s, after %s s, exit status %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" $(($(date +%s) - began)) $status
  } </dev/null >"$log" 2>&1
  return $status
}

host=$(hostname 2>/dev/null || uname -n)

pids=()     # of the running jobs
numbers=()  # their numbers
places=()   # their entries of --gpus
tries=()    # how often job first + i was begun
logs=()
num_ended=0
num_failed=0
pause=2     # hundredths of a second
failures=

signal_jobs() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do
    kill "-$1" -- "-$pid" 2>/dev/null || true
  done
}

interrupted() {
  trap '' INT TERM HUP
  signal_jobs "$1"
  # a recogniser may want a moment to close its files
  local waited=0
  while [ $waited -lt 50 ] && any_group_is_alive; do
    sleep 0.1
    waited=$((waited + 1))
  done
  signal_jobs KILL
  printf 'run.sh: interrupted; %s of %s jobs had ended, the rest were stopped\n' $num_ended $num_jobs >&2
  exit "$2"
}

any_group_is_alive() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do
    ! kill -0 -- "-$pid" 2>/dev/null || return 0
  done
  return 1
}

trap 'interrupted INT 130' INT
trap 'interrupted TERM 143' TERM
trap 'interrupted HUP 129' HUP

start_job() {
  local number=$1 i=$(($1 - first)) log=$log_pattern place='' word least count j k
  local command=()
  shift
  if [ -n "$job_name" ]; then
    log=${log//$job_name/$number}
    for word in "$@"; do
      command+=("${word//$job_name/$number}")
    done
  else
    command=("$@")
  fi

  if [ ${#slots[@]} -gt 0 ]; then
    # the entry with the fewest running jobs, the first of several
    least=-1
    for ((j = 0; j < ${#slots[@]}; j++)); do
      count=0
      for k in ${places[@]+"${places[@]}"}; do
        [ "$k" -ne $j ] || count=$((count + 1))
      done
      if [ $least -lt 0 ] || [ $count -lt $least ]; then
        least=$count
        place=$j
      fi
    done
    export CUDA_VISIBLE_DEVICES=${slots[$place]}
  elif [ "$gpus" = -1 ]; then
    export CUDA_VISIBLE_DEVICES=-1
  fi

  tries[i]=$((${tries[i]:-0} + 1))
  logs[i]=$log
  # job control gives each job its own process group, to be ended with all it started
  set -m
  run_one "$log" "${command[@]}" &
  set +m
  pids+=($!)
  numbers+=("$number")
  places+=("${place:--1}")
}

job_failed() {
  local number=$1 status=$2 log=${logs[$1 - first]}
  num_failed=$((num_failed + 1))
  failures="$failures${failures:+, }${job_name:-the job}${job_name:+ $number}"
  # one such end of a log is enough; the summary names the others
  if [ $num_failed = 1 ]; then
    printf 'run.sh: %s failed with exit status %s; the end of its log, %s:\n' \
      "${job_name:-the job}${job_name:+ $number of $first:$last}" "$status" "$log" >&2
    tail -n 15 -- "$log" | sed 's/^/  /' >&2
  fi
}

# Takes job number pids[$1] off the list of running ones.
job_ended() {
  local i=$1 number=${numbers[$1]} status=0 try
  wait "${pids[$i]}" 2>/dev/null || status=$?
  pids=("${pids[@]:0:$i}" "${pids[@]:$((i + 1))}")
  numbers=("${numbers[@]:0:$i}" "${numbers[@]:$((i + 1))}")
  places=("${places[@]:0:$i}" "${places[@]:$((i + 1))}")
  try=${tries[$number - first]}
  if [ $status -ne 0 ] && [ "$try" -le "$retries" ]; then
    mv -f -- "${logs[$number - first]}" "${logs[$number - first]}.$try"
    again+=("$number")
    return
  fi
  num_ended=$((num_ended + 1))
  [ $status -eq 0 ] || job_failed "$number" "$status"
}

# ---------------------------------------------------------------- all jobs

# before the first job starts, so that none is left running when a folder cannot be made
for ((number = first; number <= last; number++)); do
  folder=$log_pattern
  [ -z "$job_name" ] || folder=${log_pattern//$job_name/$number}
  folder=$(dirname -- "$folder")
  { mkdir -p -- "$folder" && [ -w "$folder" ]; } 2>/dev/null || usage_error "the folder $folder cannot be written; name another place for the log"
done

next=$first
again=()  # numbers of failed jobs that get another try
while [ $num_ended -lt $num_jobs ]; do
  while [ ${#pids[@]} -lt "$max_jobs" ]; do
    if [ ${#again[@]} -gt 0 ]; then
      number=${again[0]}
      again=(${again[@]+"${again[@]:1}"})
    elif [ $next -le $last ]; then
      number=$next
      next=$((next + 1))
    else
      break
    fi
    start_job "$number" "$@"
  done

  # looked at often after something happened, for short jobs, and then less and less; macOS' bash 3.2 has no `wait -n`
  sleep "$(printf '0.%02d' $pause)"
  pause=$((pause * 2 < 50 ? pause * 2 : 50))
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    if ! kill -0 "${pids[$i]}" 2>/dev/null; then
      job_ended "$i"
      pause=2
    fi
  done
done

if [ $num_failed -gt 0 ]; then
  if [ $num_jobs -gt 1 ]; then
    printf 'run.sh: %s of %s jobs failed: %s (logs: %s)\n' $num_failed $num_jobs "$failures" "$log_pattern" >&2
  fi
  for word in "$@"; do
    if [ "$word" = '|' ]; then
      echo "run.sh: a lone '|' is handed to the command as it stands; for a pipe write: run.sh LOG bash -c '... | ...'" >&2
    fi
  done
  exit 1
fi
