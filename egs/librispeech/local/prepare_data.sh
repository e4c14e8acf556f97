#!/usr/bin/env bash
# Data directories of parts of a LibriSpeech that lies unpacked.
#
#   local/prepare_data.sh LIBRISPEECH DATA PART...
#
# LIBRISPEECH holds PART/READER/CHAPTER/{*.flac,*.trans.txt}. Makes DATA/PART/{wav.scp,text,utt2spk,spk2utt}; the speaker is reader and
# chapter. Recordings without a transcript are left out and counted.
set -euo pipefail
export LC_ALL=C

say() { echo "prepare_data.sh: $*" >&2; }

[ $# -ge 3 ] || { say "it takes LIBRISPEECH, DATA and one PART or more"; exit 2; }
corpus=$1 data=$2
shift 2
for part; do
  [ -d "$corpus/$part" ] || { say "$corpus/$part is missing; was $part downloaded and unpacked?"; exit 1; }
done
corpus=$(CDPATH='' cd -- "$corpus" && pwd)

for part; do
  dir=$data/$part
  mkdir -p "$dir"
  find -L "$corpus/$part" -name '*.trans.txt' -exec cat {} + | sort >"$dir/said.tmp"
  find -L "$corpus/$part" -name '*.flac' |
    awk -F/ '{ key = $NF; sub(/\.flac$/, "", key); print key "\t" $0 }' | sort >"$dir/found.tmp"
  awk -v dir="$dir" '
    NR == FNR { key = $1; sub(/^[^ \t]+[ \t]*/, ""); text[key] = $0; next }
    { split($0, found, "\t"); key = found[1] }
    text[key] == "" { left_out++; next }
    {
      speaker = key
      sub(/-[^-]*$/, "", speaker)
      print key, found[2] > (dir "/wav.scp.tmp")
      print key, text[key] > (dir "/text.tmp")
      print key, speaker > (dir "/utt2spk.tmp")
      kept++
    }
    END { printf "%d utterances, %d recordings without a transcript left out\n", kept, left_out; exit !kept }' \
    "$dir/said.tmp" "$dir/found.tmp" >"$dir/counts.tmp" || { say "$corpus/$part: no recording there has a transcript"; exit 1; }
  awk '{ keys[$2] = keys[$2] " " $1 } END { for (speaker in keys) print speaker keys[speaker] }' "$dir/utt2spk.tmp" | sort >"$dir/spk2utt.tmp"
  for table in text utt2spk spk2utt wav.scp; do
    mv "$dir/$table.tmp" "$dir/$table"
  done
  say "$dir: $(cat "$dir/counts.tmp")"
  rm -f "$dir/found.tmp" "$dir/said.tmp" "$dir/counts.tmp"
done
