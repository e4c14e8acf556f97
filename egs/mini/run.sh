#!/usr/bin/env bash
# From nothing to small models of Mandarin and English and what they are worth, on a corpus the recipe synthesises itself: a recogniser,
# voice activity, punctuation and speakers, and the conversations that they write down together.
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
#   8      data/{talk_train,talk_dev,talk}: conversations   data/{train,dev,test}
#   9      exp/{vad,punc,spk}, model directories            data/talk_{train,dev}, data/{train,dev}
#   10     exp/talk/{records.jsonl,rttm,text.cer,der}       data/talk, exp/{model,vad,punc,spk}
#   11     exp/onnx, the recogniser exported, test.cer      exp/model, data/test
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

# train_model NAME CONFIG TRAIN VALID [++key=value ...]: a model directory exp/NAME; in one thread, for more would change the last bits,
# and so the model
train_model() {
    local name=$1 config=$2 lists=("$3" "$4") device=(--device cpu --ncpu 1)
    shift 4
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

if runs 8 "conversations in $data"; then
    need "$data/corpus.json" 1
    fresh "$data/talk/rttm" "$data/corpus.json" || python local/make_conversations.py "$data"
fi

if runs 9 "voice activity, punctuation and speaker models in $exp"; then
    need "$data/talk/rttm" 8
    need "$exp/tokens.json" 3
    # tiny: just so that voice activity hears something
    few=() some=()
    if [ "$size" != full ]; then
        few=("++train_conf.max_steps=2") some=("++train_conf.max_steps=40")
    fi
    if ! fresh "$exp/vad/model.pt" "$data/talk_train/rttm" conf/vad.yaml; then
        compute-cmvn --config conf/vad.yaml --nj "$nj" "$data/talk_train" "$exp/vad_cmvn"
        train_model vad conf/vad.yaml "$data/talk_train" "$data/talk_dev" \
            "++frontend_conf.cmvn_file=$exp/vad_cmvn/am.mvn" ${some[@]+"${some[@]}"}
    fi
    if ! fresh "$exp/punc/model.pt" "$data/train/text_punc" conf/punc.yaml; then
        for name in train dev; do
            python local/join_sentences.py "$data/$name/text_punc" "$exp/list/punc_$name"
        done
        train_model punc conf/punc.yaml "$exp/list/punc_train" "$exp/list/punc_dev" \
            "++tokenizer_conf.token_list=$exp/tokens.json" ${few[@]+"${few[@]}"}
    fi
    if ! fresh "$exp/spk/model.pt" "$data/list/train.jsonl" conf/spk.yaml; then
        # one utterance in twenty tells how well speakers are known
        mkdir -p "$exp/list"
        cut -d ' ' -f 1 "$data/train/spk2utt" >"$exp/list/speakers"
        awk -v train="$exp/list/spk_train.jsonl" -v dev="$exp/list/spk_dev.jsonl" \
            '{ print > (NR % 20 ? train : dev) }' "$data/list/train.jsonl"
        train_model spk conf/spk.yaml "$exp/list/spk_train.jsonl" "$exp/list/spk_dev.jsonl" \
            "++dataset_conf.speakers=$exp/list/speakers" ${few[@]+"${few[@]}"}
    fi
fi

# job NAME OUTPUT COMMAND ... > OUTPUT, which takes its name when it is whole
job() {
    local name=$1 output=$2
    shift 2
    # shellcheck disable=SC2016  # for the shell that runs the job
    $cmd JOB=1:1 "$exp/log/$name.JOB.log" bash -c 'out=$1; shift; "$@" >"$out.tmp" && mv "$out.tmp" "$out"' "$name" "$output" "$@"
}

if runs 10 "who said what and when in $exp/talk"; then
    need "$exp/model/model.pt" 5
    for name in vad punc spk; do
        need "$exp/$name/model.pt" 9
    done
    dir=$exp/talk
    on=(--device cpu --ncpu "$nj")
    mkdir -p "$dir"
    if ! fresh "$dir/der" "$data/talk/rttm" "$exp/model/model.pt" "$exp/vad/model.pt" "$exp/punc/model.pt" "$exp/spk/model.pt"; then
        # three speak in each
        diarize=(spk-diarize --model "$exp/spk" --vad-model "$exp/vad" --num-speakers 3 "${on[@]}")
        job talk "$dir/text.jsonl" \
            decode --model "$exp/model" --vad-model "$exp/vad" --punc-model "$exp/punc" "${on[@]}" --jsonl "$data/talk"
        job records "$dir/records.jsonl" "${diarize[@]}" --jsonl "$dir/text.jsonl"
        job speakers "$dir/rttm" "${diarize[@]}" "$data/talk"
        score "$data/talk/text" "$dir/text.jsonl" "$dir/text.cer"
        score --der --collar 0.25 "$data/talk/rttm" "$dir/rttm" >"$dir/der.tmp"
        mv "$dir/der.tmp" "$dir/der"
    fi
    log "talk: $(grep '^%WER' "$dir/text.cer")"
    log "talk: $(grep '^%DER' "$dir/der")"
fi

if runs 11 "the recogniser exported to $exp/onnx"; then
    need "$exp/model/model.pt" 5
    if ! python -c 'import onnx, onnxruntime' 2>/dev/null; then
        setup.sh --extras onnx
    fi
    if ! fresh "$exp/onnx/model.onnx" "$exp/model/model.pt"; then
        asrtools export --model "$exp/model" --output-dir "$exp/onnx"
    fi
    if ! fresh "$exp/onnx/test.cer" "$exp/onnx/model.onnx"; then
        job decode_onnx "$exp/onnx/test.text" decode --model "$exp/onnx" --device cpu --ncpu "$nj" "$data/test"
        score "$data/test/text" "$exp/onnx/test.text" "$exp/onnx/test.cer"
    fi
    log "test, exported: $(grep '^%WER' "$exp/onnx/test.cer")"
fi
