#!/usr/bin/env bats
# utils/slurm.sh, on a Slurm of two nodes that runs here.
# shellcheck disable=SC2016  # code in single quotes is for another shell

# shellcheck source-path=SCRIPTDIR source=slurm_cluster.sh
. "$BATS_TEST_DIRNAME/slurm_cluster.sh"

setup_file() {
  has_slurm || return 0
  # a socket's name may have 108 letters
  CLUSTER_DIR=$(mktemp -d /tmp/slurm.XXXXXX)
  export CLUSTER_DIR ASRTOOLS_SLURM_LOOK=1
  start_cluster "$CLUSTER_DIR"
}

teardown_file() {
  [ -n "${CLUSTER_DIR:-}" ] || return 0
  stop_cluster
  rm -rf "$CLUSTER_DIR"
}

setup() {
  if ! has_slurm; then
    [ "${CI:-false}" != true ] || return 1
    skip "Slurm is not installed; bash tests/run.sh --install"
  fi
  SLURM=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)/slurm.sh
  cd "$BATS_TEST_TMPDIR" || return
  cat >show <<'END_OF_SHOW'
#!/usr/bin/env bash
printf '<%s>' "$@"
echo
END_OF_SHOW
  chmod +x show
}

# wait_for FILE...: until all are there
wait_for() {
  local file _
  for file in "$@"; do
    for _ in $(seq 300); do
      [ ! -s "$file" ] || break
      sleep 0.1
    done
    [ -s "$file" ]
  done
}

# wait_until_gone PID
wait_until_gone() {
  local _
  for _ in $(seq 150); do
    case $(ps -o stat= -p "$1") in '' | Z*) return 0 ;; esac
    sleep 0.1
  done
  return 1
}

no_run_folder() { [ -z "$(find . -name '.*.slurm.*')" ]; }

@test "arguments arrive as given, JOB is replaced, and logs have the head and foot of run.sh" {
  run "$SLURM" JOB=2:3 log/JOB/x.JOB.log ./show "a b" "" "it's" '中文' '$HOME | *' wav.JOB.scp
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  grep -qxF "<a b><><it's><中文><\$HOME | *><wav.3.scp>" log/3/x.3.log
  [ "$(head -n 1 log/2/x.2.log)" = "# ./show 'a b' '' 'it'\\''s' 中文 '\$HOME | *' wav.2.scp" ]
  tail -n 1 log/2/x.2.log | grep -qE '^# ended [0-9-]+ [0-9:]+, after [0-9]+ s, exit status 0$'
  no_run_folder
}

@test "jobs run on both nodes, in this directory, without standard input" {
  run "$SLURM" JOB=1:2 x.JOB.log bash -c 'cat; pwd; echo "on $SLURMD_NODENAME"; sleep 1'
  [ "$status" -eq 0 ]
  [ "$(grep -h '^on ' x.1.log x.2.log | sort | tr '\n' ' ')" = "on n1 on n2 " ]
  grep -qxF "$PWD" x.1.log
}

