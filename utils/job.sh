# What run.sh and slurm.sh have in common: their command line, a job's log, the words about a failure. They source it.
# shellcheck shell=bash disable=SC2034  # the variables set here are theirs

usage_error() {
  printf '%s: %s (%s --help tells more)\n' "${0##*/}" "$1" "${0##*/}" >&2
  exit 2
}

is_number() { case $1 in '' | *[!0-9]*) false ;; *) true ;; esac; }

# Sets max_jobs gpus gpu mem time num_threads config retries, job_name first last num_jobs, log_pattern, job_command, and slots, the
# entries of --gpus.
parse_job() {
  max_jobs='' gpus='' gpu='' mem='' time='' num_threads='' config=''
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
        take_option "$1" "$2"
        shift 2
        ;;
      -*) usage_error "unknown option $1; it has --max-jobs-run --gpus --gpu --retries --mem --time --num-threads --config" ;;
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
  num_jobs=$((last - first + 1))
  [ $# -ge 2 ] || usage_error "a log file and a command are needed, got: ${*:-nothing}"
  log_pattern=$1
  shift
  job_command=("$@")
  if [ "$num_jobs" -gt 1 ]; then
    case $log_pattern in
      *"$job_name"*) ;;
      *) usage_error "$num_jobs jobs would write into one log, $log_pattern; put $job_name into its name" ;;
    esac
  fi

  slots=()
  case $gpus in
    '' | -1) ;;
    *[!0-9A-Za-z,:./_-]* | ,* | *, | *,,*) usage_error "--gpus is '$gpus'; it takes a list such as 0,1" ;;
    *) IFS=, read -r -a slots <<<"$gpus" ;;
  esac
}

take_option() {
  case $1 in
    --max-jobs-run)
      { is_number "$2" && [ "$2" -ge 1 ]; } || usage_error "--max-jobs-run is '$2'; it takes a number from 1"
      max_jobs=$2
      ;;
    --retries)
      is_number "$2" || usage_error "--retries is '$2'; it takes a number from 0"
      retries=$2
      ;;
    --gpus) gpus=$2 ;;
    --gpu) gpu=$2 ;;
    --mem) mem=$2 ;;
    --time) time=$2 ;;
    --num-threads) num_threads=$2 ;;
    --config) config=$2 ;;
  esac
}

# Sets log and command as they are for job $1.
number_job() {
  local word
  log=$log_pattern
  command=("${job_command[@]}")
  if [ -n "$job_name" ]; then
    log=${log//$job_name/$1}
    command=()
    for word in "${job_command[@]}"; do
      command+=("${word//$job_name/$1}")
    done
  fi
}

# Before the first job starts, so that none is left running when a folder cannot be made.
make_log_folders() {
  local number folder log command
  for ((number = first; number <= last; number++)); do
    number_job "$number"
    folder=$(dirname -- "$log")
    { mkdir -p -- "$folder" && [ -w "$folder" ]; } 2>/dev/null || usage_error "the folder $folder cannot be written; name another place for the log"
  done
}

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
  local log=$1 status=0 began host
  shift
  host=$(hostname 2>/dev/null || uname -n)
  # the command gets the signal too and ends; this waits for it and writes the foot
  trap : INT TERM HUP
  began=$(date +%s)
  {
    printf '#%s\n# on %s, started %s%s\n#\n' "$(quoted "$@")" "$host" "$(date '+%Y-%m-%d %H:%M:%S')" \
      "${gpus:+, CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES-}}"
    "$@" || status=$?
    printf '#\n# ended %s, after %s s, exit status %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" $(($(date +%s) - began)) $status
  } </dev/null >"$log" 2>&1
  return $status
}

num_failed=0
failures=

# Job $1, which wrote log $3, failed; $2 says how.
tell_failure() {
  num_failed=$((num_failed + 1))
  failures="$failures${failures:+, }${job_name:-the job}${job_name:+ $1}"
  # one such end of a log is enough; the summary names the others
  if [ $num_failed = 1 ]; then
    printf '%s: %s failed with %s; the end of its log, %s:\n' "${0##*/}" \
      "${job_name:-the job}${job_name:+ $1 of $first:$last}" "$2" "$3" >&2
    tail -n 15 -- "$3" | sed 's/^/  /' >&2
  fi
}

# Ends with exit status 1 if a job failed.
close_jobs() {
  local word
  [ $num_failed -gt 0 ] || return 0
  if [ "$num_jobs" -gt 1 ]; then
    printf '%s: %s of %s jobs failed: %s (logs: %s)\n' "${0##*/}" $num_failed "$num_jobs" "$failures" "$log_pattern" >&2
  fi
  for word in "${job_command[@]}"; do
    if [ "$word" = '|' ]; then
      echo "${0##*/}: a lone '|' is handed to the command as it stands; for a pipe write: ${0##*/} LOG bash -c '... | ...'" >&2
    fi
  done
  exit 1
}
