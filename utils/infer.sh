#!/usr/bin/env bash
# Recognises a data directory on several GPUs, several processors or a cluster, and scores the result.
#
#   infer.sh --model MODEL --data_dir data/test --output_dir results [options]
#
#   stage  makes                                                                  from
#   1      OUT/1best_recog/{text,token,score,rtf,time_stamp}, OUT/errors.jsonl     DATA/wav.scp (DATA/segments)
#   2      OUT/1best_recog/text.cer                                               DATA/text, if there is one
#   3      OUT/1best_recog/{DETAILS.txt,RESULTS.txt}, SpeechIO's normalisation    the same; ask for it with --stop_stage 3
#
# Stage 1 divides the list into shards of equal duration and decodes each by itself, OUT/output.N; a shard that fails shows the end
# of its log, OUT/log/decode.N.log. Run again with the same options it goes on where it stopped. Shards are merged in the order of
# the list once all of them are there, whole. An input that cannot be used is named in OUT/errors.jsonl, and the exit status is 1.
set -euo pipefail

model=damo/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch  # alias, hub id or model directory
data_dir=./data/test    # with wav.scp, perhaps segments, text, utt2dur
output_dir=./results    # where the results go
batch_size=64           # most recordings in a batch
gpu_inference=true      # true: on GPUs, false: on processors
gpuid_list="0,1"        # the GPUs
njob=64                 # jobs at a time without GPUs; on this machine at most one a processor
checkpoint_dir=         # take the parameters from checkpoint_dir/checkpoint_name in place of the model's
checkpoint_name=valid.cer_ctc.ave.pb
stage=1                 # first stage to run
stop_stage=2            # last stage to run
decoding_mode=normal    # fast, normal or offline, of models that have these (UniASR)
hotword_txt=            # a file of hotwords, one a line
vad_model=              # cut long recordings with this model first, e.g. fsmn-vad
hub=ms                  # where the model comes from: ms or hf
cmd=run.sh              # how jobs are started: run.sh, slurm.sh or a command that takes the same arguments
retries=0               # run a shard that fails so many times more; each goes on where the last one stopped
shards_per_gpu=4        # so that a slow shard does not hold up the others
progress=60             # seconds between two lines of progress, 0: none; on a terminal it is one line that changes
decode=decode           # the command that recognises, with decode's options

# shellcheck source-path=SCRIPTDIR source=../path.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../path.sh"
# shellcheck source-path=SCRIPTDIR source=parse_options.sh
. parse_options.sh

log() { printf 'infer.sh: %s\n' "$*" >&2; }

die() {
  log "$*"
  exit 1
}

[ $# -eq 0 ] || { log "$1 is no option; name directories with --data_dir and --output_dir (infer.sh --help tells more)"; exit 2; }
for number in batch_size njob shards_per_gpu retries progress; do
  case ${!number} in '' | *[!0-9]*) log "--$number is '${!number}'; it takes a number"; exit 2 ;; esac
done

num_cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }

# ---------------------------------------------------------------- stage 1: divide, decode, merge

# Sets gpus num_gpus: what $cmd is to be told.
choose_device() {
  gpus=-1
  num_gpus=0
  [ "$gpu_inference" = true ] || return 0
  case $gpuid_list in '' | *[!0-9,]* | ,* | *, | *,,*) log "--gpuid_list is '$gpuid_list'; it takes numbers such as 0,1"; exit 2 ;; esac
  # a cluster's nodes may have GPUs where this one has none
  if [ "${cmd##*/}" = run.sh ] && ! { nvidia-smi -L 2>/dev/null | grep -q GPU; }; then
    log "warning: there is no GPU here (nvidia-smi -L lists none); decoding on the processors, --gpu_inference false says so"
    return 0
  fi
  gpus=$gpuid_list
  num_gpus=$(($(tr -cd , <<<"$gpuid_list" | wc -c) + 1))
}

# What a shard's result depends on. A run with other values must not go on with the shards of this one.
describe() {
  cksum <"$list"
  [ "$list" = "$data_dir/wav.scp" ] || cksum <"$data_dir/wav.scp"
  printf '%s\n' "data_dir $data_dir" "model $model" "checkpoint ${checkpoint_dir:+$checkpoint_dir/$checkpoint_name}" \
    "decoding_mode $decoding_mode" "vad_model $vad_model" "hotwords ${hotword_txt:+$hotword_txt $(cksum <"$hotword_txt")}"
}

