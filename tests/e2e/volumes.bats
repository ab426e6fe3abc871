# What pods get from their node: files, variables, names, and parts of the machine itself.
load helpers

setup_file() {
    cluster_up_with_node node-a --pod-max-pids 200
    cp "$BATS_TEST_DIRNAME/volumes.yaml" "$K8S/apply"
}
teardown_file() { cluster_down; }
teardown() {
    show_logs_of_failure
    local pod
    for pod in "$K8S"/pods/*; do
        [ ! -e "$pod" ] || rmdir "$pod" 2>/dev/null || true
    done
    wait_until "$K8S/pods" pods_are 0
    gone() { [ -z "$(ls "$PODTREE_RUN/pods" "$PODTREE_STATE/pods" | grep -v :)" ] && ! grep -qE " ($PODTREE_RUN|$PODTREE_STATE/pods)/" /proc/self/mounts; }
    poll_until gone
}

# pod NAME SPEC CONTAINER: a Pod whose container main sleeps; SPEC and CONTAINER are members in flow style
pod() {
    cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  terminationGracePeriodSeconds: 0
  $2
  containers:
  - {name: main, image: "podtree/demo:1", command: [sleep, "1000"], $3}
YAML
}

running() {
    [ "$(cat "$K8S/pods/$1/observed/phase")" = Running ]
}

# run_pod NAME SPEC CONTAINER
run_pod() {
    pod "$@" >"$K8S/apply"
    wait_until "$K8S/pods/$1" running "$1"
}

# The first process of a pod's container, whose / is seen below /proc/<pid>/root.
pid_of_container() { # POD [CONTAINER]
    cat "$PODTREE_RUN/pods/$(cat "$K8S/pods/$1/metadata/uid")/${2:-main}".*/pid
}

says_event() { # POD TEXT
    grep -q -- "$2" "$K8S/pods/$1/events"
}

@test "files and variables come from ConfigMaps, Secrets and the pod itself, and files follow" {
    run_pod web "$(cat <<'YAML'
volumes:
  - {name: all, configMap: {name: settings}}
  - {name: some, configMap: {name: settings, items: [{key: motd, path: etc/motd, mode: 0440}], defaultMode: 0600}}
  - {name: keys, secret: {secretName: keys}}
  - {name: pod, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: cpu, resourceFieldRef: {containerName: main, resource: limits.cpu, divisor: 1m}}]}}
  - {name: together, projected: {sources: [{configMap: {name: settings, items: [{key: motd, path: motd}]}}, {secret: {name: keys}}, {configMap: {name: none, optional: true}}]}}
YAML
)" 'resources: {limits: {cpu: 250m}}, envFrom: [{configMapRef: {name: settings}, prefix: S_}, {secretRef: {name: none, optional: true}}],
     env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: keys, key: token}}}, {name: ME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: BOTH, value: "$(ME)-$(S_motd)"}],
     volumeMounts: [{name: all, mountPath: /all}, {name: some, mountPath: /some, readOnly: true}, {name: keys, mountPath: /keys}, {name: pod, mountPath: /pod},
                    {name: together, mountPath: /together}, {name: all, mountPath: /etc/one, subPath: motd}]'
    local root pid
    pid=$(pid_of_container web)
    root=/proc/$pid/root
    [ "$(cat "$root/all/motd")" = hello ]
    [ "$(cat "$root/some/etc/motd" "$root/keys/token" "$root/together/motd" "$root/together/token" "$root/etc/one")" = hellos3cr3thellos3cr3thello ]
    [ "$(stat -L -c %a "$root/some/etc/motd") $(stat -f -L -c %T "$root/keys")" = "440 tmpfs" ]
    [ "$(cat "$root/pod/labels" "$root/pod/cpu")" = 'app="web"250' ]
    tr '\0' '\n' <"/proc/$pid/environ" >"$BATS_TEST_TMPDIR/environ"
    grep -qx TOKEN=s3cr3t "$BATS_TEST_TMPDIR/environ"
    grep -qx BOTH=web-hello "$BATS_TEST_TMPDIR/environ"
    # All that follows is there within a moment, and never half.
    printf 'goodbye' >"$K8S/configmaps/settings/data/motd"
    follows() { [ "$(cat "$root/all/motd" "$root/some/etc/motd" "$root/together/motd")" = goodbyegoodbyegoodbye ]; }
    poll_until follows
    [ "$(cat "$root/etc/one")" = hello ] # what a subPath binds stays
    echo blue >"$K8S/pods/web/metadata/labels/colour"
    shows() { grep -qx 'colour="blue"' "$root/pod/labels"; }
    poll_until shows
    printf hello >"$K8S/configmaps/settings/data/motd"
}

