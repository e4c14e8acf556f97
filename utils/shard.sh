#!/usr/bin/env bash
# Runs a command over a list in several jobs, and merges what they write as if there had been one.
#
#   shard.sh [options] DATA DIR COMMAND [ARGUMENT ...]
#   shard.sh --nj 8 data/test exp/fbank compute-fbank DATA OUT
#   shard.sh --nj 8 --cmd slurm.sh data/test exp/test decode --model MODEL --resume --output-dir OUT DATA
#   shard.sh --nj 8 data/test exp/vad vad-segment DATA > segments
#
# In the arguments the word DATA stands for DATA and the word OUT for the folder of a job, DIR/shard.N; the command is also given
# --shard N/nj, its share of DATA. The files of all jobs are merged into DIR in the order of DATA, and what they printed to stdout.
# Run again with the same arguments, it does the jobs that have not ended well. Logs are DIR/log/COMMAND.N.log.
# Exit status: 0 all inputs went well; 1 a job failed, and nothing is merged, or some inputs could not be used; 2 usage.
set -euo pipefail

nj=             # jobs; otherwise one a GPU or processor
gpuid_list=     # GPUs to use, e.g. 0,1
cmd=run.sh      # how jobs are started: run.sh, slurm.sh or a command that takes the same arguments
retries=0       # run a job that fails so many times more
input_type=auto # what DATA is, where its name does not say
channel=mix     # the channel that the command takes: mix, each or a number

# shellcheck source-path=SCRIPTDIR source=../path.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../path.sh"
# shellcheck source-path=SCRIPTDIR source=parse_options.sh
. parse_options.sh

log() { printf 'shard.sh: %s\n' "$*" >&2; }

usage_error() {
  log "$* (shard.sh --help tells more)"
  exit 2
}

[ $# -ge 3 ] || usage_error "it takes DATA, DIR and a command, got: ${*:-nothing}"
data=$1 dir=$2 name=$3
shift 3
[ "$data" != - ] || usage_error "DATA is -, which one job only could read; write it to a file"
[ -e "$data" ] || usage_error "$data: no such file or directory"
case " $* " in *" DATA "*) ;; *) usage_error "the arguments of $name do not hold the word DATA, which stands for $data" ;; esac

cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
num_gpus=0
[ -z "$gpuid_list" ] || num_gpus=$(($(tr -cd , <<<"$gpuid_list" | wc -c) + 1))
if [ -z "$nj" ]; then
  nj=$((num_gpus > 0 ? num_gpus : cores))
fi

# what is printed, by how its lines name their recording; the merging goes by the name
kind=txt
case $name in
  vad-segment) kind=segments ;;
  spk-diarize) kind=rttm ;;
  align) kind=ctm ;;
esac
case " $* " in
  *" --jsonl "*) kind=jsonl ;;
  *" --rttm "*) kind=rttm ;;
esac

words=("$name" --shard "JOB/$nj")
for word in "$@"; do
  case $word in
    DATA) words+=("$data") ;;
    OUT) words+=("$dir/shard.JOB") ;;
    *) words+=("$word") ;;
  esac
done
[ "$input_type" = auto ] || words+=(--input-type "$input_type")
[ "$channel" = mix ] || words+=(--channel "$channel")

mkdir -p "$dir/log"
# a directory's lists are its files
describe() { { printf '%s\n' "${words[@]}"; cat "$data" "$data"/{wav.scp,segments,feats.scp,text} 2>/dev/null || true; } | cksum; }
if [ -f "$dir/made_for" ]; then
  [ "$(cat "$dir/made_for")" = "$(describe)" ] || {
    log "$dir was begun with another list or command; give the same, or name another DIR"
    exit 1
  }
else
  describe >"$dir/made_for"
fi

# threads for one share of this machine; whatever asks for its own number gets that
if [ "${cmd##*/}" = run.sh ]; then
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores / nj > 0 ? cores / nj : 1))}
fi

# The last line that a command says on stderr, "NAME: 998 of 1000 ok", tells a job that went through its inputs, some of which could
# not be used, from one that died.
# shellcheck disable=SC2016  # for the shell that runs the job
job='
  out=$0 kind=$1
  shift
  [ ! -e "$out/.done" ] || { echo "done before"; exit 0; }
  mkdir -p "$out"
  status=0
  "$@" >"$out/.stdout" 2>"$out/.said" || status=$?
  cat "$out/.said" >&2
  tail -n 1 "$out/.said" | grep -qE "^[a-z-]+: [0-9]+ of [0-9]+ ok" && [ $status -le 1 ] || exit $((status > 0 ? status : 1))
  [ ! -s "$out/.stdout" ] || mv "$out/.stdout" "$out/stdout.$kind"
  echo $status >"$out/.done.new"
  mv "$out/.done.new" "$out/.done"'
options=(--retries "$retries")
[ -z "$gpuid_list" ] || options+=(--gpus "$gpuid_list")
$cmd "${options[@]}" JOB=1:"$nj" "$dir/log/${name##*/}.JOB.log" bash -c "$job" "$dir/shard.JOB" "$kind" "${words[@]}" || {
  log "a job failed (above); run the same again, it does what is missing"
  exit 1
}

shards=()
status=0
for ((number = 1; number <= nj; number++)); do
  shards+=("$dir/shard.$number")
  [ "$(cat "$dir/shard.$number/.done")" = 0 ] || status=1
done
asrtools merge-shards --input-type "$input_type" --channel "$channel" "$data" "$dir" "${shards[@]}"
[ ! -f "$dir/stdout.$kind" ] || cat "$dir/stdout.$kind"
if [ $status != 0 ]; then
  log "some inputs could not be used:"
  grep -h "^${name##*/}: " "$dir"/shard.*/.said | grep -vE '^[a-z-]+: [0-9]+ of [0-9]+ ok' | head -n 20 >&2 || true
fi
exit $status
