#!/usr/bin/env bats
# utils/run.sh: local jobs.
# shellcheck disable=SC2016  # code in single quotes is for another shell

setup() {
  RUN=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)/run.sh
  cd "$BATS_TEST_TMPDIR" || return
  cat >show <<'END'
#!/usr/bin/env bash
printf '<%s>' "$@"
echo
END
  chmod +x show
}

# Starts a program as a terminal would, interruptible, and sends it signal $1 once file $2 is there; prints its exit status.
signalled() {
  python3 - "$@" <<'END'
import os, signal, subprocess, sys, time

name, wait_for, *argv = sys.argv[1:]
job = subprocess.Popen(argv, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
for _ in range(200):
    if os.path.exists(wait_for):
        break
    time.sleep(0.05)
job.send_signal(getattr(signal, name))
print(job.wait())
END
}

# Not there, or dead and not yet collected by init.
is_gone() {
  case $(ps -o stat= -p "$1") in
    '' | Z*) ;;
    *) return 1 ;;
  esac
}

@test "the command gets its arguments exactly as they were given" {
  run "$RUN" log/x.log ./show "a b" "" "it's" '中文' 'x | y > z' '$HOME' '*' 'a"b'
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  grep -qxF "<a b><><it's><中文><x | y > z><\$HOME><*><a\"b>" log/x.log
}

@test "JOB is replaced in the log's name and in every argument" {
  run "$RUN" JOB=2:3 log/JOB/x.JOB.log ./show JOB "wav.JOB.scp JOB" xJOB
  [ "$status" -eq 0 ]
  grep -qxF "<2><wav.2.scp 2><x2>" log/2/x.2.log
  grep -qxF "<3><wav.3.scp 3><x3>" log/3/x.3.log
  [ ! -e log/1 ]
}

@test "a log has a head with the command and a foot with seconds and exit status" {
  "$RUN" x.log ./show "a b" "it's"
  [ "$(head -n 1 x.log)" = "# ./show 'a b' 'it'\\''s'" ]
  sed -n 2p x.log | grep -qE '^# on .+, started [0-9-]+ [0-9:]+$'
  tail -n 1 x.log | grep -qE '^# ended [0-9-]+ [0-9:]+, after [0-9]+ s, exit status 0$'
}

