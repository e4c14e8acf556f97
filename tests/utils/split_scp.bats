#!/usr/bin/env bats
# utils/split_scp.

setup() {
  SPLIT=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)/split_scp
  cd "$BATS_TEST_TMPDIR" || return
  for i in 1 2 3 4 5 6 7; do
    echo "s$((i % 3))-u$i wav/中 $i.wav" >>wav.scp
  done
}

keys() { cut -d ' ' -f 1 "$1" | tr '\n' ' '; }

@test "equal numbers of consecutive lines, the first parts one longer, as Kaldi splits" {
  run "$SPLIT" wav.scp split/1.scp split/2.scp split/3.scp
  [ "$status" -eq 0 ]
  [ "$(wc -l <split/1.scp)" -eq 3 ]
  [ "$(wc -l <split/2.scp)" -eq 2 ]
  cat split/1.scp split/2.scp split/3.scp | cmp - wav.scp
}

@test "more parts than lines is an error with both numbers" {
  run "$SPLIT" wav.scp 1 2 3 4 5 6 7 8
  [ "$status" -eq 1 ]
  [ "$output" = "split_scp: wav.scp: 7 lines do not fill 8 parts; reduce nj (8) to at most 7" ]
  [ ! -e 1 ]
}

@test "-j writes one part to stdout, counted from 0 or with --one-based from 1" {
  run "$SPLIT" -j 3 0 wav.scp
  [ "$output" = "$(head -n 3 wav.scp)" ]
  run "$SPLIT" --one-based -j 3 3 wav.scp -
  [ "$output" = "$(tail -n 2 wav.scp)" ]
  "$SPLIT" -j 7 6 wav.scp out
  [ "$(cat out)" = "$(tail -n 1 wav.scp)" ]
  run "$SPLIT" -j 3 3 wav.scp
  [ "$status" -eq 2 ]
}

@test "by duration the parts are balanced, hold every line once and keep the order of the list" {
  printf '%s\n' "s1-u1 10" "s2-u2 1" "s0-u3 1" "s1-u4 1" "s2-u5 4" "s0-u6 3" "s1-u7 9.5" >reco2dur
  run "$SPLIT" --by duration wav.scp a b c
  [ "$status" -eq 0 ]
  [ "$(keys a)" = "s1-u1 " ]
  [ "$(keys b)" = "s1-u7 " ]
  [ "$(keys c)" = "s2-u2 s0-u3 s1-u4 s2-u5 s0-u6 " ]
  [ "$(sort a b c)" = "$(sort wav.scp)" ]
}

@test "durations come from --weights, and a missing or wrong one is named" {
  awk '{ print $1, NR }' wav.scp >w
  run "$SPLIT" --by duration --weights w wav.scp a b
  [ "$status" -eq 0 ]
  sed '3d' w >w2
  run "$SPLIT" --by duration --weights w2 wav.scp a b
  [ "$status" -eq 1 ]
  [[ $output == "split_scp: w2: no entry for s0-u3 of wav.scp"* ]]
  sed '3s/ .*/ long/' w >w3
  run "$SPLIT" --by duration --weights w3 wav.scp a b
  [[ $output == "split_scp: w3: s0-u3 has 'long'"* ]]
  run "$SPLIT" --by duration wav.scp a b
  [ "$status" -eq 1 ]
  [[ $output == *"--weights"* ]]
}

@test "no part stays empty, not even when nothing has a length" {
  awk '{ print $1, 0 }' wav.scp >w
  "$SPLIT" --by duration --weights w wav.scp 1 2 3 4 5 6 7
  for part in 1 2 3 4 5 6 7; do
    [ "$(wc -l <$part)" -eq 1 ]
  done
}

@test "speakers stay together" {
  awk '{ print $1, substr($1, 1, 2) }' wav.scp >utt2spk
  run "$SPLIT" --utt2spk utt2spk wav.scp a b
  [ "$status" -eq 0 ]
  [ -z "$(comm -12 <(cut -c 1-2 a | sort -u) <(cut -c 1-2 b | sort -u))" ]
  [ "$(sort a b)" = "$(sort wav.scp)" ]
  run "$SPLIT" --utt2spk utt2spk wav.scp a b c d
  [ "$status" -eq 1 ]
  [[ $output == *"3 speakers do not fill 4 parts"* ]]
}

@test "jsonl is balanced by its source_len, and a line without a key is named" {
  printf '{"key": "a", "source_len": 300}\n{"key": "b", "source_len": 100}\n{"key": "c", "source_len": 150}' >x.jsonl
  "$SPLIT" --by duration x.jsonl p q
  [ "$(cat p)" = '{"key": "a", "source_len": 300}' ]
  [ "$(wc -l <q)" -eq 2 ]
  echo '{"key": "d"}' >y.jsonl
  run "$SPLIT" --by duration y.jsonl p
  [ "$status" -eq 1 ]
  [[ $output == *"d has no source_len"* ]]
  echo '["d"]' >>y.jsonl
  run "$SPLIT" --by duration y.jsonl p
  [[ $output == *"y.jsonl:2: no json object with a key"* ]]
}

@test "stdin, Windows line ends, a missing newline at the end and a byte order mark" {
  run bash -c 'printf "\xef\xbb\xbfa 1\r\nb 2" | "$1" - p q; cat p q | od -c' _ "$SPLIT"
  [ "$status" -eq 0 ]
  [ "$(cat p)" = $'a 1\r' ]
  [ "$(cat q)" = "b 2" ]
}

@test "usage errors and missing files are one sentence" {
  for words in "" "wav.scp" "--by length wav.scp a" "-j x y wav.scp"; do
    # shellcheck disable=SC2086
    run "$SPLIT" $words
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
  done
  run "$SPLIT" nothing.scp a
  [ "$status" -eq 1 ]
  [ "$output" = "split_scp: nothing.scp: No such file or directory" ]
}
