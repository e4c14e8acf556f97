# A Slurm cluster of two nodes on this machine for tests: all of it in one folder, on loopback. Source it.
#
#   start_cluster DIR     sets SLURM_CONF; fails where Slurm is not installed
#   stop_cluster
#   start_node n1 | kill_node n1      slurmd alone
# shellcheck shell=bash

has_slurm() { command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null; }

start_cluster() {
  local node ports user
  CLUSTER=$1
  user=$(id -un)
  read -r -a ports < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))')
  mkdir -p "$CLUSTER"/{state,log,spool.n1,spool.n2,munge}
  # munged refuses a folder that others cannot enter
  chmod 755 "$CLUSTER" "$CLUSTER/munge"
  head -c 1024 /dev/urandom >"$CLUSTER/munge/munge.key"
  chmod 400 "$CLUSTER/munge/munge.key"
  cat >"$CLUSTER/slurm.conf" <<EOF
ClusterName=local
SlurmctldHost=localhost
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=${ports[0]}
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/munge/munge.socket
CredType=cred/munge
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/spool.%n
SlurmctldPidFile=$CLUSTER/slurmctld.pid
SlurmdPidFile=$CLUSTER/slurmd.%n.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld.log
SlurmdLogFile=$CLUSTER/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
ReturnToService=2
MaxArraySize=6
GresTypes=gpu
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=1 RealMemory=500 Gres=gpu:1 State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=1 RealMemory=500 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
EOF
  # any device file will do, nothing opens it
  printf 'NodeName=%s Name=gpu File=/dev/%s\n' n1 null n2 zero >"$CLUSTER/gres.conf"
  export CLUSTER SLURM_CONF=$CLUSTER/slurm.conf

  # 3>&-: bats waits for whoever holds it
  munged --socket="$CLUSTER/munge/munge.socket" --key-file="$CLUSTER/munge/munge.key" --pid-file="$CLUSTER/munged.pid" \
    --log-file="$CLUSTER/log/munged.log" --seed-file="$CLUSTER/munge/seed" 3>&- || return 1
  slurmctld -f "$SLURM_CONF" -c 3>&- || return 1
  for node in n1 n2; do
    start_node $node || return 1
  done
}

# Ready means that slurmctld would give it a job.
start_node() {
  local _
  # what it ran when it was killed would be completing for a minute and more
  scontrol update nodename="$1" state=down reason=started 2>/dev/null || true
  scontrol update nodename="$1" state=resume 2>/dev/null || true
  slurmd -f "$SLURM_CONF" -N "$1" -c 3>&- || return 1
  for _ in $(seq 100); do
    [ "$(sinfo -h -n "$1" -o %t)" != idle ] || return 0
    sleep 0.1
  done
  sinfo -N >&2
  return 1
}

kill_node() { kill -9 "$(cat "$CLUSTER/slurmd.$1.pid")"; }

stop_cluster() {
  local file pid _
  # first the jobs: slurmd leaves them running
  scancel -u "$(id -u)" 2>/dev/null || true
  for _ in $(seq 50); do
    [ -n "$(squeue -h 2>/dev/null)" ] || break
    sleep 0.1
  done
  for file in "$CLUSTER"/slurmd.n1.pid "$CLUSTER"/slurmd.n2.pid "$CLUSTER/slurmctld.pid" "$CLUSTER/munged.pid"; do
    pid=$(cat "$file" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
}
