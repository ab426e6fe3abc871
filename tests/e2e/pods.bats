# Pods on a real node: what people write becomes processes, and goes with it.
load helpers

setup_file() { cluster_up_with_node node-a; }
teardown_file() { cluster_down; }
teardown() {
    show_logs_of_failure
    [ -z "${registry_pid:-}" ] || kill "$registry_pid" 2>/dev/null || true
    rm -r "$K8S/deployments/web" 2>/dev/null || true
    rm -f "$PODTREE_STATE/manifests/"*
    local pod
    for pod in "$K8S"/pods/*; do
        [ ! -e "$pod" ] || rmdir "$pod" 2>/dev/null || true
    done
    wait_until "$K8S/pods" pods_are 0
    nothing_is_left
}

# pod NAME COMMAND [MORE]: a Pod on standard output; COMMAND is a YAML list
pod() {
    cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 1
${3:-}
  containers:
  - {name: main, image: "podtree/demo:1", command: $2}
YAML
}

# As deployment. Its pods may be asked to stop before their program listens: then they are killed, which must not
# take the half minute that is the default.
quick_deployment() {
    deployment "$@" | sed 's/^    spec:$/&\n      terminationGracePeriodSeconds: 1/'
}

says() { # POD TEXT: does its newest status line say so?
    tail -n 1 "$K8S/pods/$1/status" | grep -q -- "$2"
}

containers() {
    runc --root "$PODTREE_RUN/runc" list --format json | jq -r '. // [] | .[] | select(.status == "running") | .id'
}

pid_of_container() { # POD
    cat "$PODTREE_RUN/pods/$(cat "$K8S/pods/$1/metadata/uid")"/main.*/pid
}

run_containers() {
    [ "$(containers | wc -l)" = "$1" ]
}

nothing_is_left() {
    poll_until run_containers 0
    gone() { [ -z "$(ls "$PODTREE_RUN/pods" "$PODTREE_RUN/exits" | grep -v :)" ] && ! grep -q " $PODTREE_RUN/" /proc/self/mounts; }
    poll_until gone
}

@test "the node is there, with what the machine has" {
    ready() { grep -qw Ready "$K8S/nodes/.table"; }
    wait_until "$K8S/nodes" ready
    [ "$(cat "$K8S/nodes/node-a/metadata/labels/kubernetes.io%2Fhostname")" = node-a ]
    [ "$(cat "$K8S/nodes/node-a/observed/allocatable/cpu")" = "$(nproc)" ]
}

@test "top says what the node uses" {
    top_knows() { "$podtree" top nodes | grep -Eqx "node-a +[0-9]+m +[0-9]+% +[1-9][0-9]*Mi +[0-9]+%"; }
    poll_until top_knows
}

@test "a node that is removed comes back by itself, and status says so" {
    local uid
    uid=$(cat "$K8S/nodes/node-a/metadata/uid")
    rm -r "$K8S/nodes/node-a"
    is_another() { [ -e "$K8S/nodes/node-a/observed/conditions" ] && [ "$(cat "$K8S/nodes/node-a/metadata/uid")" != "$uid" ]; }
    wait_until "$K8S/nodes" is_another
    run -0 "$podtree" status
    kill -STOP "$(pid_of nodeagent)"
    rm -r "$K8S/nodes/node-a"
    run "$podtree" status
    kill -CONT "$(pid_of nodeagent)"
    [ "$status" = 1 ]
    [[ $output == *"node node-a, which is this machine, is not there"* ]]
    wait_until "$K8S/nodes" "$podtree" status
}

