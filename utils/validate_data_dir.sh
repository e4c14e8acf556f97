#!/usr/bin/env bash
# Checks a Kaldi data directory: every file by itself, and all against each other. It changes nothing.
#
#   validate_data_dir.sh [--no-feats] [--no-text] [--no-wav] [--no-spk-sort] DIR
#
#   --no-feats     there need be no feats.scp (likewise --no-text: text, --no-wav: wav.scp); what is there is checked all the same
#   --no-spk-sort  say nothing about speaker names that are no prefixes of utterance names
#
# Files: wav.scp segments text utt2spk spk2utt feats.scp utt2num_frames utt2dur reco2dur spk2gender cmvn.scp vad.scp utt2lang.
# Each problem is a line with file, line number and key; five of a kind in a file are shown. Exit status 1 if there is one.
set -euo pipefail
exec python3 "$(dirname -- "${BASH_SOURCE[0]}")/data_dir/validate.py" "$@"