# Weights of the inputs to divide by, if there are any to be had.
write_weights() {
  local file
  if [ "$list" != "$data_dir/wav.scp" ]; then
    awk '{ print $1, $4 > $3 ? $4 - $3 : 0 }' "$list" >"$split/weights"
    return
  fi
  for file in utt2dur reco2dur utt2num_frames; do
    [ ! -s "$data_dir/$file" ] || { cat "$data_dir/$file" >"$split/weights" && return; }
  done
  # parts of a long list come out even by themselves; a pipe or URL would be read whole for its length
  if [ "$num_inputs" -le 20000 ] && ! grep -qE '\|[[:space:]]*$|://' "$list"; then
    # what cannot be read weighs nothing here; decode will name it
    { scp2jsonl --nj "$(num_cores)" "$list" 2>/dev/null || true; } |
      python3 -c '
import json, sys
for record in map(json.loads, sys.stdin):
    print(record["key"], record.get("source_len") or 0)' >"$split/weights"
  fi
}

# Fills $split with lists 1 to num_shards, and with what they were made for.
divide() {
  local number outputs=() by=(--by count) lists=$split/lists
  rm -rf "$lists"
  mkdir -p "$lists"
  : >"$split/weights"
  write_weights
  # every input a weight
  if [ -s "$split/weights" ]; then
    awk 'NR == FNR { weight[$1] = $2; next } { print $1, ($1 in weight) ? weight[$1] : 0 }' "$split/weights" "$list" >"$split/weights.all"
    by=(--by duration --weights "$split/weights.all")
  fi
  for ((number = 1; number <= num_shards; number++)); do
    outputs+=("$lists/$number")
  done
  split_scp "${by[@]}" "$list" "${outputs[@]}"
  rm -f "$split/weights" "$split/weights.all"
  for ((number = 1; number <= num_shards; number++)); do
    if [ "$list" = "$data_dir/wav.scp" ]; then
      mv "$lists/$number" "$split/wav.$number.scp"
    else
      mkdir -p "$split/$number"
      mv "$lists/$number" "$split/$number/segments"
      cp "$data_dir/wav.scp" "$split/$number/wav.scp"
    fi
  done
  rmdir "$lists"
  printf '%s\n' "$num_shards" >"$split/num_shards"
  # last: it says that the shards are there
  describe >"$split/made_for.new"
  mv "$split/made_for.new" "$split/made_for"
}

# How many lines the journals of all shards have; only what was added since is read.
offsets=()
num_done=0
count_done() {
  local number journal size
  for ((number = 1; number <= num_shards; number++)); do
    journal=$output_dir/output.$number/journal.jsonl
    [ -f "$journal" ] || continue
    size=$(($(wc -c <"$journal")))
    [ "$size" -gt "${offsets[number]:-0}" ] || continue
    num_done=$((num_done + $(tail -c "+$((${offsets[number]:-0} + 1))" "$journal" | head -c $((size - ${offsets[number]:-0})) | wc -l)))
    # each has a head, which is no input
    [ -n "${offsets[number]:-}" ] || num_done=$((num_done - 1))
    offsets[number]=$size
  done
}

show_progress() {
  local spent=$((SECONDS - began)) left=
  count_done
  [ "$num_done" -le "$num_before" ] || left=", $(((num_inputs - num_done) * spent / (num_done - num_before))) s to go"
  if [ -t 2 ]; then
    printf '\rinfer.sh: %s of %s inputs (%s %%), %s s%s ' "$num_done" "$num_inputs" $((100 * num_done / num_inputs)) "$spent" "$left" >&2
  else
    log "$num_done of $num_inputs inputs ($((100 * num_done / num_inputs)) %), $spent s$left"
  fi
}

runner=
stop() {
  trap '' INT TERM HUP
  if [ -n "$runner" ]; then
    # run.sh and slurm.sh end their jobs
    kill -TERM "$runner" 2>/dev/null || true
    wait "$runner" || true
  fi
  exit "$1"
}

# Waits for $cmd, showing how far all shards together have come.
await() {
  local every=$progress shown=0 status=0
  [ ! -t 2 ] || every=$((progress > 0))
  began=$SECONDS
  count_done
  num_before=$num_done
  while kill -0 "$runner" 2>/dev/null; do
    # in the background, so that a signal is not kept waiting
    sleep 0.3 &
    wait $! || true
    if [ "$every" -gt 0 ] && [ $((SECONDS - shown)) -ge "$every" ] && [ $SECONDS -gt $began ]; then
      show_progress
      shown=$SECONDS
    fi
  done
  wait "$runner" || status=$?
  runner=
  [ ! -t 2 ] || [ "$shown" = 0 ] || { show_progress && echo >&2; }
  return $status
}

