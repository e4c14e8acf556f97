#!/usr/bin/env bash
# AISHELL-1: 150 hours of read Mandarin, from the download to the character error rate.
#
#   bash egs/aishell/run.sh [--stage N] [--stop_stage M] [--config NAME] [--gpuid_list 0,1] [--nj N] [--cmd CMD]
#
#   stage  makes                                                      from
#   -1     CORPORA/aishell, 15 GB                                     openslr 33 or its mirrors; resumed, checksums compared
#   0      data/{train,dev,test} and data/list/*.jsonl, after checks  CORPORA/aishell, or --aishell_dir
#   1      exp/cmvn/am.mvn                                            data/train
#   2      exp/tokens.json                                            data/train/text
#   3      exp/CONFIG, a model directory                              data/list/{train,dev}.jsonl, exp/cmvn, exp/tokens.json
#   4      exp/CONFIG/model.pt.avgN                                   exp/CONFIG/model.pt.ep*
#   5      exp/CONFIG/{dev,test}/1best_recog/text.cer                 exp/CONFIG/model.pt.avgN, data/{dev,test}
#
# CONFIG is one of conf/*.yaml: paraformer_conformer_12e_6d_2048_256, conformer_12e_6d_2048_256, transformer_12e_6d_2048_256,
# branchformer_12e_6d_2048_256, e_branchformer_12e_6d_2048_256. Every stage can run again; what is newer than its input is left
# alone, and stages -1, 3 and 5 go on where they were stopped.

set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=0          # first stage to run; -1 downloads
stop_stage=5     # last stage to run
config=paraformer_conformer_12e_6d_2048_256  # a file of conf, with or without conf/ and .yaml
aishell_dir=     # where AISHELL-1 lies unpacked (the folder of data_aishell); empty: where stage -1 puts it
corpora=corpora  # where stage -1 downloads to; a relative path counts from this directory
mirror=          # a folder of openslr's archives that is tried first, a URL
data=data        # where the data directories go; the same
exp=exp          # where the results go; the same
gpuid_list=      # GPUs to train and decode on, e.g. 0,1; empty: on processors
nj=4             # jobs without GPUs
cmd=run.sh       # how jobs are started: run.sh, slurm.sh, or a command that takes the same arguments
average=10       # how many checkpoints are averaged, the best on dev
cmvn_config=conf/cmvn.yaml  # features whose mean and variance are taken
train_args=      # more for train in stage 3, e.g. "++train_conf.max_epoch=2 ++dataset_conf.num_workers=0"

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/recipe.sh
. recipe.sh

absolute data exp corpora aishell_dir
yaml=$config
[ -f "$yaml" ] || yaml=conf/$(basename "$config" .yaml).yaml
[ -f "$yaml" ] || die "--config $config: is no file of conf; there are $(cd conf && echo *_*.yaml)"
model=$exp/$(basename "$yaml" .yaml)
aishell_dir=${aishell_dir:-$corpora/aishell}
sets="train dev test"

if runs -1 "AISHELL-1 to $corpora"; then
    download --dataset aishell --to "$corpora" ${mirror:+--mirror "$mirror"}
fi

if runs 0 "data directories and lists in $data"; then
    need "$aishell_dir/data_aishell/transcript/aishell_transcript_v0.8.txt" -1
    bash local/prepare_data.sh "$aishell_dir" "$data"
    mkdir -p "$data/list"
    for name in $sets; do
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

if runs 2 "tokens in $exp/tokens.json"; then
    need "$data/train/text" 0
    fresh "$exp/tokens.json" "$data/train/text" || make_tokens --unit char "$data/train/text" "$exp/tokens.json"
fi

checkpoint=model.pt.avg$average
if runs 3 "training in $model"; then
    need "$exp/cmvn/am.mvn" 1
    need "$exp/tokens.json" 2
    for name in train dev; do
        need "$data/list/$name.jsonl" 0
    done
    device=(--device cpu)
    [ -z "$gpuid_list" ] || device=(--gpuid_list "$gpuid_list")
    # shellcheck disable=SC2086  # several words
    $cmd JOB=1:1 "$exp/log/train_$(basename "$model").JOB.log" \
        train --config "$yaml" --train "$data/list/train.jsonl" --valid "$data/list/dev.jsonl" --output-dir "$model" "${device[@]}" \
        "++tokenizer_conf.token_list=$exp/tokens.json" "++frontend_conf.cmvn_file=$exp/cmvn/am.mvn" $train_args
fi

if runs 4 "the mean of the $average best in $model/$checkpoint"; then
    need "$model/config.yaml" 3
    average-ckpt --best "$average" --output "$model/$checkpoint" "$model"
fi

if runs 5 "texts and error rates in $model/{dev,test}"; then
    need "$model/$checkpoint" 4
    where=(--gpu_inference false --njob "$nj")
    [ -z "$gpuid_list" ] || where=(--gpu_inference true --gpuid_list "$gpuid_list")
    for name in dev test; do
        infer.sh --model "$model" --checkpoint_dir "$model" --checkpoint_name "$checkpoint" --data_dir "$data/$name" \
            --output_dir "$model/$name" "${where[@]}" --cmd "$cmd"
    done
    for name in dev test; do
        log "$name: $(grep '^%WER' "$model/$name/1best_recog/text.cer")"
    done
fi
