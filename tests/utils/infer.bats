#!/usr/bin/env bats
# utils/infer.sh with a command in decode's place that writes down how it was called.
# shellcheck disable=SC2016  # code in single quotes is for another shell

setup() {
  INFER=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)/infer.sh
  cd "$BATS_TEST_TMPDIR" || return
  mkdir data
  seq 12 | awk '{ printf "utt-%02d wavs/%d.wav\n", $1, $1 }' >data/wav.scp
  seq 12 | awk '{ printf "utt-%02d %d\n", $1, $1 }' >data/utt2dur
  # "KEY N recognised" for each line of the list; a file named fail makes the shard of that number fail
  cat >recognise <<'END_OF_COMMAND'
#!/usr/bin/env bash
exec 1>&2
echo "args $*"
echo "gpu $CUDA_VISIBLE_DEVICES"
while [ $# -gt 1 ]; do
  [ "$1" != --output-dir ] || out=$2
  shift
done
[ -f "$1" ] && list=$1 || list=$1/segments
echo "${out##*.}" >>began
[ ! -e "fail.${out##*.}" ] || { echo "this shard dies"; exit 3; }
mkdir -p "$out/1best_recog"
awk -v gpu="$CUDA_VISIBLE_DEVICES" '{ print $1, "gpu", gpu }' "$list" >"$out/1best_recog/text"
echo '{"counts": {"ok": 1}}' >"$out/run.json"
END_OF_COMMAND
  cat >nvidia-smi <<'END_OF_COMMAND'
#!/usr/bin/env bash
echo "GPU 0: pretended"
END_OF_COMMAND
  chmod +x recognise
}

infer() { "$INFER" --decode ./recognise --model m --data_dir data --output_dir results "$@"; }

with_gpus() {
  chmod +x nvidia-smi
  PATH=$PWD:$PATH
}

with_cores() {
  printf '#!/usr/bin/env bash\necho %s\n' "$1" >nproc
  chmod +x nproc
  PATH=$PWD:$PATH
}

@test "as the documents type it: shards on GPUs 0 and 1, merged in the order of wav.scp" {
  with_gpus
  run infer --batch_size 64 --gpu_inference true --gpuid_list "0,1"
  [ "$status" -eq 0 ]
  [ "$(grep -h '^gpu' results/log/decode.*.log | sort -u | tr '\n' ' ')" = "gpu 0 gpu 1 " ]
  # four a GPU
  [ "$(sort -n began | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 " ]
  [ "$(cut -d ' ' -f 1 results/1best_recog/text)" = "$(cut -d ' ' -f 1 data/wav.scp)" ]
  [ "$(cut -d ' ' -f 3 results/1best_recog/text | sort -u | tr '\n' ' ')" = "0 1 " ]
  grep -q -- '--model m --batch-size 64 --resume --output-dir results/output.1 --device cuda results/split/wav.1.scp$' results/log/decode.1.log
}

@test "shards have equal durations, each input stands in one" {
  with_gpus
  infer --gpuid_list 0 --shards_per_gpu 3
  [ "$(cat results/split/wav.*.scp | sort)" = "$(sort data/wav.scp)" ]
  for list in results/split/wav.*.scp; do
    [ "$(awk 'NR == FNR { seconds[$1] = $2; next } { sum += seconds[$1] } END { print sum }' data/utt2dur "$list")" -eq 26 ]
  done
}

@test "without a GPU there is one warning, and a job for each processor with its share of the threads" {
  with_cores 3
  run infer
  [ "$status" -eq 0 ]
  [ "$(grep -c 'warning: there is no GPU here' <<<"$output")" -eq 1 ]
  [ "$(sort -n began | tr '\n' ' ')" = "1 2 3 " ]
  grep -q -- '--device cpu --ncpu 1 ' results/log/decode.1.log
  grep -qx 'gpu -1' results/log/decode.1.log
}

@test "processors are asked for without a warning; njob is the most jobs" {
  with_cores 8
  run infer --gpu_inference false --njob 2
  [ "$status" -eq 0 ]
  [[ $output != *warning* ]]
  [ "$(sort -n began | tr '\n' ' ')" = "1 2 " ]
  grep -q -- '--device cpu --ncpu 4 ' results/log/decode.2.log
}

@test "no more shards are made than there are inputs" {
  head -n 2 data/wav.scp >wav.scp
  mv wav.scp data
  with_gpus
  infer
  [ "$(sort -n began | tr '\n' ' ')" = "1 2 " ]
}

@test "a dead shard fails the script with its log and nothing is merged; run again, only that shard is done" {
  with_gpus
  touch fail.3
  run infer
  [ "$status" -eq 1 ]
  [[ $output == *"JOB 3 of 1:8 failed with exit status 3; the end of its log, results/log/decode.3.log:"*"this shard dies"* ]]
  [ ! -e results/1best_recog ]
  rm fail.3 began
  run infer
  [ "$status" -eq 0 ]
  [ "$(cat began)" = 3 ]
  [ "$(wc -l <results/1best_recog/text)" -eq 12 ]
  # and with everything there, none
  rm began
  infer
  [ ! -e began ]
}