@test "a Deployment of three is three real containers that serve" {
    quick_deployment web 3 | apply
    wait_for_deployment web 3
    run_containers 3
    local one pid
    one=$(ls "$K8S/pods" | head -n 1)
    pid=$(cat "$PODTREE_RUN/pods/$(cat "$K8S/pods/$one/metadata/uid")"/main.*/pid)
    serves() { nsenter --net --target "$pid" busybox wget -qO- http://127.0.0.1:8080/cgi-bin/index.cgi | grep -qx "hello from $one"; }
    poll_until serves
}

@test "a killed container is started again, and that is counted" {
    pod web '[sleep, "1000"]' | apply
    wait_until "$K8S/pods/web/status" says web Running
    kill -9 "$(pid_of_container web)"
    wait_until "$K8S/pods/web/status" says web "Running.*restarts=1"
    run_containers 1
}

@test "what a container writes is a file, which outlives a kill of fsd and a restart" {
    # shellcheck disable=SC2016 # for the container's shell
    pod web '[sh, -c, "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; printf end; sleep 1000"]' | apply
    local directory=$K8S/pods/web/containers/main expected=$BATS_TEST_TMPDIR/expected followed=$BATS_TEST_TMPDIR/followed
    local log=$directory/log
    cat "$log" >/dev/null # before it runs, too
    tail --pid $$ -n +1 -s 0.05 -f "$log" >"$followed" 3>&- &
    local follower=$!
    poll_until contains "$followed" 'line 20$'
    kill_component fsd
    poll_until contains "$followed" 'line 100$'
    kill_component fsd
    poll_until contains "$followed" '^end'
    { seq -f 'line %g' 0 199; printf end; } >"$expected"
    cmp "$expected" "$followed"
    cmp "$expected" "$log"
    [ "$(stat -c %s "$log") $(wc -c <"$log")" = "$(stat -c %s "$expected") $(stat -c %s "$expected")" ]
    [ "$(tail -n 2 "$log")" = $'line 199\nend' ]
    [ "$(grep -c 'line .7$' "$log")" = 9 ]
    grep -q '^20.* stdout F line 7$' "$directory/.log"
    refused "Operation not permitted" write_value "$log" x
    [ "$(ls "$directory" | grep log)" = log ]
    kill -9 "$(pid_of_container web)"
    wait_until "$K8S/pods/web/status" says web "Running.*restarts=1"
    [ "$(ls "$directory" | grep log)" = $'log\nlog.previous' ]
    cmp "$expected" "$directory/log.previous"
    run -0 "$podtree" logs --previous --tail 2 web
    [ "$output" = $'line 199\nend' ]
    # Who has it open reads to its end, whatever becomes of it.
    rmdir "$K8S/pods/web"
    wait_until "$K8S/pods" is_gone "$K8S/pods/web"
    kill "$follower"
    cmp "$expected" "$followed"
}

@test "podtree logs follows the pods of a Deployment, which come and go" {
    quick_deployment web 1 | sed 's/^        image:.*/&\n        command: [sh, -c, "echo hello from $(hostname); sleep 1000"]/' | apply
    wait_for_deployment web 1
    "$podtree" logs --mount "$K8S" -f deploy/web >"$BATS_TEST_TMPDIR/said" 3>&- &
    local follower=$! name
    echo 3 >"$K8S/deployments/web/replicas"
    said_by() { [ "$(wc -l <"$BATS_TEST_TMPDIR/said")" = "$1" ]; }
    poll_until said_by 3
    for name in $(ls "$K8S/pods"); do
        grep -qxF "[$name/main] hello from $name" "$BATS_TEST_TMPDIR/said"
    done
    kill -9 "$(pid_of_container "$name")"
    poll_until said_by 4
    kill "$follower"
    run -0 "$podtree" logs "$name"
    [ "$output" = "hello from $name" ]
    run -1 "$podtree" logs nosuch
    [ "$output" = "podtree logs: there is no pod nosuch in namespace default" ]
}

@test "containers outlive the agent and the cluster" {
    pod web '[sleep, "1000"]' | apply
    wait_until "$K8S/pods/web/status" says web Running
    local pid
    pid=$(pid_of_container web)
    kill_component nodeagent
    "$podtree" down
    kill -0 "$pid"
    "$podtree" up --node node-a
    [ "$(pid_of_container web)" = "$pid" ]
    says web "Running ready=1/1 restarts=0"
    kill -9 "$pid"
    wait_until "$K8S/pods/web/status" says web "Running.*restarts=1"
}

@test "an agent that is killed again and again neither loses nor doubles a container" {
    quick_deployment web 1 | apply
    local i
    for i in 4 2 5 1 4 3; do
        kill_component nodeagent
        echo "$i" >"$K8S/deployments/web/replicas"
        poll_until pods_are_at_least 1
    done
    wait_for_deployment web 3
    poll_until run_containers 3
    monitors() { [ "$(pgrep -cf "conmon .*--bundle $PODTREE_RUN/")" = 3 ]; }
    poll_until monitors
}

pods_are_at_least() {
    [ "$(count_pods)" -ge "$1" ]
}

@test "a pod that is done has succeeded or failed" {
    pod good '["true"]' '  restartPolicy: Never' | apply
    pod bad '[sh, -c, "exit 7"]' '  restartPolicy: Never' | apply
    is_phase() { reads "$K8S/pods/$1/observed/phase" "$2"; }
    wait_until "$K8S/pods/good/status" is_phase good Succeeded
    wait_until "$K8S/pods/bad/status" is_phase bad Failed
    [ "$(cat "$K8S/pods/bad/observed/containerStatuses/0/state/terminated/exitCode")" = 7 ]
}

# Pods that show a step of their life each, all at once.
pods_with_steps() {
    local image="image: \"podtree/demo:1\", command" stays='[sh, -c, "trap \"exit 0\" TERM; while :; do sleep 0.1; done"]'
    cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: ordered}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, $image: ["true"]}
  - {name: side, restartPolicy: Always, $image: $stays, startupProbe: {periodSeconds: 1, timeoutSeconds: 20, exec: {command: ["true"]}}}
  - {name: second, $image: ["true"]}
  containers:
  - name: main
    image: podtree/demo:1
    command: [sh, -c, "until [ -e /tmp/greeted ]; do sleep 0.05; done; echo -n bye >/dev/termination-log"]
    lifecycle: {postStart: {exec: {command: [touch, /tmp/greeted]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: unfit}
spec:
  restartPolicy: Never
  initContainers: [{name: first, $image: [sh, -c, "exit 5"]}]
  containers: [{name: main, $image: $stays}]
---
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  containers:
  - name: main
    image: podtree/demo:1
    command: $stays
    readinessProbe: {periodSeconds: 1, timeoutSeconds: 20, exec: {command: [cat, /tmp/ready]}}
    livenessProbe: {periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1, exec: {command: [sh, -c, "[ ! -e /tmp/sick ]"]}}
---
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  activeDeadlineSeconds: 1000
  containers:
  - name: main
    image: podtree/demo:1
    command: $stays
    lifecycle: {preStop: {exec: {command: [sh, -c, "echo -n stopped >/dev/termination-log"]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: ungreeted}
spec:
  containers:
  - name: main
    image: podtree/demo:1
    command: $stays
    lifecycle: {postStart: {exec: {command: [sh, -c, "echo no; exit 3"]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: misplaced}
spec:
  nodeName: node-a
  nodeSelector: {disk: none}
  containers: [{name: main, $image: $stays}]
YAML
}

@test "pods begin, are watched and end step by step" {
    pods_with_steps | apply
    is_phase() { reads "$K8S/pods/$1/observed/phase" "$2"; }
    wait_until "$K8S/pods/misplaced/status" is_phase misplaced Failed
    [ "$(cat "$K8S/pods/misplaced/observed/reason")" = NodeAffinity ]
    wait_until "$K8S/pods/unfit/status" is_phase unfit Failed
    [ "$(cat "$K8S/pods/unfit/observed/initContainerStatuses/0/state/terminated/exitCode")" = 5 ]
    [ "$(cat "$K8S/pods/unfit/observed/containerStatuses/0/state/waiting/reason")" = PodInitializing ]

    wait_until "$K8S/pods/ordered/status" is_phase ordered Succeeded
    grep -q "Normal Admitted .*Admitted by node node-a in [0-9]* ms" "$K8S/pods/ordered/events"
    grep -q "Normal SandboxCreated .*; names are asked of the machine's DNS, the cluster has none" "$K8S/pods/ordered/events"
    grep -q "Warning MissingClusterDNS " "$K8S/nodes/node-a/events"
    diff -u - <(grep -o "Started container [a-z]*" "$K8S/pods/ordered/events") <<'TEXT'
Started container first
Started container side
Started container second
Started container main
TEXT
    [ "$(cat "$K8S/pods/ordered/observed/containerStatuses/0/state/terminated/message")" = bye ]
    [ "$(cat "$K8S/pods/ordered/observed/initContainerStatuses/1/state/terminated/exitCode")" = 0 ]

    in_container() { echo "/proc/$(pid_of_container probed)/root$1"; }
    wait_until "$K8S/pods/probed/events" contains "$K8S/pods/probed/events" "Warning Unhealthy.*Readiness probe failed: cat: can't open '/tmp/ready'"
    says probed "Running ready=0/1"
    touch "$(in_container /tmp/ready)"
    wait_until "$K8S/pods/probed/status" says probed "Running ready=1/1 restarts=0"
    touch "$(in_container /tmp/sick)"
    wait_until "$K8S/pods/probed/status" says probed "restarts=1"
    grep -q "Killing.*Container main failed liveness probe, will be restarted" "$K8S/pods/probed/events"

    wait_until "$K8S/pods/late/status" is_phase late Running
    echo 1 >"$K8S/pods/late/activeDeadlineSeconds"
    wait_until "$K8S/pods/late/status" is_phase late Failed
    [ "$(cat "$K8S/pods/late/observed/reason")" = DeadlineExceeded ]
    [ "$(cat "$K8S/pods/late/observed/containerStatuses/0/state/terminated/message")" = stopped ]

    # By now it may have failed several times, and say for how long it waits.
    wait_until "$K8S/pods/ungreeted/status" contains "$K8S/pods/ungreeted/status" \
        "PostStartHookError.*restarts=1.*command 'sh -c echo no; exit 3' exited with 3: no"
    grep -q "Warning FailedPostStartHook .*PostStartHook failed$" "$K8S/pods/ungreeted/events"
    grep -q "Normal Killing .*FailedPostStartHook$" "$K8S/pods/ungreeted/events"
}

# told POD STATE: the first line of its status in that state and its first event that is a warning, without what
# differs from run to run
told() {
    wait_until "$K8S/pods/$1/status" contains "$K8S/pods/$1/status" "$2.*reason="
    wait_until "$K8S/pods/$1/events" contains "$K8S/pods/$1/events" Warning
    { grep -m 1 "$2.*reason=" "$K8S/pods/$1/status"; grep -m 1 Warning "$K8S/pods/$1/events"; } |
        sed -E 's/^[^ ]+ //; s/restarts=[0-9]+/restarts=N/; s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UID/; s/back-off [0-9]+s/back-off Ns/'
}

@test "a command or an image that does not exist is said in words" {
    pod command '[nosuch]' | apply
    pod image '["true"]' | sed 's#podtree/demo:1#127.0.0.1:1/nosuch:1#' | apply
    # runc itself writes $PATH
    diff -u - <(told command CrashLoopBackOff; told image ImagePullBackOff) <<'TEXT'
CrashLoopBackOff ready=0/1 restarts=N node=node-a reason="runc create failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH; back-off Ns restarting failed container=main pod=command_default(UID)"
Warning Failed nodeagent: Error: runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH
ImagePullBackOff ready=0/1 restarts=N node=node-a reason="Back-off pulling image \"127.0.0.1:1/nosuch:1\": ErrImagePull: pinging container registry 127.0.0.1:1: Get \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused"
Warning Failed nodeagent: Failed to pull image "127.0.0.1:1/nosuch:1": pinging container registry 127.0.0.1:1: Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused
TEXT
}

@test "a Deployment says that there is no such image" {
    quick_deployment web 2 127.0.0.1:1/nosuch:1 | apply
    deployment_says() { tail -n 1 "$K8S/deployments/web/status" | grep -q -- "$1"; }
    wait_until "$K8S/deployments/web/status" deployment_says '2 of 2 pods: ImagePullBackOff: Back-off pulling image .*127.0.0.1:1/nosuch:1.*: ErrImagePull: .*connection refused'
    grep -q '2 of 2 pods: ImagePullBackOff' "$K8S/deployments/.table"
    echo podtree/demo:1 >"$K8S/deployments/web/template/spec/containers/main/image"
    wait_for_deployment web 2
    wait_until "$K8S/deployments/web/status" deployment_says '2/2 ready updated=2 available=2$'
}

@test "an image that is imported later lets its pod start" {
    pod web '[sleep, "1000"]' | sed 's#podtree/demo:1#127.0.0.1:1/later:1#' | apply
    wait_until "$K8S/pods/web/status" says web ErrImagePull
    "$repository/examples/images/build-demo.sh" --tar "$BATS_TEST_TMPDIR/later.tar"
    "$podtree" image --state "$PODTREE_STATE" import "$BATS_TEST_TMPDIR/later.tar" 127.0.0.1:1/later:1
    wait_until "$K8S/pods/web/status" says web Running
}

# registry_up: Debian's docker-registry on loopback, with TLS and a password (ann, secret); sets $registry and
# $registry_pid.
registry_up() {
    command -v docker-registry >/dev/null || skip "docker-registry is missing"
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    registry=127.0.0.1:$port
    cd "$BATS_TEST_TMPDIR"
    mkdir -p "$PODTREE_STATE/registries/$registry"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=registry \
        -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out "$PODTREE_STATE/registries/$registry/ca.crt" 2>/dev/null
    # shellcheck disable=SC2016
    echo 'ann:$2y$05$podtreepodtreepodtreee7h1x96RYdnH6uwMdY76POAPjeKCMVjO' >passwords
    cat >config.yml <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $PWD/registry}}
http: {addr: $registry, secret: x, tls: {certificate: $PODTREE_STATE/registries/$registry/ca.crt, key: $PWD/key.pem}}
auth: {htpasswd: {realm: here, path: $PWD/passwords}}
YAML
    docker-registry serve config.yml >registry.log 2>&1 3>&- &
    registry_pid=$!
    answers() { (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
    poll_until answers
}

@test "an image is pulled from a registry, and stays with the node" {
    registry_up
    umoci init --layout oci
    umoci new --image oci:app
    umoci unpack --image oci:app bundle
    mkdir bundle/rootfs/bin
    cp "$(command -v busybox)" bundle/rootfs/bin/busybox
    umoci repack --image oci:app bundle
    skopeo --insecure-policy copy --quiet --dest-cert-dir "$PODTREE_STATE/registries/$registry" --dest-creds ann:secret \
        oci:oci:app "docker://$registry/team/app:1"
    apply <<YAML
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths":{"$registry":{"username":"ann","password":"secret"}}}'}
YAML
    app() { pod "$1" '[/bin/busybox, sleep, "1000"]' "${2:-}" | sed "s#podtree/demo:1\"#$registry/team/app:1\"${3:-}#"; }
    app web '  imagePullSecrets: [{name: registry}]' | apply
    wait_until "$K8S/pods/web/status" says web Running
    wait_until "$K8S/pods/web/events" contains "$K8S/pods/web/events" "Pulled.*Successfully pulled image \"$registry/team/app:1\" in .* including waiting). Image size: [0-9]* bytes\."
    grep -q "Normal Pulling nodeagent: Pulling image \"$registry/team/app:1\"" "$K8S/pods/web/events"
    [ "$(cat "$K8S/pods/web/observed/containerStatuses/0/imageID")" = "$registry/team/app@$(jq -r '.manifests[0].digest' oci/index.json)" ]
    run "$podtree" image list
    [[ $output == "IMAGE "*" TAG "*" IMAGE ID "*" SIZE "*$'\n'"$registry/team/app "*" 1 "* ]]
    run -1 "$podtree" image rm "$registry/team/app:1"
    [[ $output == *"is in use: container main of pod default/web was made of it" ]]
    # The password is the pod's that has the Secret, and nobody else's.
    app always '' ', imagePullPolicy: Always' | apply
    wait_until "$K8S/pods/always/status" says always "ErrImagePull.*unauthorized"
    apply <<<'{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}, imagePullSecrets: [{name: registry}]}'
    app account '' ', imagePullPolicy: Always' | apply
    wait_until "$K8S/pods/account/status" says account Running
    rm -r "$K8S/serviceaccounts/default"
    # Without the registry those come up that are content with what is here.
    kill "$registry_pid"
    app again | apply
    wait_until "$K8S/pods/again/status" says again Running
    wait_until "$K8S/pods/again/events" contains "$K8S/pods/again/events" "Container image \"$registry/team/app:1\" already present on machine"
    rm -r "$K8S/secrets/registry"
}

@test "a changed image is run in the place of the old one, whatever the policy" {
    "$repository/examples/images/build-demo.sh" --tar "$BATS_TEST_TMPDIR/other.tar"
    "$podtree" image --state "$PODTREE_STATE" import "$BATS_TEST_TMPDIR/other.tar" other:1
    pod web '[sleep, "1000"]' '  restartPolicy: Never' | apply
    wait_until "$K8S/pods/web/status" says web Running
    local before
    before=$(pid_of_container web)
    echo other:1 >"$K8S/pods/web/containers/main/image"
    wait_until "$K8S/pods/web/status" says web "Running ready=1/1 restarts=1"
    [ ! -e "/proc/$before" ]
    run_containers 1
    [ "$(cat "$K8S/pods/web/observed/containerStatuses/0/image")" = other:1 ]
    wait_until "$K8S/pods/web/events" contains "$K8S/pods/web/events" "Killing.*Container main definition changed, will be restarted"
    echo 127.0.0.1:1/nosuch:1 >"$K8S/pods/web/containers/main/image"
    wait_until "$K8S/pods/web/status" says web "ErrImagePull.*connection refused"
    run_containers 0
    echo podtree/demo:1 >"$K8S/pods/web/containers/main/image"
    wait_until "$K8S/pods/web/status" says web "Running ready=1/1 restarts=2"
    refused "Operation not permitted" write_value "$K8S/pods/web/terminationGracePeriodSeconds" 7
    error_says "can't be changed in a pod"
}

@test "a container that ignores the request to stop is killed after its grace" {
    pod web '[sh, -c, "trap : TERM; echo ready; while :; do sleep 0.1; done"]' | apply
    wait_until "$K8S/pods/web/status" says web Running
    rmdir "$K8S/pods/web"
    wait_until "$K8S/pods" is_gone "$K8S/pods/web"
}

@test "a critical pod begins where there is no room when another has ended for it" {
    local all='resources: {requests: {cpu: '$(nproc)'}}, command:'
    pod web '[sleep, "1000"]' | sed "s/command:/$all/; s/Seconds: 1/Seconds: 2/" | apply
    wait_until "$K8S/pods/web/status" says web Running
    # Nobody ends for a pod that only says of itself that it is static.
    pod vain '[sleep, "1000"]' '  nodeName: node-a' |
        sed "s/command:/$all/; s/name: vain/&, annotations: {kubernetes.io\/config.source: file}/" | apply
    wait_until "$K8S/pods/vain/status" says vain OutOfcpu
    rmdir "$K8S/pods/vain"
    pod crit '[sleep, "1000"]' $'  nodeName: node-a\n  priorityClassName: system-node-critical' | sed "s/command:/$all/" | apply
    wait_until "$K8S/pods/crit/status" says crit Running
    [ "$(cat "$K8S/pods/web/observed/phase" "$K8S/pods/web/observed/reason")" = $'Failed\nPreempting' ]
    [ "$(cat "$K8S/pods/web/observed/conditions/DisruptionTarget/reason")" = TerminationByKubelet ]
    grep -q 'Warning Preempting .*: Preempted in order to admit critical pod' "$K8S/pods/web/events"
    run_containers 1
}

@test "down --pods says which pods it waits for, runs their hooks, and ends critical ones last" {
    local hook='lifecycle: {preStop: {exec: {command: [sh, -c, "echo bye >/out/said"]}}}, volumeMounts: [{name: out, mountPath: /out}]'
    local out="  volumes: [{name: out, hostPath: {path: $BATS_TEST_TMPDIR}}]"
    pod web '[sh, -c, "trap \"sleep 2; echo >/out/ended; exit\" TERM; while :; do sleep 0.1; done"]' "$out" |
        sed "s/Seconds: 1/Seconds: 4/; s#command:#$hook, &#" | apply
    pod crit '[sh, -c, "trap \"ls /out >/out/seen; exit\" TERM; while :; do sleep 0.1; done"]' "$out" |
        sed 's#command:#volumeMounts: [{name: out, mountPath: /out}], &#; s/^  volumes/  priorityClassName: system-cluster-critical\n&/' | apply
    wait_until "$K8S/pods/web/status" says web Running
    wait_until "$K8S/pods/crit/status" says crit Running
    run -0 "$podtree" down --pods
    [[ $output == *"waiting for pods "*default/web* ]]
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = bye ]
    grep -qx ended "$BATS_TEST_TMPDIR/seen"
    run_containers 0
    "$podtree" up --node node-a
}

@test "down --pods ends everything here, and up runs it again" {
    quick_deployment web 2 | apply
    wait_for_deployment web 2
    "$podtree" down --pods
    nothing_is_left
    "$podtree" up --node node-a
    poll_until run_containers 2
    wait_for_deployment web 2
}

# crun refuses machines where version 2 of cgroups has controllers beside version 1: there it doesn't get to see
# that one.
crun_for_here() {
    if [ -z "$(cat /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null)" ]; then
        command -v crun
        return
    fi
    cat >"$BATS_TEST_TMPDIR/crun" <<'SH'
#!/bin/sh
exec unshare --mount --propagation slave sh -c 'umount /sys/fs/cgroup/unified; exec crun "$@"' crun "$@"
SH
    chmod +x "$BATS_TEST_TMPDIR/crun"
    echo "$BATS_TEST_TMPDIR/crun"
}

# A pod with a volume below which something else is mounted.
recursive_pod() { # NAME recursiveReadOnly
    cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: v, hostPath: {path: $BATS_FILE_TMPDIR/v}}]
  containers:
  - name: main
    image: podtree/demo:1
    command: [sh, -c, "echo begun; while :; do sleep 1000 & wait; done"]
    workingDir: /tmp
    readinessProbe: {exec: {command: [test, -d, /v/below]}, periodSeconds: 1}
    volumeMounts: [{name: v, mountPath: /v, readOnly: true, recursiveReadOnly: $2}]
YAML
}

@test "another OCI runtime makes new containers, and each is looked after by its own" {
    local crun
    crun=$(crun_for_here)
    mkdir -p "$BATS_FILE_TMPDIR/v/below"
    mount -t tmpfs none "$BATS_FILE_TMPDIR/v/below"
    recursive_pod runc Enabled | apply
    wait_until "$K8S/pods/runc/status" says runc "Running ready=1/1"
    "$podtree" down
    "$podtree" up --node node-a --runtime "$crun"
    recursive_pod crun IfPossible | apply
    recursive_pod other Enabled | apply
    wait_until "$K8S/pods/crun/status" says crun "Running ready=1/1"
    wait_until "$K8S/pods/other/status" says other "not supported by the runtime"
    [[ $(cat "$K8S/nodes/node-a/observed/nodeInfo/containerRuntimeVersion") == crun://* ]]
    [ "$(crun --root "$PODTREE_RUN/crun" list | grep -c running)" = 1 ]
    [ "$(cat "$K8S/pods/crun/containers/main/log")" = begun ]

    # what an agent finds that comes later
    local agent pod
    agent=$(pid_of nodeagent)
    kill -9 "$agent"
    another_agent() { [ "$(pid_of nodeagent)" != "$agent" ] && "$podtree" exec crun -- true 2>/dev/null; }
    poll_until another_agent
    for pod in runc crun; do
        run -7 "$podtree" exec "$pod" -- sh -c 'pwd; exit 7'
        [ "$output" = /tmp ]
        run -127 "$podtree" exec "$pod" nosuch
        [[ $output == *nosuch*"not found in \$PATH"* ]]
        run -0 script -qec "$podtree exec -it $pod -- sh -c 'tty; echo \$TERM'" /dev/null
        [[ $output == *"/dev/pts/0"*xterm* ]]
    done
    run ! "$podtree" exec runc -- touch /v/below/file
    run ! "$podtree" exec crun -- touch /v/file
    "$podtree" exec crun -- touch /v/below/file
    crun_is_known() { "$podtree" top pods | grep -q '^crun .*m'; }
    poll_until crun_is_known
    kill -9 "$(pid_of_container crun)"
    wait_until "$K8S/pods/crun/status" says crun "Running ready=1/1 restarts=1"
    rmdir "$K8S/pods/runc" "$K8S/pods/other"
    wait_until "$K8S/pods" pods_are 1

    "$podtree" down
    "$podtree" up --node node-a
    says crun "Running ready=1/1"
    rmdir "$K8S/pods/crun"
    wait_until "$K8S/pods" pods_are 0
    [ -z "$(ls "$PODTREE_RUN/runc" "$PODTREE_RUN/crun" | grep -v :)" ]
    umount "$BATS_FILE_TMPDIR/v/below"
}

@test "a manifest of the machine is a pod that nothing but its file ends" {
    local manifests="$PODTREE_STATE/manifests" mirror=web-node-a pid hash
    "$podtree" down
    pod web '[sh, -c, "echo begun; while :; do sleep 1000 & wait; done"]' >"$BATS_TEST_TMPDIR/web.yaml"
    cp "$BATS_TEST_TMPDIR/web.yaml" "$manifests/web.yaml"
    sed 's/containers:/contaners:/' "$manifests/web.yaml" >"$manifests/broken.yml"
    pod needy '[sleep, "1000"]' '  imagePullSecrets: [{name: x}]' >"$manifests/needy.yaml"
    echo nonsense >"$manifests/web.yaml~"

    # it runs where there is no tree, and goes on when one comes
    local built=${podtree%/bin/podtree}
    "$built/libexec/podtree/podtree-nodeagent" --mount "$PODTREE_MOUNT" --state "$PODTREE_STATE" --run "$PODTREE_RUN" \
        --node node-a --kinds "$built/share/podtree/kinds" 3>&- &
    local agent=$!
    poll_until run_containers 1
    pid=$(cat "$PODTREE_RUN"/pods/*/main.*/pid)
    kill "$agent"
    wait "$agent"
    "$podtree" up --node node-a
    wait_until "$K8S/pods" test -e "$K8S/pods/$mirror"
    wait_until "$K8S/pods/$mirror/status" says $mirror "Running ready=1/1"
    [ "$(cat "$K8S/pods/$mirror/containers/main/log")" = begun ]
    [ "$("$podtree" exec $mirror -- hostname)" = $mirror ]
    hash=$(cat "$K8S/pods/$mirror/metadata/annotations/kubernetes.io%2Fconfig.mirror")
    [ "$(cat "$K8S/pods/$mirror/metadata/ownerReferences/"*/kind)" = Node ]
    grep -q 'broken.yml: unknown field "spec.contaners"' "$K8S/nodes/node-a/events"
    grep -q 'needy.yaml: a static pod may not reference secrets' "$K8S/nodes/node-a/events"
    [ "$(count_pods)" = 1 ]

    # its mirror comes again, and so does the agent
    [ "$(cat "$PODTREE_RUN/pods/$hash"/main.*/pid)" = "$pid" ]
    local uid
    uid=$(cat "$K8S/pods/$mirror/metadata/uid")
    rmdir "$K8S/pods/$mirror"
    is_another() { [ "$(cat "$K8S/pods/$mirror/metadata/uid" 2>/dev/null)" != "$uid" ] && says $mirror "Running ready=1/1" 2>/dev/null; }
    poll_until is_another
    kill_component nodeagent
    poll_until "$podtree" exec $mirror -- true
    kill -0 "$pid"

    # a changed manifest is another pod, which comes when the first has gone
    sed 's/echo begun/echo changed/' "$BATS_TEST_TMPDIR/web.yaml" >"$manifests/.new"
    mv "$manifests/.new" "$manifests/web.yaml"
    is_changed() { [ "$(cat "$K8S/pods/$mirror/containers/main/log" 2>/dev/null)" = changed ] && says $mirror "Running ready=1/1"; }
    poll_until is_changed
    grep -q Started "$K8S/pods/$mirror/events"
    run ! kill -0 "$pid"
    run_containers 1
    rm "$manifests"/*
    wait_until "$K8S/pods" pods_are 0
}

# in_web [OPTION…] COMMAND: a command that must not take long
in_web() {
    timeout -k 1 "$patience" "$podtree" exec "$@"
}

processes_in_web() {
    "$podtree" exec web -- sh -c 'ls -d /proc/[0-9]*' | wc -l
}

@test "exec runs commands in a container, with input, terminal, signals and exit code" {
    pod web '[sh, -c, "while :; do sleep 1000 & wait; done"]' | apply
    wait_until "$K8S/pods/web/status" says web Running
    run -7 --separate-stderr in_web web -- sh -c 'echo out; echo errors >&2; hostname; exit 7'
    # shellcheck disable=SC2154 # run sets it
    [ "$output/$stderr" = $'out\nweb/errors' ]
    [ "$(head -c 3000000 /dev/zero | in_web -i web -- sh -c 'cat | wc -c')" = 3000000 ]
    [ "$(in_web web -- sh -c 'head -c 3000000 /dev/zero' | wc -c)" = 3000000 ]
    [ "$(seq 1000000 | in_web -i web -- cat | head -n 1)" = 1 ]
    [ "$(in_web web -- cat)" = "" ]
    [ "$(in_web -i web cat <&-)" = "" ]
    [ "$(in_web web ls -d /tmp)" = /tmp ] # its options are its own
    run -126 in_web web /etc
    run -127 in_web web nosuch
    [[ $output == *'exec: "nosuch": executable file not found in $PATH'* ]]
    run -1 in_web nosuch true
    [[ $output == *"there is no pod default/nosuch"* ]]
    run -1 in_web -c other web true
    [[ $output == *"the pod has no container other: it has main"* ]]

    # a terminal of the same size, now and whenever ours changes, which passes everything through
    run -5 timeout "$patience" script -qec "stty rows 21 cols 43
        (until $podtree exec web ls /tmp/sized 2>&1; do sleep 0.05; done; stty -F /dev/tty rows 33 cols 77) >/dev/null &
        $podtree exec -it web -- sh -c 'until [ \"\$(stty size)\" = \"21 43\" ]; do sleep 0.05; done
            test -t 1 && tty; echo \$TERM; trap \"stty size; exit 5\" WINCH; touch /tmp/sized; while :; do sleep 0.05; done'" /dev/null
    [[ $output == *"/dev/pts/0"*xterm*"33 77"* ]]

    # signals come through, the agent may die, and who is killed takes the command along
    mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    "$podtree" exec -i web -- sh -c 'trap "exit 9" TERM; read line; echo "$line"; while :; do sleep 0.05; done' \
        <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
    local session=$! line agent result=0
    exec 8>"$BATS_TEST_TMPDIR/in" 9<"$BATS_TEST_TMPDIR/out"
    poll_until has_processes 4
    agent=$(pid_of nodeagent)
    kill -9 "$agent"
    another_agent() { [ "$(pid_of nodeagent)" != "$agent" ] && in_web web true 2>/dev/null; }
    poll_until another_agent
    echo through >&8
    read -r line <&9
    [ "$line" = through ]
    kill -TERM "$session"
    wait "$session" || result=$?
    [ "$result" = 9 ]
    exec 8>&- 9<&-
    "$podtree" exec web -- sh -c 'trap "" TERM HUP; sleep 1000; true' 3>&- &
    session=$!
    poll_until has_processes 5
    kill -9 "$session"
    poll_until has_processes 3
}

# Of which one is the shell and one the ls that look.
has_processes() {
    [ "$(processes_in_web)" = "$1" ]
}

@test "cp copies into containers and out of them, with their eyes and rights" {
    pod web '[sleep, "1000"]' | apply
    pod user '[sleep, "1000"]' '  securityContext: {runAsUser: 1000}' | apply
    wait_until "$K8S/pods/web/status" says web Running
    wait_until "$K8S/pods/user/status" says user Running
    cd "$BATS_TEST_TMPDIR"
    mkdir -p tree/deep/er
    seq 100000 >tree/deep/numbers
    printf '#!/bin/sh\necho ran\n' >tree/run
    chmod 755 tree/run
    ln -s deep/numbers tree/link
    "$podtree" cp tree web:/tmp
    [ "$(in_web web /tmp/tree/run)" = ran ]
    [ "$(in_web web -- tail -n 1 /tmp/tree/link)" = 100000 ]
    "$podtree" cp web:/tmp/tree back
    diff -r --no-dereference tree back
    "$podtree" cp web:/tmp/tree/run default/user:/tmp 2>/dev/null && return 1
    "$podtree" cp tree/run default/user:/tmp/ran
    [ "$(in_web user -- stat -c '%u %a' /tmp/ran)" = "1000 755" ]
    refused "cannot write x: Permission denied" "$podtree" cp tree/run user:/etc/x
    refused "cannot read /nosuch: No such file or directory" "$podtree" cp web:/nosuch .
    # what is a symlink in there leads nowhere out here
    in_web web -- sh -c 'echo inside >/etc/where; ln -s /etc /tmp/etc'
    "$podtree" cp web:/tmp/etc/where .
    reads where inside
    "$podtree" cp where web:/tmp/etc/
    [ ! -e /etc/where ]
}