@test "one failed job fails the whole, the others still run, and the end of its log is shown" {
  run "$SLURM" JOB=1:3 log/x.JOB.log bash -c 'seq 40; echo "job JOB"; [ JOB != 2 ] || exit 7'
  [ "$status" -eq 1 ]
  [[ ${lines[0]} == "slurm.sh: JOB 2 of 1:3 failed with exit status 7; the end of its log, log/x.2.log:" ]]
  [[ $output == *"  job 2"* ]]
  [[ $output != *"  20"* ]]
  [[ ${lines[${#lines[@]} - 1]} == "slurm.sh: 1 of 3 jobs failed: JOB 2 (logs: log/x.JOB.log)" ]]
  grep -q "job 3" log/x.3.log
  no_run_folder
}

@test "a failed job is run again up to retries times, and the logs of its failures are kept" {
  run "$SLURM" --retries 2 JOB=1:2 x.JOB.log bash -c '[ JOB = 2 ] || [ -e flag ] || { touch flag; exit 3; }'
  [ "$status" -eq 0 ]
  grep -q 'exit status 3' x.1.log.1
  grep -q 'exit status 0' x.1.log
  [ ! -e x.2.log.1 ]
  run "$SLURM" --retries=1 y.log false
  [ "$status" -eq 1 ]
  [[ $output == *"the job failed with exit status 1"* ]]
  [ -e y.log.1 ]
  [ ! -e y.log.2 ]
}

@test "no more jobs run at a time than max-jobs-run" {
  mkdir running
  run "$SLURM" --max-jobs-run 1 JOB=1:3 x.JOB.log bash -c 'touch running/JOB; ls running | wc -l; sleep 0.5; rm running/JOB'
  [ "$status" -eq 0 ]
  [ "$(grep -hv '#' x.*.log | sort -n | tail -n 1)" -eq 1 ]
}

@test "more jobs than an array may have, and numbers beyond its largest, make several arrays" {
  # MaxArraySize is 6 in this cluster
  run "$SLURM" --retries 1 JOB=4:11 x.JOB.log bash -c '[ JOB != 10 ] || [ -e flag ] || { touch flag; false; }; echo "job JOB"'
  [ "$status" -eq 0 ]
  [ "$(grep -h '^job' x.*.log | LC_ALL=C sort | tr -d '\n')" = "$(seq -f 'job %g' 4 11 | LC_ALL=C sort | tr -d '\n')" ]
}

@test "GPUs are asked of Slurm, one a job, and -1 is none" {
  run "$SLURM" --gpus 4,5 JOB=1:3 x.JOB.log bash -c 'echo "node $SLURMD_NODENAME gpu $CUDA_VISIBLE_DEVICES"; sleep 0.5'
  [ "$status" -eq 0 ]
  [ "$(grep -h '^node' x.*.log | sort -u | tr '\n' ' ')" = "node n1 gpu 0 node n2 gpu 0 " ]
  run "$SLURM" --gpus -1 y.log bash -c 'echo "gpu $CUDA_VISIBLE_DEVICES"'
  grep -qx "gpu -1" y.log
  run "$SLURM" --gpu 2 z.log true
  [ "$status" -eq 1 ]
  [[ $output == *"sbatch refused the jobs"* ]]
  no_run_folder
}

@test "conf/slurm.conf of the directory says how the cluster is asked" {
  mkdir conf
  cat >asked <<'END_OF_ASKED'
#!/usr/bin/env bash
printf '%s\n' "$@" >asked.args
exec sbatch "$@"
END_OF_ASKED
  chmod +x asked
  cat >conf/slurm.conf <<'END_OF_CONF'
# a comment
command ./asked --export=NONE --partition=main
default gpu=0
option gpu=0 --comment=no-gpu  # and another
option gpu=* --gres=gpu:$0
option mem=0
option mem=* --mem=$0
option time=* --time $0
END_OF_CONF
  run env PATH="$PATH:/of/mine" "$SLURM" --mem 50M --time=5 x.log bash -c 'echo "path $PATH"'
  [ "$status" -eq 0 ]
  [[ $(tr '\n' ' ' <asked.args) == "--export=NONE --partition=main "*" --mem=50M --time 5 --comment=no-gpu "* ]]
  grep -q '^path .*:/of/mine$' x.log
  run "$SLURM" --mem 0 --gpu 1 x.log true
  [ "$status" -eq 0 ]
  [[ $(tr '\n' ' ' <asked.args) != *"--mem"* ]]
  grep -qx -- '--gres=gpu:1' asked.args
  run "$SLURM" --num-threads 2 x.log true
  [ "$status" -eq 1 ]
  [ "$output" = "slurm.sh: conf/slurm.conf: has no line 'option num_threads=* ...', so --num-threads 2 cannot be passed on; add one" ]
}

@test "what Slurm says against a job is shown" {
  run "$SLURM" --mem 100G x.log true
  [ "$status" -eq 1 ]
  [[ $output == *"sbatch refused the jobs"* ]]
  no_run_folder
  run env PATH=/nowhere /bin/bash "$SLURM" x.log true
  [ "$status" -ne 0 ]
}

@test "usage errors are one sentence and exit status 2" {
  for words in "JOB=1:3 x.log true" "JOB=3:1 x.JOB.log true" "--foo 1 x.log true" "x.log" "--max-jobs-run 0 x.log true" ""; do
    # shellcheck disable=SC2086
    run "$SLURM" $words
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "slurm.sh: "* ]]
  done
}

@test "SIGINT cancels the array and what its jobs started, and exits with 130" {
  python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$SLURM" --max-jobs-run 2 JOB=1:3 x.JOB.log bash -c 'sleep 600 & echo $! >pid.JOB; wait' 2>said 3>&- &
  submitter=$!
  wait_for pid.1 pid.2
  kill -INT $submitter
  code=0
  wait $submitter || code=$?
  [ $code -eq 130 ]
  grep -qx 'slurm.sh: interrupted; 0 of 3 jobs had ended, the rest were stopped' said
  wait_until_gone "$(cat pid.1)"
  wait_until_gone "$(cat pid.2)"
  [ ! -e pid.3 ]
  no_run_folder
}

@test "a job killed with -9 fails and its log is shown; with a retry the whole succeeds" {
  "$SLURM" JOB=1:2 x.JOB.log bash -c 'echo $$ >pid.JOB; sleep 2' 2>said 3>&- &
  submitter=$!
  wait_for pid.2
  kill -9 "$(cat pid.2)"
  code=0
  wait $submitter || code=$?
  [ $code -eq 1 ]
  grep -qxF 'slurm.sh: JOB 2 of 1:2 failed with exit status 137; the end of its log, x.2.log:' said
  run "$SLURM" --retries 1 JOB=1:2 x.JOB.log bash -c '[ -e flag.JOB ] || { touch flag.JOB; kill -9 $$; }'
  [ "$status" -eq 0 ]
}

@test "a job whose script was killed with -9 has no exit status and counts as lost" {
  "$SLURM" JOB=1:2 x.JOB.log bash -c 'echo $PPID >shell.JOB; ps -o ppid= -p $PPID >script.JOB; sleep 3' 2>said 3>&- &
  submitter=$!
  wait_for script.1
  # what waits for the job, and the script that sbatch was given
  kill -9 "$(tr -d ' ' <script.1)" "$(cat shell.1)"
  code=0
  wait $submitter || code=$?
  [ $code -eq 1 ]
  grep -qF 'slurm.sh: JOB 1 of 1:2 failed with its node, or killed there; the end of its log, x.1.log:' said
  grep -q '^# lost: ' x.1.log
  run "$SLURM" JOB=1:2 x.JOB.log true
  [ "$status" -eq 0 ]
}

@test "with a slurmd killed, jobs on its node are believed and the others run on the other node" {
  "$SLURM" JOB=1:4 x.JOB.log bash -c 'echo $SLURMD_NODENAME >node.JOB; sleep 2; echo "done JOB"' 2>said 3>&- &
  submitter=$!
  wait_for node.1 node.2
  kill_node n1
  wait $submitter
  [ ! -s said ]
  [ "$(cat x.*.log | grep -c '^done')" -eq 4 ]
  [ "$(cat node.3 node.4 | sort -u)" = n2 ]
  start_node n1
}

@test "when slurm.sh was killed with -9 its jobs are ended before the same ones run again" {
  # a job that finds another one at its work fails
  job='exec 9>lock.JOB; flock -n 9 || exit 9; echo $$ >pid.JOB; sleep $0'
  "$SLURM" JOB=1:3 x.JOB.log bash -c "$job" 600 3>&- &
  submitter=$!
  wait_for pid.1 pid.2
  kill -9 $submitter
  wait $submitter || true
  rm pid.*
  run "$SLURM" JOB=1:3 x.JOB.log bash -c "$job" 0.2
  [ "$status" -eq 0 ]
  [ "$output" = "slurm.sh: ending what is left of an earlier run with these logs" ]
  [ "$(grep -l 'exit status 0' x.*.log | wc -l)" -eq 3 ]
  no_run_folder
  [ -z "$(squeue -h -t R,PD)" ]
}

@test "jobs of a killed slurm.sh end even on a node whose slurmd is dead" {
  job='exec 9>lock.JOB; flock -n 9 || exit 9; echo $SLURMD_NODENAME >node.JOB; sleep $0'
  "$SLURM" JOB=1:2 x.JOB.log bash -c "$job" 600 3>&- &
  submitter=$!
  wait_for node.1 node.2
  kill_node n1
  kill -9 $submitter
  wait $submitter || true
  run "$SLURM" JOB=1:2 x.JOB.log bash -c "$job" 0.2
  [ "$status" -eq 0 ]
  [ "$(cat node.1 node.2 | sort -u)" = n2 ]
  start_node n1
}

@test "a second slurm.sh with the same logs is refused while the first one runs" {
  "$SLURM" x.log sleep 4 3>&- &
  submitter=$!
  for _ in $(seq 50); do
    ! ls .x.log.slurm.*/array.1 2>/dev/null || break
    sleep 0.1
  done
  run "$SLURM" x.log true
  [ "$status" -eq 1 ]
  [[ $output == "slurm.sh: another slurm.sh (process $submitter on "*") writes these logs, x.log; wait for it, or name other logs" ]]
  wait $submitter
  no_run_folder
}
