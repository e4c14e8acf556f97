#!/usr/bin/env bash
# Data directories of an AISHELL-1 that lies unpacked.
#
#   local/prepare_data.sh AISHELL DATA
#
# AISHELL holds data_aishell/wav/{train,dev,test}/SPEAKER/KEY.wav and data_aishell/transcript/aishell_transcript_v0.8.txt, or is data_aishell
# itself. Makes DATA/{train,dev,test}/{wav.scp,text,utt2spk,spk2utt}. Transcripts lose their spaces; recordings without one are left
# out and counted.
set -euo pipefail
export LC_ALL=C

say() { echo "prepare_data.sh: $*" >&2; }

[ $# -eq 2 ] || { say "it takes AISHELL and DATA"; exit 2; }
corpus=$1 data=$2
[ -d "$corpus/wav" ] || corpus=$corpus/data_aishell
transcript=$corpus/transcript/aishell_transcript_v0.8.txt
for wanted in "$transcript" "$corpus/wav/train" "$corpus/wav/dev" "$corpus/wav/test"; do
  [ -e "$wanted" ] || { say "$wanted is missing; was AISHELL-1 unpacked whole, with the archives inside of it?"; exit 1; }
done
corpus=$(CDPATH='' cd -- "$corpus" && pwd)

for name in train dev test; do
  dir=$data/$name
  mkdir -p "$dir"
  # a folder a speaker
  find -L "$corpus/wav/$name" -name '*.wav' |
    awk -F/ '{ key = $NF; sub(/\.wav$/, "", key); print key "\t" $(NF - 1) "\t" $0 }' | sort >"$dir/found.tmp"
  awk -v dir="$dir" '
    NR == FNR { key = $1; $1 = ""; gsub(/[ \t]/, ""); text[key] = $0; next }
    { split($0, found, "\t") }
    text[found[1]] == "" { left_out++; next }
    {
      print found[1], found[3] > (dir "/wav.scp.tmp")
      print found[1], text[found[1]] > (dir "/text.tmp")
      print found[1], found[2] > (dir "/utt2spk.tmp")
      kept++
    }
    END { printf "%d utterances, %d recordings without a transcript left out\n", kept, left_out; exit !kept }' \
    "$transcript" "$dir/found.tmp" >"$dir/said.tmp" || { say "$corpus/wav/$name: no recording there has a transcript in $transcript"; exit 1; }
  awk '{ keys[$2] = keys[$2] " " $1 } END { for (speaker in keys) print speaker keys[speaker] }' "$dir/utt2spk.tmp" | sort >"$dir/spk2utt.tmp"
  for table in text utt2spk spk2utt wav.scp; do
    mv "$dir/$table.tmp" "$dir/$table"
  done
  say "$dir: $(cat "$dir/said.tmp")"
  rm -f "$dir/found.tmp" "$dir/said.tmp"
done
