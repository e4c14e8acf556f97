#!/usr/bin/env bats
# utils/make_tokens.

setup() {
  MAKE=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)/make_tokens
  cd "$BATS_TEST_TMPDIR" || return
  printf '%s\n' "a 今天 IT ok" "b 天气 ok" "c" "d 今 ok <unk>" >text
}

units() { python3 -c 'import json, sys; print(" ".join(json.load(open(sys.argv[1]))))' "$1"; }

@test "characters by code point between the special tokens of published lists" {
  run "$MAKE" text out/tokens.json
  [ "$status" -eq 0 ]
  [ "$(units out/tokens.json)" = "<blank> <s> </s> I T k o 今 天 气 <unk>" ]
  [ "$output" = "make_tokens: 11 tokens from 4 lines, 13 units" ]
  [ "$(sed -n 2p out/tokens.json)" = '"<blank>",' ]
}

@test "mixed keeps Latin words whole, word keeps everything whole" {
  "$MAKE" --unit mixed text m.json
  [ "$(units m.json)" = "<blank> <s> </s> IT ok 今 天 气 <unk>" ]
  "$MAKE" --unit mixed --lower text m.json
  [ "$(units m.json)" = "<blank> <s> </s> it ok 今 天 气 <unk>" ]
  "$MAKE" --unit word text w.json
  [ "$(units w.json)" = "<blank> <s> </s> IT ok 今 今天 天气 <unk>" ]
}

@test "rare units can be left out, and the order can be that of frequency" {
  run "$MAKE" --unit mixed --min-count 2 --order frequency text m.json
  [ "$(units m.json)" = "<blank> <s> </s> ok 今 天 <unk>" ]
  [[ $output == *"2 rarer than 2 (2 units) become <unk>"* ]]
}

@test "tokens.txt has a token and its number a line" {
  "$MAKE" --unit mixed --min-count 2 text tokens.txt
  [ "$(tr '\n' ' ' <tokens.txt)" = "<blank> 0 <s> 1 </s> 2 ok 3 今 4 天 5 <unk> 6 " ]
  run bash -c '"$1" --unit mixed --min-count 2 --format txt text 2>/dev/null | cmp - tokens.txt' _ "$MAKE"
  [ "$status" -eq 0 ]
}

@test "jsonl, lines without keys, stdin and files from Windows" {
  printf '{"key": "a", "source": "a.wav", "target": "今 ok"}\n' >x.jsonl
  "$MAKE" --unit mixed x.jsonl m.json
  [ "$(units m.json)" = "<blank> <s> </s> ok 今 <unk>" ]
  printf '\xef\xbb\xbf今 ok\r\n' | "$MAKE" --no-key --unit mixed - m.json
  [ "$(units m.json)" = "<blank> <s> </s> ok 今 <unk>" ]
}

@test "a text that is not UTF-8, has no words or is not there is one sentence" {
  printf 'a ok\nb \xc4\xe3\n' >gbk
  run "$MAKE" gbk m.json
  [ "$status" -eq 1 ]
  [[ $output == "make_tokens: gbk:2: not UTF-8"* ]]
  printf 'a\nb\n' >keys
  run "$MAKE" keys m.json
  [ "$status" -eq 1 ]
  [[ $output == *"2 lines hold no unit"* ]]
  run "$MAKE" nothing m.json
  [ "$output" = "make_tokens: nothing: No such file or directory" ]
  echo '{"key": "a"}' >x.jsonl
  run "$MAKE" x.jsonl
  [[ $output == *"x.jsonl:1: no json object with a target"* ]]
  [ ! -e m.json ]
  run "$MAKE" --unit letter text
  [ "$status" -eq 2 ]
  [ "${#lines[@]}" -eq 1 ]
}

@test "a seg_dict spells every unit by itself, in lower case" {
  printf '%s\n' "a 今天 it ok" "b OK" >text
  run "$MAKE" --unit mixed --lower --seg-dict out/seg_dict text out/tokens.json
  [ "$status" -eq 0 ]
  [ "$(tr '\n' '|' <out/seg_dict)" = "it it|ok ok|今 今|天 天|" ]
}