@test "a run with fewer GPUs goes on with the shards there are" {
  with_gpus
  touch fail.3
  ! infer --gpuid_list 0,1 || return 1
  rm fail.3 began
  infer --gpuid_list 0
  [ "$(cat began)" = 3 ]
}

@test "a failed shard is tried again with --retries" {
  with_gpus
  touch fail.2
  cat >cleared <<'END_OF_COMMAND'
#!/usr/bin/env bash
./recognise "$@" || { rm fail.2; exit 3; }
END_OF_COMMAND
  chmod +x cleared
  run infer --retries 1 --decode ./cleared
  [ "$status" -eq 0 ]
  [ "$(wc -l <results/1best_recog/text)" -eq 12 ]
}

@test "another list, model or file of hotwords under the same results is refused" {
  with_gpus
  echo one >words.txt
  infer --hotword_txt words.txt
  run infer --hotword_txt words.txt --model other
  [ "$status" -eq 1 ]
  [[ $output == *"< model m"*"> model other"*"name another --output_dir"* ]]
  echo two >words.txt
  run infer --hotword_txt words.txt
  [ "$status" -eq 1 ]
  echo one >words.txt
  infer --hotword_txt words.txt
  sed -i 1d data/wav.scp
  run infer --hotword_txt words.txt
  [ "$status" -eq 1 ]
}

@test "checkpoint, hotwords and mode reach the recogniser" {
  with_gpus
  mkdir exp
  touch exp/valid.cer_ctc.ave.pb
  echo word >words.txt
  infer --checkpoint_dir exp --hotword_txt words.txt --decoding_mode fast --vad_model fsmn-vad
  grep -q -- '--device cuda --checkpoint exp/valid.cer_ctc.ave.pb --hotword words.txt --vad-model fsmn-vad ++decoding_model=fast results/split/wav.1.scp$' \
    results/log/decode.1.log
  run infer --checkpoint_dir exp --checkpoint_name none.pt --output_dir other
  [ "$status" -eq 1 ]
  [[ $output == *"exp/none.pt: no such file"* ]]
}

@test "segments are what is divided where there are some" {
  printf 'rec-%s wavs/%s.wav\n' a a b b >data/wav.scp
  awk 'BEGIN { for (i = 1; i <= 6; i++) printf("rec-%s-%02d rec-%s %d %d\n", substr("aaabbb", i, 1), i, substr("aaabbb", i, 1), i, 2 * i) }' >data/segments
  with_gpus
  infer --gpuid_list 0 --shards_per_gpu 2
  [ "$(cat results/split/*/segments | sort)" = "$(sort data/segments)" ]
  cmp data/wav.scp results/split/2/wav.scp
  [ "$(cut -d ' ' -f 1 results/1best_recog/text)" = "$(cut -d ' ' -f 1 data/segments)" ]
}

@test "what is wrong with the data or the options is one sentence" {
  run infer --data_dir nowhere
  [ "$status" -eq 1 ]
  [[ $output == "infer.sh: nowhere/wav.scp: is missing or empty; "* ]]
  run infer --stage 2
  [ "$status" -eq 1 ]
  [[ $output == "infer.sh: results/1best_recog/text is missing; stage 1 makes it: infer.sh --stage 1" ]]
  cat data/wav.scp >>data/wav.scp.twice
  head -n 1 data/wav.scp >>data/wav.scp.twice
  mv data/wav.scp.twice data/wav.scp
  run infer
  [ "$status" -eq 1 ]
  [[ $output == "infer.sh: data/wav.scp: utt-01 stands there twice; "* ]]
  for words in "--gpuid_list 0,,1" "--gpuid_list all" "--batch_size many" "--gpu_inference maybe" "data"; do
    # shellcheck disable=SC2086
    run infer $words
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "SIGTERM ends the shards" {
  with_gpus
  cat >slow <<'END_OF_COMMAND'
#!/usr/bin/env bash
echo $$ >>pids
exec sleep 600
END_OF_COMMAND
  chmod +x slow
  infer --decode ./slow 3>&- &
  script=$!
  for _ in $(seq 200); do
    [ "$(wc -l <pids 2>/dev/null || echo 0)" -lt 2 ] || break
    sleep 0.1
  done
  # of the function's shell, whose only child is the script
  kill -TERM "$(ps -o pid= --ppid $script | head -n 1)" 2>/dev/null || kill -TERM $script
  code=0
  wait $script || code=$?
  [ $code -eq 143 ]
  sleep 0.2
  while read -r pid; do
    case $(ps -o stat= -p "$pid") in '' | Z*) ;; *) return 1 ;; esac
  done <pids
}
