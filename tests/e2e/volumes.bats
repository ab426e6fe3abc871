# What pods get from their node: files, variables, names, and parts of the machine itself.
load helpers

setup_file() {
    cluster_up_with_node node-a
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
