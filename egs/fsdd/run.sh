#!/usr/bin/env bash
# Connected digits of real speech: the Free Spoken Digit Dataset, from the download to digit error rates, on a CPU in minutes.
#
#   bash egs/fsdd/run.sh [--fsdd_dir DIR] [--splits "official theo"] [--models "paraformer conformer_ctc"] [--seeds "1 2 3"] [--nj N]
#
#   stage  makes                                              from
#   1      CORPORA/free-spoken-digit-dataset-1.0.9, 12 MB     github; left out with --fsdd_dir
#   2      data/SPLIT/{train,dev,test,list}                   its recordings, one to five in a row
#   3      exp/SPLIT/{MODEL.mvn,tokens.json,seg_dict}         data/SPLIT/train
#   4      exp/SPLIT/MODEL.SEED, model directories            data/SPLIT/list, exp/SPLIT
#   5      exp/SPLIT/MODEL.SEED/test/1best_recog/text.cer     exp/SPLIT/MODEL.SEED, data/SPLIT/test
#   6      exp/results.txt: digit error rates, and by steps   what stages 4 and 5 left
#
# SPLIT official: indices 0 to 4 of each digit and speaker are test, as its publisher says, 5 and 6 dev; any other SPLIT is a speaker who
# is heard in test alone (theo). Every stage can run again; what is newer than its input is left alone.

set -euo pipefail
here=$PWD
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

stage=1          # first stage to run
stop_stage=6     # last stage to run
fsdd_dir=        # where the recordings lie ({digit}_{speaker}_{index}.wav, in it or below); empty: downloaded
splits="official theo"               # official, or the name of a speaker
models="paraformer conformer_ctc"    # files of conf
seeds=1          # of training, e.g. "1 2 3"
passes=6         # how often each recording is in the training part, each time with other digits around it
corpora=corpora  # where stage 1 downloads to; a relative path counts from this directory
data=data        # where the connected digits go; the same
exp=exp          # where the results go; the same
gpuid_list=      # the GPU to train on, e.g. 0; empty: on the processor
nj=2             # parallel jobs
threads=1        # of each training on the processor; another number, other last bits
cmd=run.sh       # how jobs are started: run.sh, slurm.sh, or a command that takes the same arguments
train_args=      # more for train in stage 4, e.g. "++train_conf.max_steps=20"

. ./path.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/parse_options.sh
. parse_options.sh
# shellcheck source-path=SCRIPTDIR source=../../utils/recipe.sh
. recipe.sh

case $fsdd_dir in /* | '') ;; *) fsdd_dir=$here/$fsdd_dir ;; esac
absolute data exp corpora
wavs=${fsdd_dir:-$corpora/free-spoken-digit-dataset-1.0.9/recordings}
for model in $models; do
    [ -f "conf/$model.yaml" ] || die "--models: conf/$model.yaml is not there; there are paraformer and conformer_ctc"
done

# a job for each of: SPLIT MODEL SEED
runs_of_training=()
for split in $splits; do
    for model in $models; do
        for seed in $seeds; do
            runs_of_training+=("$split $model $seed")
        done
    done
done

if [ -z "$fsdd_dir" ] && runs 1 "the recordings to $corpora"; then
    download --dataset fsdd --to "$corpora"
fi

if runs 2 "connected digits in $data"; then
    [ -d "$wavs" ] || die "$wavs is missing; stage 1 makes it: run.sh --stage 1, or --fsdd_dir names another"
    for split in $splits; do
        heldout=$split
        [ "$split" != official ] || heldout=
        python local/make_connected.py --heldout "$heldout" --passes "$passes" "$wavs" "$data/$split"
        mkdir -p "$data/$split/list"
        for name in train dev test; do
            if ! fresh "$data/$split/list/$name.jsonl" "$data/$split/made.json"; then
                validate_data_dir.sh --no-feats "$data/$split/$name"
                scp2jsonl --nj "$nj" --output "$data/$split/list/$name.jsonl" "$data/$split/$name"
            fi
        done
    done
fi

if runs 3 "means and variances, tokens in $exp"; then
    for split in $splits; do
        need "$data/$split/made.json" 2
        dir=$exp/$split
        for model in $models; do
            if ! fresh "$dir/$model.mvn" "$data/$split/made.json" "conf/$model.yaml"; then
                $cmd JOB=1:1 "$exp/log/cmvn_$split.$model.JOB.log" \
                    compute-cmvn --config "conf/$model.yaml" --nj "$nj" "$data/$split/train" "$dir/cmvn/$model"
                cp "$dir/cmvn/$model/am.mvn" "$dir/$model.mvn"
            fi
        done
        # a digit is a token
        fresh "$dir/tokens.json" "$data/$split/made.json" ||
            make_tokens --unit word --lower --seg-dict "$dir/seg_dict" "$data/$split/train/text" "$dir/tokens.json"
    done
fi

if runs 4 "training of ${#runs_of_training[@]} models in $exp"; then
    device=(--device cpu --ncpu "$threads")
    [ -z "$gpuid_list" ] || device=(--gpuid_list "$gpuid_list")
    for run in "${runs_of_training[@]}"; do
        read -r split model seed <<<"$run"
        need "$exp/$split/tokens.json" 3
        need "$exp/$split/$model.mvn" 3
        dir=$exp/$split/$model.$seed
        if fresh "$dir/model.pt" "$exp/$split/tokens.json" "$exp/$split/$model.mvn" "conf/$model.yaml"; then continue; fi
        # shellcheck disable=SC2086  # several words
        $cmd JOB=1:1 "$exp/log/train_$split.$model.$seed.JOB.log" \
            train --config "conf/$model.yaml" --train "$data/$split/list/train.jsonl" --valid "$data/$split/list/dev.jsonl" \
            --output-dir "$dir" "${device[@]}" "++seed=$seed" "++tokenizer_conf.token_list=$exp/$split/tokens.json" \
            "++tokenizer_conf.seg_dict=$exp/$split/seg_dict" "++frontend_conf.cmvn_file=$exp/$split/$model.mvn" $train_args
    done
fi

if runs 5 "texts and digit error rates of test"; then
    for run in "${runs_of_training[@]}"; do
        read -r split model seed <<<"$run"
        dir=$exp/$split/$model.$seed
        need "$dir/model.pt" 4
        best=$dir/test/1best_recog
        if fresh "$best/text.cer" "$dir/model.pt"; then continue; fi
        $cmd JOB=1:1 "$exp/log/decode_$split.$model.$seed.JOB.log" \
            decode --model "$dir" --device cpu --ncpu "$nj" --output-dir "$dir/test" "$data/$split/test"
        score "$data/$split/test/text" "$best/text" "$best/text.cer"
    done
fi

if runs 6 "results in $exp/results.txt"; then
    for run in "${runs_of_training[@]}"; do
        read -r split model seed <<<"$run"
        need "$exp/$split/$model.$seed/test/1best_recog/text.cer" 5
    done
    python local/results.py "$exp" "$splits" "$models" "$seeds" | tee "$exp/results.txt.tmp"
    mv "$exp/results.txt.tmp" "$exp/results.txt"
fi
