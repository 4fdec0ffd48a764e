#!/usr/bin/env bash
# A Flink cluster on 127.0.0.1, from what setup.sh brought: cluster.sh start|stop|kill [jobmanager|taskmanager]
# Without a part's name: both. What it keeps (logs, process ids, checkpoints, savepoints) is in FLINK_RUN.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
installed=${FLINK_INSTALLED:-$here/../../.servers/flink}
run=${FLINK_RUN:-$installed/run}
rest_port=${FLINK_REST_PORT:-8081}
rpc_port=${FLINK_RPC_PORT:-6123}
start_within_s=60

# RocksDB allocates in many threads. Flink's own image has jemalloc for it (Debian: libjemalloc2), which is taken here too
# where it is installed; with glibc's allocator a task manager grows by some ten MB a minute.
allocator=()
for library in /usr/lib/*/libjemalloc.so.2; do
  [ ! -e "$library" ] || allocator=("LD_PRELOAD=$library")
done

# Flink 1.19 reaches into these packages on Java 17, as its own configuration has it.
opened=()
for package in java.lang java.lang.reflect java.net java.io java.nio java.text java.time java.util \
  java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks; do
  opened+=("--add-opens=java.base/$package=ALL-UNNAMED")
done
opened+=("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED" "--add-exports=java.base/sun.net.util=ALL-UNNAMED")

settings=(
  -D "rest.port=$rest_port"
  -D "jobmanager.rpc.port=$rpc_port"
  -D "state.checkpoints.dir=file://$run/checkpoints"
  -D "state.savepoints.dir=file://$run/savepoints"
  -D "io.tmp.dirs=$run/tmp"
  -D "web.upload.dir=$run/uploads"
)

is_running() {
  [ -f "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null
}

launch() { # part, main class and its arguments; the JVM's own options are in the array jvm
  local part=$1
  shift
  if is_running "$part"; then
    return
  fi
  env "${allocator[@]}" MALLOC_ARENA_MAX=2 "FLINK_CONF_DIR=$here" nohup java "${jvm[@]}" "${opened[@]}" \
    "-Dlog.file=$run/$part.log" "-Dlog4j.configurationFile=file:$here/log4j.properties" \
    -cp "$installed/cluster/*" "$@" --configDir "$here" "${settings[@]}" >>"$run/$part.out" 2>&1 </dev/null &
  echo $! >"$run/$part.pid"
}

# Heaps have a fixed size and are there from the start, so that whatever grows is seen to grow.
start() {
  mkdir -p "$run"/{checkpoints,savepoints,tmp,uploads}
  case $1 in
    jobmanager)
      jvm=(-XX:+AlwaysPreTouch -Xms700m -Xmx700m -XX:MaxMetaspaceSize=400m)
      launch jobmanager org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint
      ;;
    taskmanager)
      jvm=(-XX:+AlwaysPreTouch -Xms828m -Xmx828m -XX:MaxDirectMemorySize=328m -XX:MaxMetaspaceSize=512m)
      launch taskmanager org.apache.flink.runtime.taskexecutor.TaskManagerRunner
      ;;
  esac
}

end() { # part, signal
  if is_running "$1"; then
    local process
    process=$(cat "$run/$1.pid")
    kill "-$2" "$process"
    while kill -0 "$process" 2>/dev/null; do sleep 0.1; done
  fi
  rm -f "$run/$1.pid"
}

wait_for_slots() {
  for ((second = 0; second < start_within_s; second++)); do
    if python3 - "$rest_port" <<'PYTHON'
import json, sys, urllib.request
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/overview", timeout=5) as answer:
        sys.exit(json.load(answer)["slots-total"] == 0)
except OSError:
    sys.exit(1)
PYTHON
    then
      return
    fi
    sleep 1
  done
  echo "no task manager came up in $start_within_s s: see the logs in $run" >&2
  return 1
}

if [ ! -d "$installed/cluster" ]; then
  echo "there is no Flink in $installed: make flink" >&2
  exit 1
fi
parts=("${@:2}")
[ ${#parts[@]} -gt 0 ] || parts=(jobmanager taskmanager)
for part in "${parts[@]}"; do
  case $part in jobmanager | taskmanager) ;; *) echo "no such part: $part" >&2; exit 2 ;; esac
done
case ${1-} in
  start)
    for part in "${parts[@]}"; do start "$part"; done
    [ $# -gt 1 ] || wait_for_slots
    ;;
  stop) for part in "${parts[@]}"; do end "$part" TERM; done ;;
  kill) for part in "${parts[@]}"; do end "$part" KILL; done ;;
  *)
    echo "usage: cluster.sh start|stop|kill [jobmanager|taskmanager]" >&2
    exit 2
    ;;
esac
