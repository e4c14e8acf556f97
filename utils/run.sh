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

utils=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=job.sh
. "$utils/job.sh"
parse_job "$@"
if [ -z "$max_jobs" ]; then
  if [ ${#slots[@]} -gt 0 ]; then
    max_jobs=${#slots[@]}
  else
    max_jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
  fi
fi

# ---------------------------------------------------------------- one job

pids=()     # of the running jobs
numbers=()  # their numbers
places=()   # their entries of --gpus
tries=()    # how often job first + i was begun
logs=()
num_ended=0
pause=2     # hundredths of a second

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
  local number=$1 i=$(($1 - first)) log command=() place='' least count j k
  number_job "$number"

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
  [ $status -eq 0 ] || tell_failure "$number" "exit status $status" "${logs[$number - first]}"
}

# ---------------------------------------------------------------- all jobs

make_log_folders

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
    start_job "$number"
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

close_jobs
