#!/usr/bin/env bash
# A published model made better on one's own recordings, with its error rate before and after.
#
#   bash egs/finetune/run.sh --model paraformer-zh --data_dir DIR [--exp DIR] [--gpuid_list 0,1] [--max_epoch N] [--lr R] ...
#
# DIR holds train/{wav.scp,text}, validation/{wav.scp,text} (or dev/) and, if there is one, test/{wav.scp,text}; without it the error
# rates are those of validation.
#
#   stage  makes                                   from
#   1      exp/list/{train,validation}.jsonl       DIR
#   2      exp/before/1best_recog/text.cer         the model, DIR/test
#   3      exp/model, a model directory            the model, exp/list
#   4      exp/after/1best_recog/text.cer          exp/model, DIR/test
#
# Every stage can run again; stages 2 to 4 go on where they were stopped. finetune.py and infer_after_finetune.py do the same from Python.

set -euo pipefail
here=$PWD
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=1              # first stage to run
stop_stage=4         # last stage to run
model=damo/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch  # alias, hub id or model directory
hub=ms               # where a named model comes from: ms or hf
data_dir=            # the recordings and their texts; a relative path counts from where the recipe is called
exp=exp              # where the results go; a relative path counts from this directory
batch_type=length    # example: utterances; length: frames of 10 ms; token: frames and tokens
batch_size=6000      # of these in a batch
max_epoch=20         # epochs of training
lr=0.0002            # learning rate
freeze=              # parameters that stay as they are, by the beginnings of their names, e.g. "encoder.encoders0,predictor"
train_args=          # more for train, e.g. "++train_conf.accum_grad=4 ++lora_only=true"
gpuid_list=          # GPUs to train and decode on, e.g. 0,1; empty: on processors
nj=4                 # jobs without GPUs
cmd=run.sh           # how jobs are started: run.sh, slurm.sh, or a command that takes the same arguments

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/recipe.sh
. recipe.sh

if [ -z "$data_dir" ]; then
    echo "$0: --data_dir is missing; a directory with train/{wav.scp,text} and validation/{wav.scp,text} is wanted" >&2
    exit 2
fi
case $data_dir in /*) ;; *) data_dir=$here/$data_dir ;; esac
if [ ! -d "$model" ] && [ -d "$here/$model" ]; then model=$here/$model; fi
absolute exp
valid=$data_dir/validation
[ -d "$valid" ] || valid=$data_dir/dev
test=$data_dir/test
[ -d "$test" ] || test=$valid
for file in "$data_dir/train/wav.scp" "$data_dir/train/text" "$valid/wav.scp" "$valid/text"; do
    [ -s "$file" ] || die "$file is missing; --data_dir names a directory with train and validation (or dev), wav.scp and text in each"
done

# recognise NAME MODEL: the test recordings in exp/NAME, with their error rate
recognise() {
    local where=(--gpu_inference false --njob "$nj")
    [ -z "$gpuid_list" ] || where=(--gpu_inference true --gpuid_list "$gpuid_list")
    infer.sh --model "$2" --hub "$hub" --data_dir "$test" --output_dir "$exp/$1" "${where[@]}" --cmd "$cmd"
}

# list NAME DIR: what can be used of DIR; the rest is named
list() {
    local status=0
    scp2jsonl --nj "$nj" --output "$exp/list/$1.jsonl" "$2" || status=$?
    if [ $status -gt 1 ] || [ ! -s "$exp/list/$1.jsonl" ]; then
        die "$2: nothing there can be trained on (above)"
    fi
    [ $status = 0 ] || log "$2: what is named above is left out"
}

if runs 1 "lists in $exp/list"; then
    mkdir -p "$exp/list"
    list train "$data_dir/train"
    list validation "$valid"
fi

if runs 2 "the model as it is, on $test"; then
    recognise before "$model"
fi

if runs 3 "training in $exp/model"; then
    need "$exp/list/train.jsonl" 1
    device=(--device cpu)
    [ -z "$gpuid_list" ] || device=(--gpuid_list "$gpuid_list")
    # shellcheck disable=SC2086  # several words
    $cmd JOB=1:1 "$exp/log/train.JOB.log" \
        train --model "$model" --hub "$hub" --train "$exp/list/train.jsonl" --valid "$exp/list/validation.jsonl" --output-dir "$exp/model" \
        "${device[@]}" "++dataset_conf.batch_type=$batch_type" "++dataset_conf.batch_size=$batch_size" \
        "++train_conf.max_epoch=$max_epoch" "++optim_conf.lr=$lr" ${freeze:+"++freeze_param=$freeze"} $train_args
fi

if runs 4 "the model as it has become, on $test"; then
    need "$exp/model/model.pt" 3
    recognise after "$exp/model"
    for name in before after; do
        [ ! -s "$exp/$name/1best_recog/text.cer" ] || log "$name: $(grep '^%WER' "$exp/$name/1best_recog/text.cer")"
    done
fi
