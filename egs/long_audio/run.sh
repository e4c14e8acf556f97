#!/usr/bin/env bash
# Long recordings, one step a stage: who said what, when, with punctuation, as records, subtitles and RTTM.
#
#   bash egs/long_audio/run.sh --data DATA [--stage N] [--stop-stage N] [--exp DIR] [--cmd CMD] [--gpuid_list LIST] [--nj N]
#
#   stage  makes                              from
#   1      exp/segments.jsonl                 DATA: wav.scp, a data directory, list.jsonl or a recording
#   2      exp/text.jsonl                     exp/segments.jsonl
#   3      exp/punc.jsonl                     exp/text.jsonl
#   4      exp/spk/{records.jsonl,rttm}       exp/punc.jsonl
#   5      exp/srt/KEY.srt                    exp/spk/records.jsonl
#
# `decode --vad-model M --punc-model M --spk-model M DATA` does stages 1 to 4 at once; here each step can be looked at,
# changed and run again. What is newer than its input is left alone.

set -euo pipefail
here=$PWD
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=1                    # first stage to run
stop_stage=100             # last stage to run
data=                      # the recordings
exp=exp                    # where the results go; a relative path counts from this directory
vad_model=fsmn-vad         # finds the stretches of speech
model=paraformer-zh        # recognises them; one that gives token times
punc_model=ct-punc         # attaches punctuation
spk_model=cam++            # tells speakers apart
num_speakers=              # how many speak in each recording, where that is known
device=auto                # auto, cpu or cuda
nj=2                       # threads of each step on a CPU
gpuid_list=                # the GPU to use, e.g. 0
cmd=run.sh                 # how a step is started: utils/run.sh, or a command that takes the same arguments

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh

if [ -z "$data" ]; then
    echo "egs/long_audio/run.sh: --data is missing; wav.scp, a data directory, list.jsonl or a recording is wanted" >&2
    exit 2
fi
case $data in /*) ;; *) data=$here/$data ;; esac
case $exp in /*) ;; *) exp=$PWD/$exp ;; esac
mkdir -p "$exp"

# runs STAGE WHAT OUTPUT INPUT: whether it is to run; if so, says it
runs() {
    if [ "$stage" -gt "$1" ] || [ "$stop_stage" -lt "$1" ]; then return 1; fi
    if [ ! -e "$4" ]; then
        echo "egs/long_audio/run.sh: $4 is missing; stage $(($1 - 1)) makes it: run.sh --stage $(($1 - 1))" >&2
        exit 1
    fi
    if [ -s "$3" ] && [ ! "$4" -nt "$3" ]; then return 1; fi
    echo "$(date '+%F %T') egs/long_audio/run.sh: stage $1: $2"
}

# step NAME COMMAND ... > OUTPUT: one job; its output takes its name when it is whole
step() {
    local name=$1 output=$2
    shift 2
    # shellcheck disable=SC2016  # expanded by the inner shell
    $cmd ${gpuid_list:+--gpus "$gpuid_list"} JOB=1:1 "$exp/log/$name.JOB.log" \
        bash -c 'out=$1; shift; "$@" > "$out.tmp" && mv "$out.tmp" "$out"' step "$output" "$@"
}

common=(--device "$device" --ncpu "$nj")
if runs 1 "speech in $data" "$exp/segments.jsonl" "$data"; then
    step segments "$exp/segments.jsonl" vad-segment --model "$vad_model" "${common[@]}" --jsonl "$data"
fi
if runs 2 "its text" "$exp/text.jsonl" "$exp/segments.jsonl"; then
    step text "$exp/text.jsonl" decode --model "$model" "${common[@]}" --merge-segments --jsonl "$exp/segments.jsonl"
fi
if runs 3 "punctuation" "$exp/punc.jsonl" "$exp/text.jsonl"; then
    step punc "$exp/punc.jsonl" punc --model "$punc_model" "${common[@]}" "$exp/text.jsonl"
fi
if runs 4 "speakers" "$exp/spk/rttm" "$exp/punc.jsonl"; then
    step speakers "$exp/turns" spk-diarize --model "$spk_model" --vad-model "$vad_model" "${common[@]}" \
        ${num_speakers:+--num-speakers "$num_speakers"} --output-dir "$exp/spk" "$exp/punc.jsonl"
fi
if runs 5 "subtitles" "$exp/srt/files" "$exp/spk/records.jsonl"; then
    python local/subtitles.py "$exp/spk/records.jsonl" "$exp/srt"
    echo "$(date '+%F %T') egs/long_audio/run.sh: subtitles in $exp/srt, turns in $exp/spk/rttm"
fi
