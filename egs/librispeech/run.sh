#!/usr/bin/env bash
# LibriSpeech: 100 or 960 hours of read English, from the download to the word error rate.
#
#   bash egs/librispeech/run.sh [--stage N] [--stop_stage M] [--config NAME] [--train_parts "train-clean-100 ..."] [--gpuid_list 0,1]
#
#   stage  makes                                                   from
#   -1     CORPORA/LibriSpeech, 60 GB in all                       openslr 12 or its mirrors; resumed, checksums compared
#   0      data/PART, data/train, data/list/*.jsonl, after checks  CORPORA/LibriSpeech, or --librispeech_dir
#   1      exp/cmvn/am.mvn                                         data/train
#   2      exp/bpe/{bpe.model,tokens.json}                         data/train/text, by sentencepiece
#   3      exp/CONFIG, a model directory                           data/list/{train,dev}.jsonl, exp/cmvn, exp/bpe
#   4      exp/CONFIG/model.pt.avgN                                exp/CONFIG/model.pt.ep*
#   5      exp/CONFIG/PART/1best_recog/text.cer                    exp/CONFIG/model.pt.avgN, data/PART of --test_parts
#
# Every stage can run again; what is newer than its input is left alone, and stages -1, 3 and 5 go on where they were stopped.

set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=0             # first stage to run; -1 downloads
stop_stage=5        # last stage to run
config=conformer_12e_6d_2048_256  # a file of conf, with or without conf/ and .yaml
train_parts="train-clean-100 train-clean-360 train-other-500"  # what is trained on
dev_parts="dev-clean dev-other"   # what chooses the checkpoints
test_parts="test-clean test-other"  # what is scored
librispeech_dir=    # where LibriSpeech lies unpacked (the folder of its parts); empty: where stage -1 puts it
corpora=corpora     # where stage -1 downloads to; a relative path counts from this directory
mirror=             # a folder of openslr's archives that is tried first, a URL
bpe_size=5000       # pieces of words
data=data           # where the data directories go; relative to this directory
exp=exp             # where the results go; the same
gpuid_list=         # GPUs to train and decode on, e.g. 0,1; empty: on processors
nj=4                # jobs without GPUs
cmd=run.sh          # how jobs are started: run.sh, slurm.sh, or a command that takes the same arguments
average=10          # how many checkpoints are averaged, the best on dev
cmvn_config=conf/cmvn.yaml  # features whose mean and variance are taken
train_args=         # more for train in stage 3, e.g. "++train_conf.max_epoch=2"

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/recipe.sh
. recipe.sh

absolute data exp corpora librispeech_dir
yaml=$config
[ -f "$yaml" ] || yaml=conf/$(basename "$config" .yaml).yaml
[ -f "$yaml" ] || die "--config $config: is no file of conf; there are $(cd conf && echo *_*.yaml)"
model=$exp/$(basename "$yaml" .yaml)
librispeech_dir=${librispeech_dir:-$corpora/LibriSpeech}

if runs -1 "LibriSpeech to $corpora"; then
    download --dataset librispeech --split "$(tr ' ' , <<<"$train_parts $dev_parts $test_parts")" --to "$corpora" ${mirror:+--mirror "$mirror"}
fi

if runs 0 "data directories and lists in $data"; then
    [ -d "$librispeech_dir" ] || die "$librispeech_dir is missing; stage -1 makes it: run.sh --stage -1, or --librispeech_dir names another"
    # shellcheck disable=SC2086  # names of parts
    bash local/prepare_data.sh "$librispeech_dir" "$data" $train_parts $dev_parts $test_parts
    mkdir -p "$data/list"
    for name in train dev; do
        parts=${name}_parts dirs=()
        for part in ${!parts}; do
            dirs+=("$data/$part")
        done
        combine_data.sh "$data/$name" "${dirs[@]}"
        validate_data_dir.sh --no-feats "$data/$name"
        scp2jsonl --nj "$nj" --output "$data/list/$name.jsonl" "$data/$name"
    done
fi

if runs 1 "mean and variance in $exp/cmvn"; then
    need "$data/train/wav.scp" 0
    if ! fresh "$exp/cmvn/am.mvn" "$data/train/wav.scp" "$cmvn_config"; then
        $cmd JOB=1:1 "$exp/log/cmvn.JOB.log" \
            compute-cmvn --config "$cmvn_config" --nj "$nj" "$data/train" "$exp/cmvn"
    fi
fi

if runs 2 "pieces of words in $exp/bpe"; then
    need "$data/train/text" 0
    fresh "$exp/bpe/bpe.model" "$data/train/text" || make_bpe --size "$bpe_size" "$data/train/text" "$exp/bpe"
fi

checkpoint=model.pt.avg$average
if runs 3 "training in $model"; then
    need "$exp/cmvn/am.mvn" 1
    need "$exp/bpe/bpe.model" 2
    for name in train dev; do
        need "$data/list/$name.jsonl" 0
    done
    device=(--device cpu)
    [ -z "$gpuid_list" ] || device=(--gpuid_list "$gpuid_list")
    # shellcheck disable=SC2086  # several words
    $cmd JOB=1:1 "$exp/log/train_$(basename "$model").JOB.log" \
        train --config "$yaml" --train "$data/list/train.jsonl" --valid "$data/list/dev.jsonl" --output-dir "$model" "${device[@]}" \
        "++tokenizer_conf.bpemodel=$exp/bpe/bpe.model" "++frontend_conf.cmvn_file=$exp/cmvn/am.mvn" $train_args
fi

if runs 4 "the mean of the $average best in $model/$checkpoint"; then
    need "$model/config.yaml" 3
    average-ckpt --best "$average" --output "$model/$checkpoint" "$model"
fi

if runs 5 "texts and error rates in $model"; then
    need "$model/$checkpoint" 4
    where=(--gpu_inference false --njob "$nj")
    [ -z "$gpuid_list" ] || where=(--gpu_inference true --gpuid_list "$gpuid_list")
    for part in $test_parts; do
        need "$data/$part/wav.scp" 0
        infer.sh --model "$model" --checkpoint_dir "$model" --checkpoint_name "$checkpoint" --data_dir "$data/$part" \
            --output_dir "$model/$part" "${where[@]}" --cmd "$cmd"
    done
    for part in $test_parts; do
        log "$part: $(grep '^%WER' "$model/$part/1best_recog/text.cer")"
    done
fi
