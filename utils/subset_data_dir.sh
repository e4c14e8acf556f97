#!/usr/bin/env bash
# Makes a smaller Kaldi data directory of some utterances of another one.
#
#   subset_data_dir.sh [--first|--last|--shortest|--speakers|--per-spk] SRC N DEST
#   subset_data_dir.sh --utt-list FILE SRC DEST
#   subset_data_dir.sh --spk-list FILE SRC DEST
#
#   (none)       N utterances evenly spread over the list
#   --first      the first N; --last: the last N
#   --shortest   the N shortest, by utt2num_frames, utt2dur or segments
#   --speakers   whole speakers, in a fixed shuffled order, until there are at least N utterances
#   --per-spk    N utterances of each speaker, evenly spread, or all of those who have fewer
#   --utt-list   the utterances (--spk-list: the speakers) that are the first words of FILE's lines
#
# The same call chooses the same utterances. What DEST held before is in DEST/.backup.
set -euo pipefail
exec python3 "$(dirname -- "${BASH_SOURCE[0]}")/data_dir/subset.py" "$@"
