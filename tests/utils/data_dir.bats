#!/usr/bin/env bats
# utils/validate_data_dir.sh, fix_data_dir.sh, combine_data.sh and subset_data_dir.sh.

setup() {
  UTILS=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)
  PATH=$UTILS:$PATH
  cd "$BATS_TEST_TMPDIR" || return
}

# A directory as Kaldi's scripts make it, with prefix $2 to its keys.
good_dir() {
  mkdir -p "$1"
  for id in s1-a s1-b s2-甲 s2-乙; do
    echo "$2$id wav/$id.wav" >>"$1/wav.scp"
    echo "$2$id ${id%-*} says  two   things" >>"$1/text"
    echo "$2$id $2${id%-*}" >>"$1/utt2spk"
    echo "$2$id 1.5" >>"$1/utt2dur"
  done
  for file in wav.scp text utt2spk utt2dur; do
    LC_ALL=C sort -o "$1/$file" "$1/$file"
  done
  printf '%s\n' "$2s1 $2s1-a $2s1-b" "$2s2 $2s2-乙 $2s2-甲" >"$1/spk2utt"
}

nasty_dir() {
  mkdir -p "$1"
  printf '\xef\xbb\xbfb wav/b.wav\na wav/a.wav\n中 wav/c.wav\nd sox d |\ne\n' >"$1/wav.scp"
  printf 'a  你好   world\r\nb\r\n\r\nd x\r\nd y\r\nz q\r\n中 last' >"$1/text"
  printf 'a s1\nb s1\nd s2\ne s2\n中 s3\n' >"$1/utt2spk"
  printf 'a 1.5\n' >"$1/utt2dur"
  printf 's1 m\ns7 f\n' >"$1/spk2gender"
}

@test "a good directory is valid and fix does not touch it" {
  good_dir data
  run validate_data_dir.sh --no-feats data
  [ "$status" -eq 0 ]
  [ "$output" = "validate_data_dir.sh: data is valid: 4 utterances, 2 speakers" ]
  run fix_data_dir.sh data
  [ "$status" -eq 0 ]
  [ "$output" = "fix_data_dir.sh: data: nothing to fix, 4 utterances" ]
  [ ! -e data/.backup ]
}

@test "feats, text and wav.scp have to be there unless told otherwise" {
  good_dir data
  run validate_data_dir.sh data
  [ "$status" -eq 1 ]
  [[ $output == *"data/feats.scp: is missing; make it, or say --no-feats"* ]]
  rm data/text data/wav.scp
  run validate_data_dir.sh --no-feats --no-text --no-wav data
  [ "$status" -eq 0 ]
}

@test "validate names file, line, key and cure of everything that is wrong" {
  nasty_dir data
  run validate_data_dir.sh --no-feats data
  [ "$status" -eq 1 ]
  for message in "data/wav.scp:1: begins with a byte order mark" "data/wav.scp:2: a comes after b" "data/wav.scp:5: e has no value" \
    "data/text:1: 6 lines end with a carriage return" "data/text:3: blank line" "data/text:7: the last line does not end" \
    "data/text:5: d stands here again with another value, first on line 4" "data/text:6: utterance z has no line in utt2spk" \
    "data/utt2spk:4: utterance e has no line in text" "data/spk2utt: is missing" "data/spk2gender:2: speaker s7 has no utterance"; do
    [[ $output == *"$message"*"(run utils/fix_data_dir.sh data)"* ]]
  done
}