list=$data_dir/wav.scp
[ ! -f "$data_dir/segments" ] || list=$data_dir/segments
split=$output_dir/split

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  [ -s "$data_dir/wav.scp" ] || die "$data_dir/wav.scp: is missing or empty; --data_dir names a directory with a wav.scp"
  [ -z "$hotword_txt" ] || [ -f "$hotword_txt" ] || die "--hotword_txt $hotword_txt: no such file"
  [ -z "$checkpoint_dir" ] || [ -f "$checkpoint_dir/$checkpoint_name" ] ||
    die "$checkpoint_dir/$checkpoint_name: no such file; --checkpoint_dir and --checkpoint_name name a checkpoint"
  repeated=$(awk '$1 in seen { print $1; exit } { seen[$1] }' "$list")
  [ -z "$repeated" ] || die "$list: $repeated stands there twice; a key is to stand once (run fix_data_dir.sh $data_dir)"
  num_inputs=$(grep -c '[^[:space:]]' "$list")
  choose_device

  num_jobs=$((num_gpus > 0 ? num_gpus : njob))
  if [ $num_gpus = 0 ] && [ "${cmd##*/}" = run.sh ] && [ $num_jobs -gt "$(num_cores)" ]; then
    num_jobs=$(num_cores)
  fi
  num_shards=$((num_gpus > 0 ? num_gpus * shards_per_gpu : num_jobs))
  [ $num_shards -le "$num_inputs" ] || num_shards=$num_inputs
  [ "$num_jobs" -le "$num_shards" ] || num_jobs=$num_shards
  mkdir -p "$split" "$output_dir/log"
  if [ -f "$split/made_for" ]; then
    if ! describe | cmp -s - "$split/made_for"; then
      describe | diff "$split/made_for" - | sed -n 's/^\([<>]\) /  \1 /p' >&2 || true
      die "$output_dir was begun with another list or other options (above: < then, > now); give the same, or name another --output_dir"
    fi
    # a run with another number of GPUs goes on with the shards there are
    num_shards=$(cat "$split/num_shards")
  else
    log "stage 1: $num_inputs inputs in $num_shards shards, $num_jobs at a time"
    divide
  fi

  # before the shards, which would all fetch it
  directory=$model
  [ "$decode" != decode ] || [ -d "$model" ] || directory=$(download --hub "$hub" "$model")
  words=("$decode" --model "$directory" --batch-size "$batch_size" --resume --output-dir "$output_dir/output.JOB")
  if [ $num_gpus -gt 0 ]; then
    words+=(--device cuda)
  elif [ "${cmd##*/}" = run.sh ]; then
    words+=(--device cpu --ncpu $(($(num_cores) / num_jobs > 0 ? $(num_cores) / num_jobs : 1)))
  else
    words+=(--device cpu --ncpu 1)
  fi
  [ -z "$checkpoint_dir" ] || words+=(--checkpoint "$checkpoint_dir/$checkpoint_name")
  [ -z "$hotword_txt" ] || words+=(--hotword "$hotword_txt")
  [ -z "$vad_model" ] || words+=(--vad-model "$vad_model")
  [ "$decoding_mode" = normal ] || words+=("++decoding_model=$decoding_mode")
  if [ "$list" = "$data_dir/wav.scp" ]; then words+=("$split/wav.JOB.scp"); else words+=("$split/JOB"); fi

  # run.json is what decode writes last; with it, exit status 1 means that some inputs could not be used
  # shellcheck disable=SC2016  # for the shell that runs the job
  shard='[ -s "$0/run.json" ] && { echo "done before, see $0/run.json"; exit 0; }
    "$@" >/dev/null || { status=$?; [ $status = 1 ] && [ -s "$0/run.json" ] || exit $status; }'
  trap 'stop 130' INT
  trap 'stop 143' TERM
  trap 'stop 129' HUP
  $cmd --max-jobs-run "$num_jobs" --gpus "$gpus" --retries "$retries" JOB=1:"$num_shards" "$output_dir/log/decode.JOB.log" \
    bash -c "$shard" "$output_dir/output.JOB" "${words[@]}" &
  runner=$!
  await || die "a shard failed (above); run the same again, it goes on where this stopped"
  trap - INT TERM HUP

  shards=()
  for ((number = 1; number <= num_shards; number++)); do
    shards+=("$output_dir/output.$number")
  done
  asrtools merge-shards "$data_dir" "$output_dir" "${shards[@]}"
fi

# ---------------------------------------------------------------- stages 2 and 3: score

best=$output_dir/1best_recog
if [ "$stop_stage" -ge 2 ]; then
  [ -f "$best/text" ] || die "$best/text is missing; stage 1 makes it: infer.sh --stage 1"
fi
if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ] && [ -f "$data_dir/text" ]; then
  score "$data_dir/text" "$best/text" "$best/text.cer"
fi
if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  [ -f "$data_dir/text" ] || die "$data_dir/text is missing; stage 3 scores against it"
  score --speechio "$best" "$data_dir/text" "$best/text"
fi

if [ -s "$output_dir/errors.jsonl" ]; then
  die "$(($(wc -l <"$output_dir/errors.jsonl"))) inputs could not be used; $output_dir/errors.jsonl names them"
fi
