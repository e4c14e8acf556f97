#!/usr/bin/env bash
# From nothing to a small recogniser of Mandarin and English and its error rate, on a corpus the recipe synthesises itself.
#
#   bash egs/mini/run.sh [--stage N] [--stop-stage N] [--nj N] [--cmd CMD] [--gpuid_list LIST] [--size full|tiny]
#
#   stage  makes                                            from
#   1      data/{train,dev,test}, data/wav                  local/*.py and espeak-ng
#   2      data/list/{train,dev,test}.jsonl, after checks   data/{train,dev,test}
#   3      exp/cmvn/{am.mvn,cmvn.json}, exp/tokens.json     data/train
#   4      exp/fbank/{train,dev,test}/feats.scp            data/{train,dev,test}
#   5      exp/model, a model directory                     exp/fbank/{train,dev}, exp/cmvn, exp/tokens.json
#   6      exp/model/model.pt, the mean of its five best    exp/model/model.pt.ep*
#   7      exp/{dev,test}/1best_recog/text.cer              exp/model, data/{dev,test}
#
# Every stage can run again; what is newer than its input is left alone.

set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=1         # first stage to run
stop_stage=100  # last stage to run
nj=2            # parallel jobs
cmd=run.sh      # how jobs are started: utils/run.sh, or a command that takes the same arguments
gpuid_list=     # GPUs to train on, e.g. 0; empty: on the processor
size=full       # full: 1,200 training utterances (53 minutes); tiny: 24, to try the recipe out
seed=1          # another seed, another corpus
steps=          # of the recogniser's training; 2000 for full, 20 for tiny
data=data       # where the corpus goes; a relative path counts from this directory
exp=exp         # where the results go; the same

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/recipe.sh
. recipe.sh

sets="train dev test"
# lists hold the paths they are made with, and are to be read from any directory
absolute data exp

if runs 1 "corpus ($size) in $data"; then
    if ! python -c 'import espeakng_loader' 2>/dev/null; then
        setup.sh --extras synth
    fi
    python local/make_corpus.py --size "$size" --seed "$seed" --nj "$nj" "$data"
fi

if runs 2 "checks, and lists in $data/list"; then
    need "$data/corpus.json" 1
    mkdir -p "$data/list"
    for name in $sets; do
        if ! fresh "$data/list/$name.jsonl" "$data/corpus.json"; then
            validate_data_dir.sh --no-feats "$data/$name"
            scp2jsonl --output "$data/list/$name.jsonl" "$data/$name"
        fi
    done
fi

if runs 3 "means and variances in $exp/cmvn, tokens in $exp/tokens.json"; then
    need "$data/corpus.json" 1
    if ! fresh "$exp/cmvn/am.mvn" "$data/corpus.json" conf/fbank.yaml; then
        $cmd JOB=1:1 "$exp/log/cmvn.JOB.log" \
            compute-cmvn --config conf/fbank.yaml --nj "$nj" "$data/train" "$exp/cmvn"
    fi
    if ! fresh "$exp/tokens.json" "$data/corpus.json"; then
        # English by words: at 60 ms a stacked frame there would be hardly more frames than letters
        make_tokens --unit mixed --lower --seg-dict "$exp/seg_dict" "$data/train/text" "$exp/tokens.json"
    fi
fi

if runs 4 "features in $exp/fbank"; then
    need "$data/corpus.json" 1
    for name in $sets; do
        dir=$exp/fbank/$name
        if fresh "$dir/feats.scp" "$data/corpus.json" conf/fbank.yaml; then continue; fi
        # no more jobs than utterances
        num_utts=$(($(wc -l < "$data/$name/wav.scp")))
        num_jobs=$((nj < num_utts ? nj : num_utts))
        parts=()
        for job in $(seq "$num_jobs"); do
            mkdir -p "$dir/split/$job"
            parts+=("$dir/split/$job/wav.scp")
        done
        split_scp "$data/$name/wav.scp" "${parts[@]}"
        # without stacking: whoever reads the features stacks and normalises them as its model wants
        $cmd JOB=1:"$num_jobs" "$exp/log/fbank_$name.JOB.log" \
            compute-fbank --config conf/fbank.yaml --lfr 1,1 "$dir/split/JOB/wav.scp" "$dir/split/JOB"
        # feats.scp comes last: it says that the set is complete
        for file in utt2num_frames feats.scp; do
            for job in $(seq "$num_jobs"); do
                cat "$dir/split/$job/$file"
            done > "$dir/$file.tmp"
            mv "$dir/$file.tmp" "$dir/$file"
        done
    done
fi

# train_model NAME CONFIG TRAIN VALID [++key=value ...]: a model directory exp/NAME
train_model() {
    local name=$1 config=$2 lists=("$3" "$4") device=(--device cpu --ncpu 1)
    shift 4
    # one thread: more would change the last bits, and so the model
    [ -z "$gpuid_list" ] || device=(--gpuid_list "$gpuid_list")
    $cmd JOB=1:1 "$exp/log/train_$name.JOB.log" \
        train --config "$config" --train "${lists[0]}" --valid "${lists[1]}" --output-dir "$exp/$name" --seed "$seed" "${device[@]}" "$@"
}

if runs 5 "a recogniser in $exp/model"; then
    for name in train dev; do
        need "$exp/fbank/$name/feats.scp" 4
    done
    need "$exp/cmvn/am.mvn" 3
    if ! fresh "$exp/model/model.pt" "$exp/fbank/train/feats.scp" "$exp/cmvn/am.mvn" "$exp/tokens.json" conf/ctc.yaml; then
        for name in train dev; do
            python local/features_list.py "$data/list/$name.jsonl" "$exp/fbank/$name/feats.scp" >"$exp/fbank/$name/list.jsonl"
        done
        default=2000
        [ "$size" = full ] || default=20
        train_model model conf/ctc.yaml "$exp/fbank/train/list.jsonl" "$exp/fbank/dev/list.jsonl" \
            "++tokenizer_conf.token_list=$exp/tokens.json" "++tokenizer_conf.seg_dict=$exp/seg_dict" \
            "++frontend_conf.cmvn_file=$exp/cmvn/am.mvn" \
            "++train_conf.max_steps=${steps:-$default}" "++scheduler_conf.total_steps=${steps:-$default}"
    fi
fi

if runs 6 "the mean of five checkpoints in $exp/model/model.pt"; then
    need "$exp/model/checkpoint/last.pt" 5
    if ! fresh "$exp/model/model.pt.avg5" "$exp/model/checkpoint/last.pt"; then
        average-ckpt --best 5 --by loss --output "$exp/model/model.pt.avg5" "$exp/model"
        cp "$exp/model/model.pt.avg5" "$exp/model/model.pt"
    fi
fi

if runs 7 "texts and error rates in $exp/dev and $exp/test"; then
    need "$exp/model/model.pt" 5
    for name in dev test; do
        dir=$exp/$name
        if fresh "$dir/1best_recog/text.cer" "$exp/model/model.pt" "$data/corpus.json"; then continue; fi
        $cmd JOB=1:1 "$exp/log/decode_$name.JOB.log" \
            decode --model "$exp/model" --device cpu --ncpu "$nj" --output-dir "$dir" "$data/$name"
        score "$data/$name/text" "$dir/1best_recog/text" "$dir/1best_recog/text.cer"
    done
    for name in dev test; do
        log "$name: $(grep '^%WER' "$exp/$name/1best_recog/text.cer")"
    done
fi
