# Deployments over hollow nodes: what is asked for comes about, whatever is killed.
load helpers

setup_file() { cluster_up --hollow 3; }
teardown_file() { cluster_down; }
teardown() {
    show_logs_of_failure
    rm -r "$K8S/deployments/web" 2>/dev/null || true
    wait_until "$K8S/pods" pods_are 0
}

@test "the hollow nodes are there and ready" {
    all_ready() { [ "$(grep -cw Ready "$K8S/nodes/.table")" = 3 ]; }
    wait_until "$K8S/nodes" all_ready
}

@test "a Deployment comes up" {
    deployment web 3 | apply
    wait_for_deployment web 3
    [ "$(grep -cw Running "$K8S/pods/.table")" = 3 ]
}

@test "echo N > replicas scales up and down" {
    deployment web 1 | apply
    wait_for_deployment web 1
    echo 6 >"$K8S/deployments/web/replicas"
    wait_for_deployment web 6
    echo 2 >"$K8S/deployments/web/replicas"
    wait_for_deployment web 2
}

@test "pods are spread over the nodes" {
    deployment web 6 | apply
    wait_for_deployment web 6
    for node in "$K8S"/nodes/*; do
        [ "$(ls "$node/pods" | wc -l)" = 2 ]
    done
}

@test "a deleted pod is replaced" {
    deployment web 3 | apply
    wait_for_deployment web 3
    local one
    one=$(ls "$K8S/pods" | head -n 1)
    rmdir "$K8S/pods/$one"
    wait_until "$K8S/pods" is_gone "$K8S/pods/$one"
    wait_for_deployment web 3
}

@test "a new template replaces the pods" {
    deployment web 3 | apply
    wait_for_deployment web 3
    ls "$K8S/pods" >"$BATS_TEST_TMPDIR/before"
    echo podtree/demo:2 >"$K8S/deployments/web/template/spec/containers/main/image"
    replaced() { deployment_ready web 3 && ! ls "$K8S/pods" | grep -qxFf "$BATS_TEST_TMPDIR/before"; }
    wait_until "$K8S/deployments/web" replaced
}

says() { # FILE TEXT: does its last line say so?
    tail -n 1 "$1" | grep -q -- "$2"
}

@test "a Deployment says why its pods don't come up, as long as they don't" {
    deployment web 2 | sed 's,image: .*,&\n        resources: {requests: {cpu: "1000"}},' | apply
    wait_until "$K8S/deployments/web/status" says "$K8S/deployments/web/status" \
        '0/2 ready.*reason="2 of 2 pods: Unschedulable: 0/3 nodes are available'
    grep -q '2 of 2 pods: Unschedulable' "$K8S/deployments/.table"
    grep -q '2 of 2 pods: Unschedulable' "$K8S/replicasets/.table"
    rm -r "$K8S/deployments/web/template/spec/containers/main/resources"
    wait_for_deployment web 2
    wait_until "$K8S/deployments/web/status" says "$K8S/deployments/web/status" '2/2 ready updated=2 available=2$'
}

@test "rm -r of a Deployment takes its replica sets and pods along" {
    deployment web 3 | apply
    wait_for_deployment web 3
    rm -r "$K8S/deployments/web"
    wait_until "$K8S/pods" pods_are 0
    no_replica_sets() { [ -z "$(ls "$K8S/replicasets")" ]; }
    wait_until "$K8S/replicasets" no_replica_sets
}

@test "scaling goes on while components are killed" {
    deployment web 1 | apply
    wait_for_deployment web 1
    echo 20 >"$K8S/deployments/web/replicas"
    local name
    for name in fsd workloads scheduler notifier gc hollow fsd; do
        kill_component "$name"
        [ "$(cat "$K8S/deployments/web/replicas")" = 20 ]
    done
    wait_for_deployment web 20
}

@test "what was acknowledged is there after down and up" {
    deployment web 2 | apply
    wait_for_deployment web 2
    local uid
    uid=$(cat "$K8S/deployments/web/metadata/uid")
    "$podtree" down
    "$podtree" up --no-node --hollow 3
    [ "$(cat "$K8S/deployments/web/metadata/uid")" = "$uid" ]
    wait_for_deployment web 2
}