@test "what a job writes to stderr is in its log, and it reads nothing of the caller's stdin" {
  run bash -c 'printf "a\nb\n" | while read -r x; do "$1" $x.log bash -c "cat; echo err >&2"; echo $x; done' _ "$RUN"
  [ "$output" = "a
b" ]
  grep -qx err a.log
}

@test "one failed job fails the whole, the others still run, and the end of its log is shown" {
  run "$RUN" JOB=1:3 log/x.JOB.log bash -c 'seq 40; echo "job JOB"; [ JOB != 2 ]'
  [ "$status" -eq 1 ]
  [[ ${lines[0]} == "run.sh: JOB 2 of 1:3 failed with exit status 1; the end of its log, log/x.2.log:" ]]
  [[ $output == *"  job 2"* ]]
  [[ $output != *"  20"* ]]
  [[ ${lines[${#lines[@]} - 1]} == "run.sh: 1 of 3 jobs failed: JOB 2 (logs: log/x.JOB.log)" ]]
  grep -q "job 3" log/x.3.log
}

@test "a job without JOB that fails says its exit status" {
  run "$RUN" x.log bash -c 'exit 7'
  [ "$status" -eq 1 ]
  [[ $output == *"the job failed with exit status 7"* ]]
  run "$RUN" x.log ./no-such-program
  [ "$status" -eq 1 ]
  [[ $output == *"failed with exit status "*"no-such-program"* ]]
}

@test "a job that was killed counts as failed" {
  run "$RUN" x.log bash -c 'kill -9 $$'
  [ "$status" -eq 1 ]
  [[ $output == *"exit status 137"* ]]
  run "$RUN" x.log bash -c 'kill -9 $PPID'
  [ "$status" -eq 1 ]
}

@test "a failed job is run again up to retries times, and the logs of its failures are kept" {
  run "$RUN" --retries 2 JOB=1:2 x.JOB.log bash -c '[ JOB = 2 ] || [ -e flag ] || { touch flag; exit 3; }'
  [ "$status" -eq 0 ]
  grep -q 'exit status 3' x.1.log.1
  grep -q 'exit status 0' x.1.log
  [ ! -e x.2.log.1 ]
  run "$RUN" --retries=1 JOB=1:1 y.JOB.log false
  [ "$status" -eq 1 ]
  [ -e y.1.log.1 ]
  [ ! -e y.1.log.2 ]
}

@test "no more jobs run at a time than max-jobs-run" {
  mkdir running
  run "$RUN" --max-jobs-run 2 JOB=1:5 x.JOB.log bash -c 'touch running/JOB; ls running | wc -l; sleep 0.2; rm running/JOB'
  [ "$status" -eq 0 ]
  [ "$(grep -hv '#' x.*.log | sort -n | tail -n 1)" -eq 2 ]
}

@test "each job has one GPU of the list, and no GPU two jobs" {
  mkdir running
  run "$RUN" --gpus 3,5 JOB=1:5 x.JOB.log bash -c 'mkdir running/$CUDA_VISIBLE_DEVICES; echo $CUDA_VISIBLE_DEVICES; sleep 0.$((JOB % 3 + 1)); rmdir running/$CUDA_VISIBLE_DEVICES'
  [ "$status" -eq 0 ]
  [ "$(grep -v '#' x.1.log)" = 3 ]
  [ "$(grep -v '#' x.2.log)" = 5 ]
  [ "$(grep -hv '#' x.*.log | sort -u | tr '\n' ' ')" = "3 5 " ]
}

@test "with more jobs at a time than GPUs they share them evenly" {
  run "$RUN" --gpus 0,1 --max-jobs-run 4 JOB=1:4 x.JOB.log bash -c 'echo $CUDA_VISIBLE_DEVICES; sleep 0.3'
  [ "$(grep -hv '#' x.*.log | tr '\n' ' ')" = "0 1 0 1 " ]
  run "$RUN" --gpus -1 x.log bash -c 'echo "gpu $CUDA_VISIBLE_DEVICES"'
  grep -qx "gpu -1" x.log
}

@test "options stand in any order, and those for schedulers are taken" {
  run "$RUN" --mem 4G --retries 0 --num-threads=2 --max-jobs-run 1 --time 1:00:00 JOB=1:2 x.JOB.log true
  [ "$status" -eq 0 ]
}

@test "usage errors are one sentence and exit status 2" {
  for words in "JOB=1:3 x.log true" "JOB=3:1 x.JOB.log true" "--foo 1 x.log true" "x.log" "--max-jobs-run 0 x.log true" \
    "--retries many x.log true" "--gpus , x.log true" ""; do
    # shellcheck disable=SC2086
    run "$RUN" $words
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
  done
  touch file
  run "$RUN" file/x.log true
  [ "$status" -eq 2 ]
  [[ $output == *"the folder file cannot be written"* ]]
}

@test "sixty short jobs do not wait for one another's turn" {
  run "$RUN" --max-jobs-run 4 JOB=1:60 log/x.JOB.log true
  [ "$status" -eq 0 ]
  [ "$(grep -l 'exit status 0' log/*.log | wc -l)" -eq 60 ]
}

@test "SIGINT ends the jobs and what they started, and exits with 130" {
  run signalled SIGINT pid.2 "$RUN" --max-jobs-run 2 JOB=1:3 x.JOB.log bash -c 'sleep 600 & echo $! >pid.JOB; wait'
  [ "${lines[${#lines[@]} - 1]}" = 130 ]
  [[ $output == *"interrupted; 0 of 3 jobs had ended"* ]]
  sleep 0.2
  is_gone "$(cat pid.1)"
  is_gone "$(cat pid.2)"
  [ ! -e pid.3 ]
}

@test "SIGTERM does the same with 143, and the log has its foot" {
  run signalled SIGTERM pid.1 "$RUN" JOB=1:1 x.JOB.log bash -c 'sleep 600 & echo $! >pid.JOB; wait'
  [ "${lines[${#lines[@]} - 1]}" = 143 ]
  sleep 0.2
  is_gone "$(cat pid.1)"
  tail -n 1 x.1.log | grep -q 'exit status 143'
}
