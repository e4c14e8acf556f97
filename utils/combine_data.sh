#!/usr/bin/env bash
# Joins Kaldi data directories into one.
#
#   combine_data.sh DEST SRC1 SRC2 ...
#
# An utterance in two sources is an error, as is a recording or speaker with different values; the keys are named. An optional file
# (feats.scp, utt2dur, ...) that some sources lack is left out. Where some have segments, the others get one segment a recording.
# What DEST held before is in DEST/.backup.
set -euo pipefail
exec python3 "$(dirname -- "${BASH_SOURCE[0]}")/data_dir/combine.py" "$@"
