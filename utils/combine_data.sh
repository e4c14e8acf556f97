#!/usr/bin/env bash
# Joins Kaldi data directories into one.
#
#   combine_data.sh DEST SRC1 SRC2 ...
#
# An utterance in two sources is an error, as is a recording or speaker with different values; the keys are named. An optional file
# (feats.scp, utt2dur, ...) that some sources lack is left out. Where some have segments, the others get one segment a recording.
# What DEST held before is in DEST/.backup.
set -euo pipefail

for word in "$@"; do
  case $word in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
  esac
done
exec python3 "$(dirname -- "${BASH_SOURCE[0]}")/data_dir/combine.py" "$@"
