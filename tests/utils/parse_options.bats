#!/usr/bin/env bats
# utils/parse_options.sh, through a script that sources it.
# shellcheck disable=SC2016  # code in single quotes is for another shell

setup() {
  UTILS=$(cd "$BATS_TEST_DIRNAME/../../utils" && pwd)
  cd "$BATS_TEST_TMPDIR" || return
  mkdir -p "a dir"
  cat >"a dir/script.sh" <<END
#!/usr/bin/env bash
# Does a thing.
#
#   script.sh [options] IN OUT

# not part of the help
set -euo pipefail
cd "\$(dirname "\${BASH_SOURCE[0]}")"
nj=4          # number of jobs
max_len=10
name=
value=x       # names that parse_options.sh might use itself
file=y
i=z
resume=false  # go on where it stopped
data=\$(dirname "a b/c")/d
export cmd="run.sh --max-jobs-run 2"
: "\${lang:=zh}"
LC_ALL=C sort /dev/null
. "$UTILS/parse_options.sh"
after=1
printf '%s|' "\$nj" "\$max_len" "\$name" "\$value" "\$file" "\$i" "\$resume" "\$data" "\$cmd" "\$lang" "\$#" "\$@"
END
}

script() { run bash "a dir/script.sh" "$@"; }

@test "without options the variables keep their values and the arguments stay" {
  script one "two three"
  [ "$status" -eq 0 ]
  [ "$output" = "4|10||x|y|z|false|a b/d|run.sh --max-jobs-run 2|zh|2|one|two three|" ]
}

@test "options are the variables, in every spelling" {
  script --nj 8 --max-len=3 --value v --file f --i j --lang en --resume true --name "it's \"\$HOME\" *" --cmd "slurm.sh -p x" --data '' rest
  [ "$status" -eq 0 ]
  [ "$output" = "8|3|it's \"\$HOME\" *|v|f|j|true||slurm.sh -p x|en|1|rest|" ]
  script --max_len 5 --name=a=b
  [ "$output" = "4|5|a=b|x|y|z|false|a b/d|run.sh --max-jobs-run 2|zh|0|" ]
}

@test "two hyphens end the options and one hyphen is an argument" {
  script --nj 1 -- --nj 2
  [[ $output == "1|"*"|2|--nj|2|" ]]
  script --nj 1 - x
  [[ $output == "1|"*"|2|-|x|" ]]
}

@test "an unknown option is an error that names the near one and all of them" {
  script --max-lem 3
  [ "$status" -eq 2 ]
  [ "$output" = "script.sh: unknown option --max-lem (did you mean --max-len?); the options are --nj --max-len --name --value --file --i --resume --data --cmd --lang" ]
  script --len 3
  [[ $output == *"did you mean --max-len?"* ]]
  script --something-else 3
  [[ $output != *"did you mean"* ]]
}

@test "a variable set below, in the environment or for one command is no option" {
  for name in after HOME LC-ALL; do
    script --$name x
    [ "$status" -eq 2 ]
    [[ $output == *"unknown option"* ]]
  done
}

@test "a boolean takes only true and false" {
  script --resume yes
  [ "$status" -eq 2 ]
  [ "$output" = "script.sh: --resume is 'yes'; it takes true or false" ]
  script --resume --nj 3
  [ "$status" -eq 2 ]
  script --resume
  [ "$status" -eq 2 ]
  [ "$output" = "script.sh: --resume needs a value" ]
}

@test "stage, stop_stage and nj take only numbers" {
  for value in x 1x '' 0 -1; do
    script --nj "$value"
    [ "$status" -ne 0 ]
    [[ $output == *"--nj is '$value'; it takes a number"* ]]
  done
  script --nj 12
  [ "$status" -eq 0 ]
}

@test "help is the comment at the top and the options with their values" {
  script --nj 2 --help
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "Does a thing." ]
  [ "${lines[1]}" = "  script.sh [options] IN OUT" ]
  [[ $output != *"not part"* ]]
  [[ $output == *"--nj 2   # number of jobs"* ]]
  [[ $output == *"--resume false   # go on where it stopped"* ]]
}

@test "a config file is read before the options of the command line" {
  printf 'nj=7\nresume=true\n' >"a dir/my.conf"
  script --nj 9 --config my.conf --lang en
  [ "$status" -eq 0 ]
  [[ $output == "9|10|"*"|true|"*"|en|"* ]]
  script --config=my.conf
  [[ $output == "7|"* ]]
}

@test "a config file with an unknown name, a wrong boolean or no such file is an error" {
  echo 'njobs=7' >"a dir/my.conf"
  script --config my.conf
  [ "$status" -eq 2 ]
  [[ $output == "script.sh: my.conf: unknown option --njobs (did you mean --nj?)"* ]]
  echo 'resume=1' >"a dir/my.conf"
  script --config my.conf
  [ "$status" -eq 2 ]
  [[ $output == *"my.conf: --resume is '1'"* ]]
  script --config other.conf
  [ "$status" -eq 2 ]
  [ "$output" = "script.sh: --config other.conf: no such file" ]
}

@test "a script with a variable config has the option --config for itself" {
  printf '#!/usr/bin/env bash\nset -eu\nconfig=conf/a.yaml\n. "%s/parse_options.sh"\necho "$config"\n' "$UTILS" >own.sh
  run bash own.sh --config conf/b.yaml
  [ "$output" = "conf/b.yaml" ]
}

@test "parse_options leaves no function and no variable of its own" {
  printf '#!/usr/bin/env bash\nnj=1\n. "%s/parse_options.sh"\ncompgen -A function _po; compgen -v _po\n' "$UTILS" >own.sh
  run bash own.sh --nj 3
  [ -z "$output" ]
}
