#!/usr/bin/env bash
# Makes a Kaldi data directory consistent: keeps the utterances that all of its files know.
#
#   fix_data_dir.sh DIR
#
# It sorts (as LC_ALL=C sort does), takes the first of several lines with one key, removes what is incomplete, makes spk2utt from
# utt2spk (and utt2spk, where there is none, from spk2utt or with every utterance a speaker), and converts line ends from Windows.
# Every removed line, utterance, recording and speaker is named with its reason: 20 on the terminal, all in DIR/.backup/removed.
# The files as they were are in DIR/.backup, those of earlier calls in DIR/.backup.1 and so on. A directory that is in order is
# not touched. Derived files (utt2dur, utt2num_frames, reco2dur, cmvn.scp) that lack entries cost no utterance: they are moved away.
set -euo pipefail
exec python3 "$(dirname -- "${BASH_SOURCE[0]}")/data_dir/fix.py" "$@"