@test "a pod waits for the ConfigMap that its volume names, and says so" {
    pod late 'volumes: [{name: v, configMap: {name: late}}]' 'volumeMounts: [{name: v, mountPath: /v}]' >"$K8S/apply"
    wait_until "$K8S/pods/late" says_event late 'FailedMount.*MountVolume.SetUp failed for volume \\*"v\\*" : configmap \\*"late\\*" not found'
    mkdir "$K8S/configmaps/late"
    wait_until "$K8S/pods/late" running late
}

@test "directories of the pod and of the machine are written by containers and go with the pod, or stay" {
    mkdir "$BATS_TEST_TMPDIR/here"
    pod dirs "$(cat <<YAML
securityContext: {fsGroup: 4242, runAsUser: 1000}
  volumes: [{name: scratch, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory, sizeLimit: 2Mi}}, {name: here, hostPath: {path: $BATS_TEST_TMPDIR/here, type: Directory}}]
YAML
)" 'volumeMounts: [{name: scratch, mountPath: /scratch}, {name: memory, mountPath: /memory}, {name: here, mountPath: /here, subPath: sub/dir}]' |
        sed "s/command: \[sleep, \"1000\"\]/command: [sh, -c, 'touch \/scratch\/mine; exec sleep 1000']/; s/^  containers:/&\n  - {name: other, image: \"podtree\/demo:1\", command: [sleep, \"1000\"], volumeMounts: [{name: scratch, mountPath: \/other}]}/" >"$K8S/apply"
    wait_until "$K8S/pods/dirs" running dirs
    local root other
    root=/proc/$(pid_of_container dirs)/root
    other=/proc/$(pid_of_container dirs other)/root
    seen() { [ "$(stat -c %g "$other/other/mine")" = 4242 ]; }
    poll_until seen
    [ "$(stat -f -c '%T %b' "$root/memory")" = "tmpfs 512" ]
    touch "$root/here/kept"
    rmdir "$K8S/pods/dirs"
    wait_until "$K8S/pods" pods_are 0
    [ -e "$BATS_TEST_TMPDIR/here/sub/dir/kept" ]
}

@test "a pod in the machine's namespaces sees the machine, one of its own sees its containers" {
    run_pod host 'hostNetwork: true
  hostPID: true
  hostIPC: true
  dnsPolicy: None
  dnsConfig: {nameservers: [192.0.2.53]}' 'stdin: false'
    run_pod own 'shareProcessNamespace: true
  hostname: db-0
  hostAliases: [{ip: 192.0.2.7, hostnames: [cache]}]' 'stdin: true, tty: true'
    local host own kind
    host=$(pid_of_container host)
    own=$(pid_of_container own)
    for kind in net pid ipc uts; do [ "$(readlink "/proc/$host/ns/$kind")" = "$(readlink "/proc/self/ns/$kind")" ]; done
    [ "$(cat "/proc/$host/root/etc/resolv.conf")" = "nameserver 192.0.2.53" ]
    [ "$(nsenter -t "$own" -m -p -u sh -c 'cat /proc/1/comm; hostname')" = "$(printf 'podtree-pause\ndb-0')" ]
    grep -qx "192.0.2.7	cache" "/proc/$own/root/etc/hosts"
    [ "$(readlink "/proc/$own/fd/0")" = /dev/pts/0 ]
    [ "$(cat "$K8S/pods/host/observed/podIP")" = "$(cat "$K8S/pods/host/observed/hostIP")" ]
}

