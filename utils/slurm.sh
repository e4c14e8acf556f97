#!/usr/bin/env bash
# Runs jobs on a Slurm cluster and waits for them; the prefix `$cmd` of a recipe, with the arguments of run.sh.
#
#   slurm.sh [options] [JOB=1:4] LOG COMMAND [ARGUMENT ...]
#   slurm.sh --mem 8G JOB=1:64 exp/log/decode.JOB.log decode --output-dir exp/decode.JOB exp/split/wav.JOB.scp
#
#   --max-jobs-run K   so many at a time; otherwise as many as the cluster has room for, with --gpus one a listed GPU
#   --gpus 0,1         a GPU for each job, as many jobs at a time as the list has entries; which GPU is Slurm's choice. -1 is no GPU
#   --gpu N            N GPUs for each job
#   --mem 8G, --time 1-00:00, --num-threads T    what each job needs
#   --retries R        run a job that fails, or is lost with its node, up to R times more; the logs of its failures are kept as LOG.1, LOG.2 ...
#   --config FILE      how this cluster is asked; otherwise conf/slurm.conf here, otherwise the one of asrtools, which explains itself
#
# The jobs are one array. Logs are those of run.sh. The folder of the logs must be one that all nodes see, as must this directory:
# each job leaves its exit status there, which is what is believed; squeue only tells which jobs are lost.
# When slurm.sh itself is killed its jobs go on; started again with the same logs, it ends them first and then runs all jobs.
#
# Exit status: that of run.sh. Seconds between two looks at squeue: ASRTOOLS_SLURM_LOOK, otherwise 10.
set -euo pipefail

utils=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=job.sh
. "$utils/job.sh"
parse_job "$@"
look_seconds=${ASRTOOLS_SLURM_LOOK:-10}

die() {
  printf 'slurm.sh: %s\n' "$1" >&2
  exit 1
}

command -v sbatch >/dev/null || die "sbatch is not on PATH, so this is no machine of a Slurm cluster; use run.sh for jobs on this machine"

