# What is refused: by the system call that tried it, with the right errno, and with a sentence in errors.
load helpers

setup_file() {
    cluster_up
    deployment web 0 | apply
    configmap conf | apply
}
teardown_file() { cluster_down; }
teardown() { show_logs_of_failure; }

@test "a value of the wrong type" {
    refused "Invalid argument" write_value "$K8S/deployments/web/replicas" many
    error_says spec.replicas
    error_says many
    [ "$(cat "$K8S/deployments/web/replicas")" = 0 ]
}

@test "a value out of range" {
    refused "Invalid argument" write_value "$K8S/deployments/web/replicas" -1
    error_says "at least 0"
}

@test "appending to a scalar" {
    refused "Invalid argument" bash -c 'echo 1 >> "$1"' append "$K8S/deployments/web/replicas"
}

@test "an unknown field is named with the nearest known one" {
    deployment web 0 | sed 's/replicas:/replcas:/' >"$BATS_TEST_TMPDIR/bad.yaml"
    refused "Invalid argument" cp "$BATS_TEST_TMPDIR/bad.yaml" "$K8S/apply"
    error_says replcas
    error_says replicas
}

@test "YAML that doesn't parse, with line and column" {
    printf 'apiVersion: v1\nkind: [ConfigMap\n' >"$BATS_TEST_TMPDIR/bad.yaml"
    refused "Invalid argument" cp "$BATS_TEST_TMPDIR/bad.yaml" "$K8S/apply"
    error_says line
}

@test "an unknown kind" {
    printf 'apiVersion: apps/v1\nkind: Deploymnt\nmetadata:\n  name: x\n' >"$BATS_TEST_TMPDIR/bad.yaml"
    refused "Invalid argument" cp "$BATS_TEST_TMPDIR/bad.yaml" "$K8S/apply"
    error_says Deployment
}

@test "a missing required field" {
    deployment other 0 | sed '/selector:/,/app: other/d' >"$BATS_TEST_TMPDIR/bad.yaml"
    refused "Invalid argument" cp "$BATS_TEST_TMPDIR/bad.yaml" "$K8S/apply"
    error_says spec.selector
    [ ! -e "$K8S/deployments/other" ]
}

@test "a manifest over 1 MiB" {
    { configmap big; printf '  large: "'; head -c 1100000 /dev/zero | tr '\0' x; echo '"'; } >"$BATS_TEST_TMPDIR/big.yaml"
    refused "File too large" cp "$BATS_TEST_TMPDIR/big.yaml" "$K8S/apply"
    [ ! -e "$K8S/configmaps/big" ]
}

@test "an immutable field" {
    deployment web 0 | sed 's/app: web/app: other/' >"$BATS_TEST_TMPDIR/bad.yaml"
    refused "Operation not permitted" cp "$BATS_TEST_TMPDIR/bad.yaml" "$K8S/deployments/web/manifest.yaml"
    error_says spec.selector
}

@test "what the server manages" {
    refused "Operation not permitted" write_value "$K8S/deployments/web/metadata/uid" x
    refused "Operation not permitted" write_value "$K8S/deployments/web/observed/replicas" 5
}

@test "removing a required field" {
    refused "Operation not permitted" rm "$K8S/deployments/web/template/spec/containers/main/name"
}

@test "a bad name" {
    refused "Invalid argument" mkdir "$K8S/configmaps/Bad_Name"
    error_says Bad_Name
}

@test "bytes that are no text into a text field" {
    head -c 64 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
    printf '\xff\xfe' >>"$BATS_TEST_TMPDIR/bytes"
    refused "Invalid argument" cp "$BATS_TEST_TMPDIR/bytes" "$K8S/configmaps/conf/data/greeting"
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = hello ]
}

@test "an object that is there already" {
    refused "File exists" mkdir "$K8S/configmaps/conf"
}

@test "kinds' directories and the root can't be removed, objects not renamed" {
    refused "not permitted" rmdir "$K8S/namespaces/default/configmaps"
    refused "not permitted" mv "$K8S/configmaps/conf" "$K8S/configmaps/other"
    refused "not permitted" ln "$K8S/configmaps/conf/manifest.yaml" "$K8S/configmaps/conf/link"
    refused "not permitted" mkfifo "$K8S/configmaps/conf/pipe"
}

@test "a document that is no longer current" {
    cp "$K8S/configmaps/conf/manifest.yaml" "$BATS_TEST_TMPDIR/old.yaml"
    echo changed >"$K8S/configmaps/conf/data/other"
    refused "Resource temporarily unavailable" cp "$BATS_TEST_TMPDIR/old.yaml" "$K8S/configmaps/conf/manifest.yaml"
}

@test "nobody may do anything, not even read" {
    command -v setpriv >/dev/null || skip "no setpriv"
    local as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    refused "Permission denied" "${as_nobody[@]}" cat "$K8S/deployments/web/replicas"
    refused "Permission denied" "${as_nobody[@]}" ls "$K8S/deployments"
    refused "Permission denied" "${as_nobody[@]}" bash -c 'echo 1 > "$1"' write "$K8S/deployments/web/replicas"
    refused "Permission denied" "${as_nobody[@]}" mkdir "$K8S/configmaps/mine"
    refused "Permission denied" "${as_nobody[@]}" rmdir "$K8S/configmaps/conf"
}

@test "an error is one line with time and path" {
    refused "Invalid argument" write_value "$K8S/deployments/web/replicas" x
    last_error | grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*deployments/web/replicas'
}