@test "fix keeps what is whole, names what goes, and keeps the files as they were" {
  nasty_dir data
  cp -r data original
  run fix_data_dir.sh data
  [ "$status" -eq 0 ]
  [[ $output == *"data: removed utterance e: missing from text, wav.scp"* ]]
  [[ $output == *"data: removed utterance z: missing from utt2spk, wav.scp"* ]]
  [[ $output == *"data/text: removed a line of d: line 5: again with another value; line 4 is kept"* ]]
  [[ $output == *"removed speaker s7"* ]]
  [[ $output == *"utt2dur lacks 3 keys"* ]]
  [[ $output == *"4 of 6 utterances kept"* ]]
  [ "$(cat data/text)" = "a  你好   world
b
d x
中 last" ]
  [ "$(cat data/spk2utt)" = "s1 a b
s2 d
s3 中" ]
  [ ! -e data/utt2dur ]
  for file in wav.scp text utt2spk utt2dur spk2gender; do
    cmp "original/$file" "data/.backup/$file"
  done
  grep -q "^utterance	e	" data/.backup/removed
  run validate_data_dir.sh --no-feats data
  [ "$status" -eq 0 ]
  [[ $output == *"text: 1 transcripts are empty, the first b"* ]]
}

@test "a second fix does not overwrite the first backup" {
  nasty_dir data
  cp -r data original
  fix_data_dir.sh data
  sed -i.old '1d' data/text
  rm data/text.old
  fix_data_dir.sh data
  cmp original/text data/.backup.1/text
  [ "$(cut -f 2 data/.backup/removed)" = a ]
}

@test "of many removed utterances twenty are shown and all are in the log" {
  mkdir data
  for i in $(seq 100 150); do
    echo "u$i $i.wav" >>data/wav.scp
  done
  echo "u100 x" >data/text
  run fix_data_dir.sh data
  [ "$status" -eq 0 ]
  [ "$(echo "$output" | grep -c "removed utterance")" -eq 20 ]
  [[ $output == *"and 30 more, all named in data/.backup/removed"* ]]
  [ "$(wc -l <data/.backup/removed)" -eq 50 ]
  [[ $output == *"utt2spk was missing, made from text with every utterance a speaker of its own"* ]]
}

@test "a missing utt2spk is named by validate and made from spk2utt by fix" {
  good_dir data
  cp data/utt2spk before
  rm data/utt2spk
  run validate_data_dir.sh --no-feats data
  [[ $output == *"data/utt2spk: is missing"*"fix_data_dir.sh"* ]]
  run fix_data_dir.sh data
  [[ $output == *"made from spk2utt"* ]]
  cmp before data/utt2spk
}

@test "segments are checked, and fix follows their recordings" {
  mkdir data
  printf '%s\n' "r1 a.wav" "r2 b.wav" >data/wav.scp
  printf '%s\n' "u1 r1 0 1.5" "u2 r1 3 2" "u3 r3 0 1" "u4 r1 2 -1" "u5 r1 0" >data/segments
  printf '%s\n' "u1 a" "u2 a" "u3 a" "u4 a" "u5 a" >data/text
  run validate_data_dir.sh --no-feats data
  [[ $output == *"data/segments:2: u2 ends at 2, not after its start at 3"* ]]
  [[ $output == *"data/segments:5: u5 has 'r1 0'; there is to be a recording, a start and an end"* ]]
  [[ $output == *"recording r3 has no line in wav.scp"* ]]
  [[ $output == *"data/wav.scp:2: recording r2 has no line in segments"* ]]
  run fix_data_dir.sh data
  [[ $output == *"removed utterance u3: its recording r3 is missing from wav.scp"* ]]
  [[ $output == *"removed recording r2"* ]]
  [ "$(cut -d ' ' -f 1 data/segments | tr '\n' ' ')" = "u1 u4 " ]
  [ "$(cat data/wav.scp)" = "r1 a.wav" ]
  validate_data_dir.sh --no-feats data
}

@test "segments may name a channel, a number from 0" {
  mkdir data
  printf '%s\n' "r1 a.wav" >data/wav.scp
  printf '%s\n' "u1 r1 0 1.5 0" "u2 r1 0 1.5 1" >data/segments
  printf '%s\n' "u1 a" "u2 a" >data/text
  printf '%s\n' "u1 u1" "u2 u2" >data/utt2spk
  cp data/utt2spk data/spk2utt
  run validate_data_dir.sh --no-feats data
  [ "$status" -eq 0 ]
  printf '%s\n' "u1 r1 0 1.5 0" "u2 r1 0 1.5 left" >data/segments
  run validate_data_dir.sh --no-feats data
  [ "$status" -eq 1 ]
  [[ $output == *"data/segments:2: u2 has 'r1 0 1.5 left'"* ]]
}

@test "what cannot be mended is left as it is: another encoding, keys that never meet, an empty file" {
  good_dir data
  printf 's1-a \xc4\xe3\n' >data/text
  cp -r data before
  run fix_data_dir.sh data
  [ "$status" -eq 1 ]
  [[ $output == *"data/text:1: not UTF-8; convert the file"*"nothing was changed"* ]]
  echo "other x" >data/text
  run fix_data_dir.sh data
  [ "$status" -eq 1 ]
  [[ $output == *"no utterance is in all of its files (utt2spk 4, text 1, wav.scp 4)"* ]]
  : >data/text
  run fix_data_dir.sh data
  [ "$status" -eq 1 ]
  [[ $output == *"data/text: is empty"* ]]
  [ ! -e data/.backup ]
  cmp before/wav.scp data/wav.scp
}

@test "combine joins directories; what only some have is left out" {
  good_dir one x
  good_dir two y
  rm two/utt2dur
  run combine_data.sh all one two
  [ "$status" -eq 0 ]
  [[ $output == *"utt2dur is left out: two has none"* ]]
  [[ $output == *"8 utterances, 4 speakers, 2 sources"* ]]
  [ "$(cat one/text two/text)" = "$(cat all/text)" ]
  validate_data_dir.sh --no-feats all
  # again over its own result
  run combine_data.sh all one two
  [ "$status" -eq 0 ]
}

@test "combine refuses keys that are in two sources and names them" {
  good_dir one
  good_dir two
  run combine_data.sh all one two
  [ "$status" -eq 1 ]
  [[ $output == *"4 keys have lines in two directories: s1-a (one and two)"* ]]
  [ ! -e all ]
  run combine_data.sh one one two
  [ "$status" -eq 1 ]
  nasty_dir three
  run combine_data.sh all one three
  [ "$status" -eq 1 ]
  [[ $output == *"three/text:5: d stands here again"*"fix_data_dir.sh three"* ]]
}

@test "combine gives segments to those without, and lets them share equal recordings only" {
  good_dir one
  mkdir two
  echo "s1-a wav/s1-a.wav" >two/wav.scp
  echo "s1-a-1 s1-a 0 0.5" >two/segments
  echo "s1-a-1 x" >two/text
  echo "s1-a-1 s1" >two/utt2spk
  run combine_data.sh all one two
  [ "$status" -eq 0 ]
  [ "$(head -n 2 all/segments)" = "s1-a s1-a 0.00 1.5
s1-a-1 s1-a 0 0.5" ]
  echo "s1-a wav/other.wav" >two/wav.scp
  run combine_data.sh all one two
  [ "$status" -eq 1 ]
  [[ $output == *"wav.scp: 1 keys have different values: s1-a (one and two)"* ]]
}

@test "subset takes the first, the last, an even spread, the shortest" {
  good_dir data
  printf '%s\n' "s1-a 5" "s1-b 1" "s2-乙 4" "s2-甲 2" >data/utt2dur
  for case in "--first:s1-a s1-b " "--last:s2-乙 s2-甲 " ":s1-a s2-乙 " "--shortest:s1-b s2-甲 " "--per-spk:"; do
    # shellcheck disable=SC2086
    run subset_data_dir.sh ${case%%:*} data 2 some
    [ "$status" -eq 0 ]
    [ -z "${case#*:}" ] || [ "$(cut -d ' ' -f 1 some/text | tr '\n' ' ')" = "${case#*:}" ]
  done
  cmp some/text data/text
  run subset_data_dir.sh --per-spk data 1 some
  [ "$(cut -d ' ' -f 1 some/text | tr '\n' ' ')" = "s1-a s2-乙 " ]
  run subset_data_dir.sh --speakers data 1 some
  [ "$(wc -l <some/utt2spk)" -eq 2 ]
  [ "$(wc -l <some/spk2utt)" -eq 1 ]
  validate_data_dir.sh --no-feats some
}

@test "subset by a list names the keys that are not there" {
  good_dir data
  printf '%s\n' "s2-甲 whatever" "s1-b" "nobody" >list
  run subset_data_dir.sh --utt-list list data some
  [ "$status" -eq 0 ]
  [[ $output == *"1 keys are not in data: nobody"* ]]
  [ "$(cut -d ' ' -f 1 some/text | tr '\n' ' ')" = "s1-b s2-甲 " ]
  echo s2 >list
  subset_data_dir.sh --spk-list list data some
  [ "$(cut -d ' ' -f 1 some/text | tr '\n' ' ')" = "s2-乙 s2-甲 " ]
  echo nobody >list
  run subset_data_dir.sh --utt-list list data other
  [ "$status" -eq 1 ]
  [ ! -e other ]
}

@test "subset refuses more than there is, and a result in its source" {
  good_dir data
  run subset_data_dir.sh data 5 some
  [ "$status" -eq 1 ]
  [[ $output == *"asked for 5 of its 4 utterances"* ]]
  run subset_data_dir.sh data 2 data/.
  [ "$status" -eq 1 ]
  run subset_data_dir.sh data some
  [ "$status" -eq 2 ]
}

@test "each of them explains itself and answers a wrong call with one sentence" {
  for program in validate_data_dir.sh fix_data_dir.sh combine_data.sh subset_data_dir.sh; do
    run "$program" --help
    [ "$status" -eq 0 ]
    [[ $output == *"$program"* ]]
    run "$program"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
  done
  run validate_data_dir.sh nowhere
  [ "$status" -eq 1 ]
  [ "$output" = "validate_data_dir.sh: nowhere: no such directory" ]
}