[ -n "$max_jobs" ] || [ ${#slots[@]} -eq 0 ] || max_jobs=${#slots[@]}
if [ -z "$gpu" ] && [ -n "$gpus" ]; then
  gpu=$((${#slots[@]} > 0))
fi

# ---------------------------------------------------------------- conf/slurm.conf

# Sets sbatch, the command, and sbatch_options from the lines of Kaldi's conf/slurm.conf: command, option NAME=VALUE, default.
read_config() {
  local file=$config line keyword rest name value number=0
  local -A wanted=([mem]=$mem [time]=$time [num_threads]=$num_threads [gpu]=$gpu) rules=()
  if [ -z "$file" ]; then
    file=conf/slurm.conf
    [ -f $file ] || file=$utils/../conf/slurm.conf
  fi
  [ -f "$file" ] || die "$file: no such file; --config names how the cluster is asked"
  sbatch=(sbatch)
  sbatch_options=()
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%%#*}
    read -r keyword rest <<<"$line"
    name=${rest%%=*}
    case $keyword in
      '') ;;
      command) read -r -a sbatch <<<"$rest" ;;
      option)
        read -r name value <<<"$rest"
        rules[$name]=$value
        ;;
      default) [ -n "${wanted[$name]-}" ] || wanted[$name]=${rest#*=} ;;
      *) die "$file:$number: begins with '$keyword'; a line is command, option NAME=VALUE or default NAME=VALUE" ;;
    esac
  done <"$file"
  for name in mem time num_threads gpu; do
    value=${wanted[$name]}
    [ -n "$value" ] || continue
    if [ -n "${rules[$name=$value]+set}" ]; then
      rest=${rules[$name=$value]}
    elif [ -n "${rules[$name=*]+set}" ]; then
      rest=${rules[$name=*]//\$0/$value}
    else
      die "$file: has no line 'option $name=* ...', so --${name//_/-} $value cannot be passed on; add one"
    fi
    read -r -a line <<<"$rest"
    sbatch_options+=(${line[@]+"${line[@]}"})
  done
}

# ---------------------------------------------------------------- the folder in which jobs leave their exit status

# Sets runs, which is the beginning of the names of such folders for these logs.
name_runs() {
  local name=$log_pattern folder
  # what the jobs' logs have in common
  folder=$(dirname -- "${log_pattern%%"${job_name:-$log_pattern}"*}x")
  [ -n "$job_name" ] || folder=$(dirname -- "$log_pattern")
  name=${name#"$folder"/}
  case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
  runs=$folder/.${name//\//.}.slurm
}

# Says who runs the jobs of folder $1, if slurm.sh does so still: its heart beats, and on this machine its process is there.
owner_of() {
  local host pid now beat
  read -r host pid <"$1/owner" 2>/dev/null || return 1
  # by the clock of the file system
  : >"$run/now"
  now=$(stat -c %Y "$run/now") beat=$(stat -c %Y "$1/owner" 2>/dev/null) || return 1
  [ $((now - beat)) -lt 60 ] || return 1
  # a dead one may still be listed, until init collects it
  case $host/$(ps -o stat= -p "$pid" 2>/dev/null) in "$host_name"/ | "$host_name"/Z*) return 1 ;; esac
  printf 'process %s on %s\n' "$pid" "$host"
}

# Ends the jobs of a slurm.sh that was killed, so that no two write into one place.
end_earlier() {
  local earlier owner id waited
  for earlier in "$runs".??????; do
    if [ ! -d "$earlier" ] || [ "$earlier" = "$run" ]; then continue; fi
    if owner=$(owner_of "$earlier"); then
      rm -rf "$run"
      die "another slurm.sh ($owner) writes these logs, $log_pattern; wait for it, or name other logs"
    fi
    printf 'slurm.sh: ending what is left of an earlier run with these logs\n' >&2
    : >"$earlier/stop"
    while read -r id; do
      scancel "${id%%;*}" 2>/dev/null || true
    done < <(cat "$earlier"/array.* 2>/dev/null)
    waited=0
    # a job on a node that does not answer ends by itself when it sees the file, or cannot write here any more
    while [ $waited -lt 180 ] && is_running "$earlier"; do
      sleep 0.5
      waited=$((waited + 1))
    done
    rm -rf "$earlier"
  done
}

# Whether a job of folder $1 has begun, has not ended, and is still known to Slurm.
is_running() {
  local begun task listed
  for begun in "$1"/begun.*; do
    task=${begun##*/begun.}
    if [ ! -e "$begun" ] || [ -e "$1/status.$task" ]; then continue; fi
    listed=$(tasks) || return 0
    # an array's number and the job's place in it
    ! grep -q "^$(cat "$begun") " <<<"$listed" || return 0
  done
  return 1
}

# Ours that Slurm has: "array/place state reason" lines. Without -j, which fails for an array that is over.
tasks() { squeue -h -r -u "$(id -u)" -o '%F/%K %t %r' 2>/dev/null; }

# ---------------------------------------------------------------- one array

# As sbatch takes them: 1-3,7
ranges() {
  local from=$1 to=$1 number all=
  shift
  for number in "$@" ''; do
    if [ -n "$number" ] && [ "$number" -eq $((to + 1)) ]; then
      to=$number
      continue
    fi
    all=$all${all:+,}$from
    [ "$from" = "$to" ] || all=$all-$to
    from=$number
    to=$number
  done
  printf '%s\n' "$all"
}

# Submits the jobs of these numbers; sets array, its number.
submit() {
  local number places=() words=()
  for number in "$@"; do
    places+=($((number - base)))
  done
  [ -z "$max_jobs" ] || words=(%"$max_jobs")
  # not to be interrupted between the submission and knowing its number; into a file, where it outlives this process
  if ! (
    trap '' INT TERM HUP
    # --no-requeue: a job's second run is ours to decide, once the first is certain to be over
    "${sbatch[@]}" --parsable --no-requeue --job-name "$name" --chdir "$PWD" --array "$(ranges "${places[@]}")${words[*]-}" \
      --output "${run//%/%%}/out.%a.$wave" ${sbatch_options[@]+"${sbatch_options[@]}"} \
      "$utils/slurm_task.sh" "$utils" "$run" "$wave" "$base" >"$run/array.$wave" 2>"$run/said"
  ); then
    sed 's/^sbatch: \(error: \)\{0,1\}/  /' "$run/said" >&2
    rm -rf "$run"
    die "sbatch refused the jobs (above, its words; the command: ${sbatch[*]} ${sbatch_options[*]-})"
  fi
  array=$(cat "$run/array.$wave")
  array=${array%%;*}
}

interrupted() {
  trap '' INT TERM HUP
  local waited=0
  : >"$run/stop"
  if [ -n "$array" ]; then
    scancel "$array" 2>/dev/null || true
    while [ $waited -lt 20 ] && is_running "$run"; do
      sleep 0.5
      waited=$((waited + 1))
    done
    scancel --full --signal=KILL "$array" 2>/dev/null || true
  fi
  rm -rf "$run"
  printf 'slurm.sh: interrupted; %s of %s jobs had ended, the rest were stopped\n' $num_ended "$num_jobs" >&2
  exit "$1"
}

# Waits for the jobs of these numbers, and hands each to job_ended.
await() {
  local left=("$@") number status pause=10 looked=$SECONDS still
  missing=()
  while [ ${#left[@]} -gt 0 ]; do
    sleep "$(printf '%d.%02d' $((pause / 100)) $((pause % 100)))"
    pause=$((pause * 2 < 200 ? pause * 2 : 200))
    # tells others that this process is there; and a rename makes NFS read the folder anew
    printf '%s %s\n' "$host_name" $$ >"$run/owner.new"
    mv -f "$run/owner.new" "$run/owner"
    if [ $((SECONDS - looked)) -ge "$look_seconds" ]; then
      look "${left[@]}"
      looked=$SECONDS
    fi
    still=()
    for number in "${left[@]}"; do
      if [ -s "$run/status.$number.$wave" ]; then
        read -r status <"$run/status.$number.$wave"
        ended[number]=$SECONDS
        job_ended "$number" "$status"
        pause=10
      elif [ "${missing[$number]:-0}" -ge 2 ]; then
        # should it run on somewhere, it ends when it sees this
        : >"$run/stop.$number.$wave"
        job_ended "$number" lost
      else
        still+=("$number")
      fi
    done
    left=(${still[@]+"${still[@]}"})
  done
}

# Looks at squeue for jobs of these numbers that Slurm no longer has, and for others that it has though they ended.
look() {
  local number place state reason listed
  local -A states=() reasons=()
  # slurmctld may be restarting
  listed=$(tasks) || return 0
  while read -r place state reason; do
    [ "${place%/*}" = "$array" ] || continue
    number=$((${place#*/} + base))
    states[$number]=$state
    reasons[$number]=$reason
  done <<<"$listed"
  for number in "$@"; do
    case ${states[$number]-gone}/${reasons[$number]-} in
      PD/launch\ failed* | PD/*LaunchFailure*)
        scancel "${array}_$((number - base))" 2>/dev/null || true
        missing[number]=2
        ;;
      PD/None | PD/Priority | PD/Resources | PD/JobArrayTaskLimit | PD/BeginTime) missing[number]=0 ;;
      PD/*)
        missing[number]=0
        if [ "${reasons[$number]}" != "$told" ]; then
          told=${reasons[$number]}
          printf 'slurm.sh: %s waits in array job %s: %s\n' "${job_name:-the job}${job_name:+ $number}" "$array" "$told" >&2
        fi
        ;;
      # a job that has just ended; its exit status may take a while to be seen here
      gone/* | CG/* | CD/* | CA/* | F/* | TO/* | NF/* | OOM/* | BF/*) missing[number]=$((${missing[$number]:-0} + 1)) ;;
      *) missing[number]=0 ;;
    esac
  done
  # left behind by a daemon that was killed; they would take a place for ever
  for number in "${!states[@]}"; do
    if [ "${states[$number]}" = R ] && [ -n "${ended[$number]-}" ] && [ $((SECONDS - ended[number])) -ge $((3 * look_seconds)) ]; then
      scancel "${array}_$((number - base))" 2>/dev/null || true
    fi
  done
}

job_ended() {
  local number=$1 status=$2 log command said
  unset "missing[$number]"
  number_job "$number"
  tries[number]=$((${tries[$number]:-0} + 1))
  if [ "$status" != 0 ]; then
    said=$run/out.$((number - base)).$wave
    {
      [ "$status" != lost ] || printf '#\n# lost: Slurm has this job no longer, and it left no exit status\n'
      # such as "CANCELLED DUE TO TIME LIMIT"
      [ ! -s "$said" ] || sed 's/^/# /' "$said"
    } >>"$log"
    if [ "${tries[$number]}" -le "$retries" ]; then
      mv -f -- "$log" "$log.${tries[$number]}"
      again+=("$number")
      return
    fi
  fi
  num_ended=$((num_ended + 1))
  case $status in
    0) ;;
    lost) tell_failure "$number" "its node, or killed there" "$log" ;;
    *) tell_failure "$number" "exit status $status" "$log" ;;
  esac
}

# ---------------------------------------------------------------- all jobs

read_config
make_log_folders
name_runs
host_name=$(hostname 2>/dev/null || uname -n)
name=$(basename -- "$log_pattern" .log)
[ -z "$job_name" ] || name=${name//.$job_name/}

array=
base=0
wave=0       # of submissions: the first, then those of failed jobs
num_ended=0
told=        # the last reason for waiting that was shown
tries=()     # how often job i was run
missing=()   # at how many looks in a row Slurm did not have job i
ended=()     # when job i ended

run=$(mktemp -d "$runs.XXXXXX")
chmod 755 "$run"
printf '%s %s\n' "$host_name" $$ >"$run/owner"
trap 'interrupted 130' INT
trap 'interrupted 143' TERM
trap 'interrupted 129' HUP
end_earlier

# a cluster may hand jobs none of our environment
for variable in PATH LC_ALL PYTHONUTF8 VIRTUAL_ENV $(compgen -e ASRTOOLS_); do
  [ -z "${!variable+set}" ] || declare -p "$variable"
done >"$run/environment"
printf '%s\0' "$job_name" "$gpus" "$log_pattern" "${job_command[@]}" >"$run/job"

max_array=$(scontrol show config 2>/dev/null | sed -n 's/^MaxArraySize *= *\([0-9]*\).*/\1/p')
max_array=${max_array:-1001}

again=()
for ((number = first; number <= last; number++)); do
  again+=("$number")
done
while [ ${#again[@]} -gt 0 ]; do
  # failed ones stand behind those that had to wait
  mapfile -t again < <(printf '%s\n' "${again[@]}" | sort -n)
  base=0
  [ "${again[${#again[@]} - 1]}" -lt "$max_array" ] || base=${again[0]}
  now=()
  later=()
  for number in "${again[@]}"; do
    if [ $((number - base)) -lt "$max_array" ]; then now+=("$number"); else later+=("$number"); fi
  done
  again=(${later[@]+"${later[@]}"})
  wave=$((wave + 1))
  ended=()
  submit "${now[@]}"
  await "${now[@]}"
done
rm -rf "$run"
close_jobs
