#!/usr/bin/env bash
# Common Voice: read sentences of any of its languages, from an unpacked release to the error rate.
#
#   bash egs/commonvoice/run.sh --commonvoice_dir cv-corpus-21.0-2025-03-14 --lang en [--stage N] [--stop_stage M] [--gpuid_list 0,1]
#
# A release is downloaded by hand from https://commonvoice.mozilla.org/datasets, after its terms were agreed to.
#
#   stage  makes                                                      from
#   0      data/LANG/{train,dev,test}, data/LANG/list, after checks   COMMONVOICE_DIR/LANG
#   1      exp/LANG/cmvn/am.mvn                                       data/LANG/train
#   2      exp/LANG/bpe/{bpe.model,tokens.json}                       data/LANG/train/text, by sentencepiece
#   3      exp/LANG/CONFIG, a model directory                         data/LANG/list/{train,dev}.jsonl, exp/LANG/{cmvn,bpe}
#   4      exp/LANG/CONFIG/model.pt.avgN                              exp/LANG/CONFIG/model.pt.ep*
#   5      exp/LANG/CONFIG/{dev,test}/1best_recog/text.cer            exp/LANG/CONFIG/model.pt.avgN, data/LANG/{dev,test}
#
# Every stage can run again; what is newer than its input is left alone, and stages 3 and 5 go on where they were stopped.

set -euo pipefail
here=$PWD
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=0             # first stage to run
stop_stage=5        # last stage to run
config=conformer_12e_6d_2048_256  # a file of conf, with or without conf/ and .yaml
commonvoice_dir=    # the unpacked release, which holds LANG
lang=en             # the language, by the name of its folder
text_args=          # of local/prepare_data.py: --keep-case, --keep-punctuation
bpe_type=unigram    # pieces of words; char for languages written without spaces
bpe_size=2000       # how many pieces
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

if [ -n "$commonvoice_dir" ] && [ "${commonvoice_dir#/}" = "$commonvoice_dir" ]; then commonvoice_dir=$here/$commonvoice_dir; fi
absolute data exp
data=$data/$lang exp=$exp/$lang
yaml=$config
[ -f "$yaml" ] || yaml=conf/$(basename "$config" .yaml).yaml
[ -f "$yaml" ] || die "--config $config: is no file of conf; there are $(cd conf && echo *_*.yaml)"
model=$exp/$(basename "$yaml" .yaml)

if runs 0 "data directories and lists in $data"; then
    [ -n "$commonvoice_dir" ] || die "--commonvoice_dir is missing; the unpacked release is wanted, which holds $lang"
    # shellcheck disable=SC2086  # several words
    python local/prepare_data.py $text_args "$commonvoice_dir/$lang" "$data"
    mkdir -p "$data/list"
    for name in train dev test; do
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
    fresh "$exp/bpe/bpe.model" "$data/train/text" || make_bpe --type "$bpe_type" --size "$bpe_size" "$data/train/text" "$exp/bpe"
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
    for part in dev test; do
        need "$data/$part/wav.scp" 0
        infer.sh --model "$model" --checkpoint_dir "$model" --checkpoint_name "$checkpoint" --data_dir "$data/$part" \
            --output_dir "$model/$part" "${where[@]}" --cmd "$cmd"
    done
    for part in dev test; do
        log "$part: $(grep '^%WER' "$model/$part/1best_recog/text.cer")"
    done
fi
