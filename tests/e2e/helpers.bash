# shellcheck shell=bash disable=SC2154 # bats sets status and output
# What the tests from the shell share.
#
# Each .bats file has a cluster of its own, in directories of its own:
#
#     load helpers
#     setup_file() { cluster_up --hollow 3; }
#     teardown_file() { cluster_down; }
#     teardown() { show_logs_of_failure; }
#
# Nothing here sleeps for a fixed time: wait_until watches the tree with inotify. What no watch can see
# (processes, containers) is asked for again and again by poll_until.

bats_require_minimum_version 1.5.0

repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
podtree=${PODTREE:-${PODTREE_BUILD:-$repository/build/check}/bin/podtree}

# How long anything may take on a busy machine.
patience=30

# ---- the cluster ----

# Sets the directories, for all commands that follow, without starting anything.
cluster_directories() {
    [ "$(id -u)" = 0 ] || skip "only root can mount"
    [ -e /dev/fuse ] || skip "there is no /dev/fuse"
    [ -x "$podtree" ] || { echo "no program at $podtree: build it, or set PODTREE" >&2; return 1; }
    export PODTREE_MOUNT=$BATS_FILE_TMPDIR/k8s PODTREE_STATE=$BATS_FILE_TMPDIR/state PODTREE_RUN=$BATS_FILE_TMPDIR/run
    export K8S=$PODTREE_MOUNT
}

# cluster_up [OPTION…]: as podtree up; without a word about nodes, there is none.
cluster_up() {
    cluster_directories
    case " $* " in
    *" --node "*) ;;
    *) set -- --no-node "$@" ;;
    esac
    "$podtree" up "$@"
}

# cluster_up_with_node [NAME [OPTION…]]: with a real node, and the demo image on it.
cluster_up_with_node() {
    cluster_directories
    PODTREE_IMAGE="$podtree image" "$repository/examples/images/build-demo.sh" --state "$PODTREE_STATE"
    "$podtree" up --node "${1:-node-a}" "${@:2}"
}

# Takes everything away, whatever state it is in.
cluster_down() {
    [ -n "${PODTREE_RUN:-}" ] || return 0
    "$podtree" down --pods || true
    local pid
    for pid in $(stray_pids); do
        kill -9 "$pid" 2>/dev/null || true
    done
    while mountpoint -q "$PODTREE_MOUNT" || ! stat "$PODTREE_MOUNT" >/dev/null 2>&1; do
        umount -f -l "$PODTREE_MOUNT" || break
    done
    local left
    for left in $(awk -v below="$BATS_FILE_TMPDIR/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do
        umount -l "$left" || true
    done
}

# What was started for this file or one of its tests, and is still there: it has their directories among its
# arguments. Directories of bats' have names that nothing else has.
stray_pids() {
    local arguments
    for arguments in /proc/[0-9]*/cmdline; do
        if [[ $(tr '\0' ' ' <"$arguments" 2>/dev/null) == */podtree*" $BATS_RUN_TMPDIR/"* ]]; then
            arguments=${arguments#/proc/}
            echo "${arguments%/cmdline}"
        fi
    done
    recorded_pids
}

# The record names what the last supervisor has started.
recorded_pids() {
    [ -e "$PODTREE_RUN/record" ] || return 0
    awk '$1 == "process" { print $3 }' "$PODTREE_RUN/record"
}

# pid_of fsd|notifier|…|supervisor
pid_of() {
    if [ "$1" = supervisor ]; then
        "$podtree" status | awk '$1 == "supervisor" { print $2 }'
    else
        awk -v name="$1" '$1 == "process" && $2 == name { print $3 }' "$PODTREE_RUN/record"
    fi
}

kill_component() {
    kill -9 "$(pid_of "$1")"
}

show_logs_of_failure() {
    [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -z "${BATS_TEST_SKIPPED:-}" ] && [ -d "${PODTREE_RUN:-/nowhere}/log" ] || return 0
    tail -n 20 "$PODTREE_RUN"/log/*.log
    timeout 5 cat "$K8S/pods/.table" "$K8S/deployments/.table" || true
    timeout 5 tail -n 40 "$K8S/events" || true
}

# ---- waiting ----

# wait_until WATCHED COMMAND…: until the command succeeds; asks again after each event below the watched
# directory or file. The watch stands before the first question, so that no event is missed.
wait_until() {
    local watched=$1 deadline=$((SECONDS + patience)) line
    shift
    exec {events}< <(exec inotifywait --monitor --event attrib,modify,create,delete,moved_to "$watched" 2>&1)
    local watcher=$!
    while read -r -t "$patience" -u "$events" line && [[ $line != "Watches established."* ]]; do :; done
    local result=0
    until "$@"; do
        if [ $SECONDS -ge $deadline ] || ! read -r -t $((deadline - SECONDS + 1)) -u "$events" line; then
            "$@" || result=1
            break
        fi
    done
    kill "$watcher" 2>/dev/null || true
    exec {events}<&-
    [ $result = 0 ] || { echo "never true: $*" >&2; return 1; }
}

# poll_until COMMAND…: for what can't be watched.
poll_until() {
    local deadline=$((SECONDS + patience))
    until "$@"; do
        [ $SECONDS -lt $deadline ] || { echo "never true: $*" >&2; return 1; }
        read -r -t 0.05 <> <(:) || true
    done
}

# reads FILE TEXT: does the file say just this?
reads() {
    [ "$(cat "$1" 2>/dev/null)" = "$2" ]
}

contains() {
    grep -q -- "$2" "$1" 2>/dev/null
}

lacks() {
    ! grep -q -- "$2" "$1"
}

is_gone() {
    [ ! -e "$1" ]
}

# deployment_ready NAME N
deployment_ready() {
    [ "$(cat "$K8S/deployments/$1/observed/readyReplicas" 2>/dev/null || echo 0)" = "$2" ] &&
        [ "$(count_pods)" = "$2" ]
}

wait_for_deployment() {
    wait_until "$K8S/deployments/$1" deployment_ready "$1" "$2"
}

count_pods() {
    ls "$K8S/pods" | wc -l
}

pods_are() {
    [ "$(count_pods)" = "$1" ]
}

# ---- manifests ----

# deployment NAME [REPLICAS [IMAGE]]: a Deployment on standard output
deployment() {
    cat <<YAML
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $1
spec:
  replicas: ${2:-1}
  selector:
    matchLabels:
      app: $1
  template:
    metadata:
      labels:
        app: $1
    spec:
      containers:
      - name: main
        image: ${3:-podtree/demo:1}
YAML
}

configmap() {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  greeting: hello\n' "$1"
}

# apply: the manifests on standard input
apply() {
    cat >"$K8S/apply"
}

# ---- refusals ----

# refused TEXT COMMAND…: the command fails, and says TEXT, the errno's words.
refused() {
    local text=$1
    shift
    run "$@"
    [ "$status" -ne 0 ] || { echo "not refused: $*" >&2; return 1; }
    [[ $output == *"$text"* ]] || { echo "refused with other words: $output" >&2; return 1; }
}

# write_value FILE TEXT: one write(2), as echo makes it
write_value() {
    bash -c 'echo "$2" > "$1"' write "$1" "$2"
}

# last_error: the sentence of the caller's newest line in errors
last_error() {
    tail -n 1 "$K8S/errors"
}

error_says() {
    last_error | grep -qF -- "$1" || { echo "the last error is: $(last_error)" >&2; return 1; }
}
