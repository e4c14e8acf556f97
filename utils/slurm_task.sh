#!/usr/bin/env bash
# One job of slurm.sh's array, on its node: sbatch starts it with the folders of utils/ and of the run, the submission's number
# and what is to be added to the job's place in the array.
set -euo pipefail

utils=$1 run=$2 wave=$3 number=$(($4 + SLURM_ARRAY_TASK_ID))
# shellcheck source=/dev/null
. "$run/environment"
# shellcheck source-path=SCRIPTDIR source=job.sh
. "$utils/job.sh"

words=()
while IFS= read -r -d '' word; do
  words+=("$word")
done <"$run/job"
job_name=${words[0]} gpus=${words[1]} log_pattern=${words[2]}
job_command=("${words[@]:3}")
number_job "$number"
[ "$gpus" != -1 ] || export CUDA_VISIBLE_DEVICES=-1

is_wanted() { [ -d "$run" ] && [ ! -e "$run/stop" ] && [ ! -e "$run/stop.$number.$wave" ]; }

# Ends the job when nobody waits for it: scancel does not reach a node whose daemon is gone.
watch_over() {
  while is_wanted; do
    sleep 3
  done
  kill -TERM -- "-$1" 2>/dev/null || true
  sleep 5
  kill -KILL -- "-$1" 2>/dev/null || true
}

is_wanted || exit 1
printf '%s/%s\n' "${SLURM_ARRAY_JOB_ID}" "$SLURM_ARRAY_TASK_ID" >"$run/begun.$number.$wave"

# each with a process group of its own
set -m
run_one "$log" "${command[@]}" &
job=$!
watch_over $job &
watcher=$!
set +m
trap 'kill -TERM -- "-$job" 2>/dev/null || true' TERM INT HUP

while :; do
  status=0
  wait $job || status=$?
  # a signal ends the waiting, not the job
  kill -0 $job 2>/dev/null || break
done
kill -KILL -- "-$watcher" 2>/dev/null || true

# whole or not at all
if [ -d "$run" ]; then
  printf '%s\n' "$status" >"$run/status.$number.$wave.new"
  mv -f "$run/status.$number.$wave.new" "$run/status.$number.$wave"
fi
exit "$status"