# group POD FILE…: what these files of its control group say, with the way there from the node's group. Those of
# version 2 are said as those of version 1 are called.
group() {
    local uid file path
    uid=$(cat "$K8S/pods/$1/metadata/uid")
    for file in "${@:2}"; do
        for path in $(find /sys/fs/cgroup/podtree /sys/fs/cgroup/*/podtree -path "*/pod$uid/$file" 2>/dev/null); do
            path=${path#*/podtree/*/}
            echo "${path/pod$uid/pod} $(cat /sys/fs/cgroup{,/*}/podtree/*/"$path" 2>/dev/null)"
        done
    done
}

# Two containers may have 32 MiB together. The first leaves 20 MiB behind, in the pod's memory: the second ends
# when it has taken 12, although 30 are its own.
@test "a pod stands in the group of its class, and its containers share what they have together" {
    local half='resources: {requests: {cpu: 100m}, limits: {memory: 30Mi}}'
    pod best "" "" >"$K8S/apply"
    pod burst "initContainers: [{name: side, image: \"podtree/demo:1\", restartPolicy: Always, command: [sleep, \"1000\"], $half}]" "$half" >"$K8S/apply"
    cat >"$K8S/apply" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: sure}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
  initContainers:
  - {name: first, image: "podtree/demo:1", command: [sh, -c, "head -c 20000000 /dev/zero >/memory/left"], resources: {limits: {cpu: "1", memory: 30Mi}}, volumeMounts: [{name: memory, mountPath: /memory}]}
  containers:
  - name: main
    image: podtree/demo:1
    command: [sh, -c, "until [ -e /memory/go ]; do sleep 0.05; done; x=$(head -c 12000000 /dev/zero | tr '\\0' x); echo survived"]
    resources: {limits: {cpu: "1", memory: 32Mi}}
    volumeMounts: [{name: memory, mountPath: /memory}]
YAML
    wait_until "$K8S/pods/best" running best
    wait_until "$K8S/pods/burst" running burst
    wait_until "$K8S/pods/sure" running sure
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        [ "$(group best cpu.weight memory.max)" = $'besteffort/pod/cpu.weight 1\nbesteffort/pod/memory.max max' ]
        [ "$(group burst cpu.weight cpu.max memory.max)" = $'burstable/pod/cpu.weight 8\nburstable/pod/cpu.max max 100000\nburstable/pod/memory.max 62914560' ]
        [ "$(group sure cpu.weight cpu.max memory.max)" = $'pod/cpu.weight 39\npod/cpu.max 100000 100000\npod/memory.max 33554432' ]
    else
        [ "$(group best cpu.shares memory.limit_in_bytes)" = $'besteffort/pod/cpu.shares 2\nbesteffort/pod/memory.limit_in_bytes 9223372036854771712' ]
        [ "$(group burst cpu.shares cpu.cfs_quota_us memory.limit_in_bytes)" = $'burstable/pod/cpu.shares 204\nburstable/pod/cpu.cfs_quota_us -1\nburstable/pod/memory.limit_in_bytes 62914560' ]
        [ "$(group sure cpu.shares cpu.cfs_quota_us memory.limit_in_bytes)" = $'pod/cpu.shares 1024\npod/cpu.cfs_quota_us 100000\npod/memory.limit_in_bytes 33554432' ]
    fi
    [ "$(group sure pids.max)" = "pod/pids.max 200" ]
    "$podtree" exec sure -- touch /memory/go
    killed() { grep -q OOMKilled "$K8S/pods/sure/status"; }
    wait_until "$K8S/pods/sure/status" killed
    [ "$(cat "$K8S/pods/sure/observed/containerStatuses/0/state/terminated/reason")" = OOMKilled ]
    refused "" grep survived "$K8S/pods/sure/containers/main/log"
}

@test "a pod that takes more of the disk than it may is evicted" {
    local much='command: [sh, -c, "head -c 3000000 /dev/zero >/d/f; sleep 1000"]' limit='resources: {limits: {ephemeral-storage'
    local volume='volumes: [{name: d, emptyDir: {' mount='volumeMounts: [{name: d, mountPath: /d}]'
    pod() {
        printf '%s\n' --- "apiVersion: v1" "kind: Pod" "metadata: {name: $1}" spec: "  terminationGracePeriodSeconds: ${4:-1000}" "  $2" "  containers:" "  - {name: main, image: \"podtree/demo:1\", $mount, $much, $3}"
    }
    { pod volume "$volume sizeLimit: 1Mi}}]" ""; pod all "$volume}}]" "$limit: 2Mi}}"; pod small "$volume sizeLimit: 4Mi}}]" "$limit: 5Mi}}" 0; } >"$K8S/apply"
    failed() { [ "$(cat "$K8S/pods/$1/observed/phase")" = Failed ]; }
    wait_until "$K8S/pods/volume" failed volume
    wait_until "$K8S/pods/all" failed all
    running small
    [ "$(cat "$K8S/pods/volume/observed/reason" "$K8S/pods/all/observed/reason")" = $'Evicted\nEvicted' ]
    [ "$(cat "$K8S/pods/volume/observed/message")" = 'Usage of EmptyDir volume "d" exceeds the limit "1Mi". ' ]
    [ "$(cat "$K8S/pods/all/observed/message")" = 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ' ]
    says_event volume 'Warning Evicted .*: Usage of EmptyDir volume "d" exceeds the limit "1Mi"'
    emptied() { [ ! -e "$PODTREE_STATE/pods/$(cat "$K8S/pods/volume/metadata/uid")/volumes.d" ]; }
    poll_until emptied
}
