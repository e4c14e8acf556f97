#!/usr/bin/env bats
# utils/make_bpe.

setup() {
  # shellcheck source=/dev/null
  . "$BATS_TEST_DIRNAME/../../path.sh"
  cd "$BATS_TEST_TMPDIR" || return
  printf '%s\n' "a IT WAS THE FIRST GREAT SORROW" "b OF HIS LIFE" "c IT WAS NOT SO MUCH" >text
}

@test "pieces begin with the four special ones, and the same text gives the same" {
  run make_bpe --size 25 text one
  [ "$status" -eq 0 ]
  [ "$(sed -n '2,5p' one/tokens.json | tr -d '\n')" = '"<blank>","<s>","</s>","<unk>",' ]
  make_bpe --size 25 text two
  cmp one/bpe.model two/bpe.model
}

@test "a text too small for the size gives what it can, and says so" {
  run make_bpe --size 5000 text out
  [ "$status" -eq 0 ]
  [[ $output == *"gives no more than"*"5000 were asked for"* ]]
  [ -s out/bpe.model ]
}

@test "a text without transcripts is an error and leaves nothing" {
  printf 'a\nb\n' >empty
  run make_bpe empty out
  [ "$status" -eq 1 ]
  [[ $output == *"holds no transcript"* ]]
  [ ! -e out/bpe.model ]
}
