# The tree as people use it: create, read, write, watch, delete.
load helpers

setup_file() { cluster_up; }
teardown_file() { cluster_down; }
teardown() {
    show_logs_of_failure
    for name in web web2 conf draft; do
        rmdir "$K8S/deployments/$name" "$K8S/configmaps/$name" 2>/dev/null || true
    done
}

@test "the root lists what the README explains" {
    for name in README apply errors events namespaces nodes deployments pods configmaps; do
        [ -e "$K8S/$name" ]
    done
    grep -q apply "$K8S/README"
}

@test "a manifest copied to apply becomes an object" {
    deployment web 2 >"$BATS_TEST_TMPDIR/web.yaml"
    cp "$BATS_TEST_TMPDIR/web.yaml" "$K8S/apply"
    [ "$(cat "$K8S/deployments/web/replicas")" = 2 ]
    [ "$(cat "$K8S/deployments/web/selector/matchLabels/app")" = web ]
    [ "$(cat "$K8S/deployments/web/template/spec/containers/main/image")" = podtree/demo:1 ]
    grep -q 'kind: Deployment' "$K8S/deployments/web/manifest.yaml"
}

@test "what is applied again is merged with what others have changed" {
    local web=$K8S/deployments/web
    deployment web 2 | apply
    mkdir -p "$web/template/spec/containers/main/env/EXTRA"
    touch "$web/metadata/labels/tier"
    [ "$(cat "$web/strategy/rollingUpdate/maxSurge")" = 25% ]
    deployment web 2 | sed 's/replicas: 2/strategy: {type: Recreate}/; s/demo:1/demo:2/' | apply
    [ -d "$web/template/spec/containers/main/env/EXTRA" ]
    [ -e "$web/metadata/labels/tier" ]
    [ ! -e "$web/strategy/rollingUpdate" ]
    [ "$(cat "$web/replicas")" = 1 ]
    [ "$(cat "$web/template/spec/containers/main/image")" = podtree/demo:2 ]
}

@test "a kind says what it is, and has a manifest to begin with" {
    [ "$(readlink "$K8S/api/deploy")" = apps/v1/deployments ]
    grep -q '^spec.template.spec.containers.image <string> required; not empty - ' "$K8S/api/deploy/explain"
    jq -e '.properties.spec.required | index("selector")' "$K8S/api/deploy/schema.json"
    cp "$K8S/api/cm/template.yaml" "$BATS_TEST_TMPDIR/conf.yaml"
    run ! cp "$BATS_TEST_TMPDIR/conf.yaml" "$K8S/apply"
    sed -i s/NAME/conf/ "$BATS_TEST_TMPDIR/conf.yaml"
    cp "$BATS_TEST_TMPDIR/conf.yaml" "$K8S/apply"
    [ "$(cat "$K8S/configmaps/conf/data/key")" = value ]

    deployment web 0 | apply
    run -0 "$podtree" explain deploy.spec.strategy
    [[ ${lines[0]} == "Deployment, apps/v1: spec.strategy <object>"* ]]
    [[ $output == *"  type           <string> one of Recreate, RollingUpdate"* ]]
    local word
    for word in "$K8S/deployments/web/template/spec/containers/main/image" deployments/web/template/spec/containers/main/image; do
        run -0 "$podtree" explain "$word"
        [[ ${lines[0]} == "Deployment, apps/v1: spec.template.spec.containers.image <string> required"* ]]
    done
    run -0 sh -c 'cd "$1" && "$2" explain paused' - "$K8S/deployments/web" "$podtree"
    [[ $output == "Deployment, apps/v1: spec.paused <boolean>"* ]]
    run -0 "$podtree" explain -r po.spec.volumes
    [[ $output == *$'\nspec.volumes.configMap.name <string>'* ]]
    run -1 "$podtree" explain pods.spec.container
    [ "$output" = "podtree explain: spec has no field container: did you mean containers?" ]
}

@test "several documents in one apply are all carried out" {
    { deployment web; echo ---; configmap conf; } | apply
    [ -d "$K8S/deployments/web" ]
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = hello ]
}

@test "manifest.yaml is listed first" {
    deployment web | apply
    [ "$(ls -U "$K8S/deployments/web" | head -n 1)" = manifest.yaml ]
}

@test "a field is read and written as a file, one write one change" {
    deployment web 0 | apply
    local before after
    before=$(cat "$K8S/deployments/web/metadata/generation")
    echo 3 >"$K8S/deployments/web/replicas"
    after=$(cat "$K8S/deployments/web/metadata/generation")
    [ "$(cat "$K8S/deployments/web/replicas")" = 3 ]
    [ "$after" = $((before + 1)) ]
}

@test "a reader never sees the empty value between opening and writing" {
    deployment web 0 | apply
    local file=$K8S/deployments/web/revisionHistoryLimit writer value reads=0
    for i in $(seq 2 400); do echo "$i" >"$file"; done &
    writer=$!
    while kill -0 "$writer" 2>/dev/null; do
        read -r value <"$file"
        [ -n "$value" ]
        reads=$((reads + 1))
    done
    wait "$writer"
    [ "$reads" -gt 10 ]
    [ "$(cat "$file")" = 400 ]
}

# Read past the kernel's cache, because it has just been written, and through it, when that is long ago.
@test "who has opened a file sees one version of it" {
    local file=$K8S/configmaps/conf/data/text reader how line
    is_old() { [ $(($(date +%s) - $(stat -c %Y "$file"))) -ge 3 ]; }
    for how in just long_ago; do
        configmap conf | apply
        seq 300 >"$file"
        [ $how = just ] || poll_until is_old
        exec {reader}<"$file"
        read -r line <&"$reader"
        seq 200 | sed 's/^/new /' >"$file"
        [ "$(stat -c %s "$file")" = "$(seq 200 | sed 's/^/new /' | wc -c)" ]
        read -r line <&"$reader"
        [ "$line" = 2 ]
        rm -r "$K8S/configmaps/conf"
        [ "$(cat <&"$reader" | wc -l)" = 298 ]
        exec {reader}<&-
    done
}

# fstat [FD…]: their sizes as fstat(2) says them.
fstat() {
    python3 -c 'import os, sys; print(*(os.fstat(int(fd)).st_size for fd in sys.argv[1:]))' "$@"
}

# large_conf NAME LETTER: its manifest, its value and its bytes are each more than one READ takes.
large_conf() {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n  value: "%s"\nbinaryData:\n  bytes: %s\n' "$1" \
        "$(head -c 300000 /dev/zero | tr '\0' "$2")" "$(head -c 200000 /dev/zero | tr '\0' "$2" | base64 -w 0)"
}

@test "who has opened a file of a large object, and read nothing yet, sees what was there then" {
    local directory=$K8S/configmaps/large file readers=() reader i
    local files=(manifest.yaml data/value binaryData/bytes)
    mkdir "$directory"
    large_conf large a >"$directory/manifest.yaml"
    for i in 0 1 2; do
        file=${files[i]}
        cp "$directory/$file" "$BATS_TEST_TMPDIR/before.$i"
        exec {reader}<"$directory/$file"
        readers+=("$reader")
    done
    large_conf large b | sed 's/bytes: .*/bytes: YmI=/' >"$BATS_TEST_TMPDIR/other"
    cat "$BATS_TEST_TMPDIR/other" >"$directory/manifest.yaml"
    [ "$(cat "$directory/binaryData/bytes")" = bb ]
    [ "$(stat -c %s "$directory/binaryData/bytes")" = 2 ]
    grep -q bbb "$directory/manifest.yaml"
    cat <&"${readers[1]}" >"$BATS_TEST_TMPDIR/read.1" # while it is there
    rm -r "$directory"
    [ "$(fstat "${readers[2]}")" = 200000 ] # when it is gone
    for i in 0 2; do
        cat <&"${readers[i]}" >"$BATS_TEST_TMPDIR/read.$i"
    done
    for i in 0 1 2; do
        [ "$(fstat "${readers[i]}")" = "$(stat -c %s "$BATS_TEST_TMPDIR/before.$i")" ]
        cmp "$BATS_TEST_TMPDIR/before.$i" "$BATS_TEST_TMPDIR/read.$i"
        reader=${readers[i]}
        exec {reader}<&-
    done
    [ ! -e "$directory" ]
}

@test "cat gives one of two versions, never something of both" {
    configmap conf | apply
    local file=$K8S/configmaps/conf/data/text i
    printf 'a%.0s' {1..200} >"$BATS_TEST_TMPDIR/a"
    printf 'b%.0s' {1..900} >"$BATS_TEST_TMPDIR/b"
    cp "$BATS_TEST_TMPDIR/a" "$file"
    (while [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
        cp "$BATS_TEST_TMPDIR/b" "$file"
        cp "$BATS_TEST_TMPDIR/a" "$file"
    done) 3>&- &
    local writer=$!
    for i in $(seq 120); do
        cat "$file" >"$BATS_TEST_TMPDIR/seen"
        cmp -s "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_TMPDIR/a" || cmp "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_TMPDIR/b" || break
    done
    touch "$BATS_TEST_TMPDIR/enough"
    wait $writer
    [ "$i" = 120 ]
}

@test "what every cluster has can't be deleted" {
    for name in default kube-system kube-public kube-node-lease; do
        run rmdir "$K8S/namespaces/$name"
        [ "$status" -ne 0 ]
        [[ $output == *"not permitted"* ]]
        [ -d "$K8S/namespaces/$name/pods" ]
    done
    tail -n 1 "$K8S/errors" | grep -q "belongs to every cluster"
}

@test "force ends a pod at once" {
    printf '%s\n' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: forced}' \
        'spec: {nodeName: nowhere, containers: [{name: a, image: "a:1"}]}' >"$K8S/apply"
    rmdir "$K8S/pods/forced"
    [ -n "$(cat "$K8S/pods/forced/metadata/deletionTimestamp")" ]
    [ "$(grep -c force "$K8S/pods/forced/ctl")" = 1 ]
    echo force >"$K8S/pods/forced/ctl"
    [ ! -e "$K8S/pods/forced" ]
    [ "$(jq '.items | length' "$K8S/pods/.json")" = 0 ]
}

@test "a directory of objects changes when a name comes or goes, and not else" {
    configmap conf | apply
    local before
    before=$(stat -c '%y %z' "$K8S/namespaces/default/configmaps")
    echo other >"$K8S/configmaps/conf/data/greeting"
    [ "$(stat -c '%y %z' "$K8S/namespaces/default/configmaps")" = "$before" ]
    rmdir "$K8S/configmaps/conf"
    [ "$(stat -c '%y %z' "$K8S/namespaces/default/configmaps")" != "$before" ]
}

@test "every directory has its whole subtree as one document" {
    { deployment web 0; echo ---; configmap conf; } | apply
    poll_until compgen -G "$K8S/deployments/web/owned/*" >/dev/null
    [ "$(jq -r .kind "$K8S/.json")" = List ]
    [ "$(jq -r '.items[] | select(.kind == "ConfigMap") | .metadata.name' "$K8S/all/.json")" = conf ]
    [ "$(jq -r '.kind, .items[].metadata.name' "$K8S/all/configmaps/default/.json" | xargs)" = "ConfigMapList conf" ]
    [ "$(jq -r '.items[].kind' "$K8S/deployments/web/owned/.json")" = ReplicaSet ]
    grep -q '^kind: ReplicaSet' "$K8S/deployments/web/owned/.yaml"
    [ "$(jq '.items | length' "$K8S/configmaps/.json")" = "$(grep -c '^kind:' "$K8S/configmaps/.yaml")" ]
}

@test "writing the value that is there changes nothing" {
    configmap conf | apply
    local before
    before=$(cat "$K8S/configmaps/conf/metadata/resourceVersion")
    echo -n hello >"$K8S/configmaps/conf/data/greeting"
    [ "$(cat "$K8S/configmaps/conf/metadata/resourceVersion")" = "$before" ]
}

@test "an unset optional field is no file" {
    deployment web | apply
    [ ! -e "$K8S/deployments/web/paused" ]
    echo true >"$K8S/deployments/web/paused"
    [ "$(cat "$K8S/deployments/web/paused")" = true ]
    rm "$K8S/deployments/web/paused"
    [ ! -e "$K8S/deployments/web/paused" ]
}

@test "stat tells the size that a read gives" {
    # A deployment's manifest changes in between: its controller reports on it.
    deployment web | apply
    configmap conf | apply
    local file
    for file in configmaps/conf/manifest.yaml configmaps/conf/metadata/uid deployments/web/replicas api/po/{explain,schema.json,template.yaml,verbs}; do
        [ "$(stat -c %s "$K8S/$file")" = "$(wc -c <"$K8S/$file")" ]
    done
}

@test "content keeps its bytes, without a newline added or dropped" {
    configmap conf | apply
    printf 'no newline' >"$K8S/configmaps/conf/data/a"
    printf 'two\n\n' >"$K8S/configmaps/conf/data/b"
    [ "$(od -An -c "$K8S/configmaps/conf/data/a" | tr -d ' \n')" = nonewline ]
    [ "$(wc -c <"$K8S/configmaps/conf/data/b")" = 5 ]
}

@test "labels are files, and a slash in a key is %2F" {
    configmap conf | apply
    echo front >"$K8S/configmaps/conf/metadata/labels/tier"
    echo web >"$K8S/configmaps/conf/metadata/labels/app.kubernetes.io%2Fname"
    grep -q 'app.kubernetes.io/name: web' "$K8S/configmaps/conf/manifest.yaml"
    rm "$K8S/configmaps/conf/metadata/labels/tier"
    [ ! -e "$K8S/configmaps/conf/metadata/labels/tier" ]
    ! grep -q tier "$K8S/configmaps/conf/manifest.yaml"
}

@test "lists of scalars are lines, and >> appends to them" {
    deployment web | apply
    echo serve >"$K8S/deployments/web/template/spec/containers/main/args"
    echo --verbose >>"$K8S/deployments/web/template/spec/containers/main/args"
    [ "$(cat "$K8S/deployments/web/template/spec/containers/main/args")" = $'serve\n--verbose' ]
}

@test "editors write fields: sed -i, a rename" {
    deployment web 0 | apply
    sed -i 's/0/4/' "$K8S/deployments/web/replicas"
    [ "$(cat "$K8S/deployments/web/replicas")" = 4 ]
    echo 6 >"$K8S/deployments/web/replicas~"
    mv "$K8S/deployments/web/replicas~" "$K8S/deployments/web/replicas"
    [ "$(cat "$K8S/deployments/web/replicas")" = 6 ]
}

# Of an object that nobody else changes meanwhile: its manifest carries its version.
@test "editors write manifests: sed -i, vim" {
    configmap conf | apply
    sed -i 's/greeting: hello/greeting: first/' "$K8S/configmaps/conf/manifest.yaml"
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = first ]
    command -v vim.tiny >/dev/null || skip "no vim"
    vim.tiny -es -N -u NONE -c '%s/greeting: first/greeting: second/' -c wq "$K8S/configmaps/conf/manifest.yaml" </dev/null
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = second ]
}

@test "mkdir makes a draft that is not acted upon until it is live" {
    mkdir "$K8S/deployments/draft"
    grep -q 'missing: spec' "$K8S/deployments/draft/status"
    ! grep -q '"draft"' "$K8S/deployments/.json"
    refused "Invalid argument" write_value "$K8S/deployments/draft/ctl" live
    deployment draft 0 >"$K8S/deployments/draft/manifest.yaml"
    grep -q '"draft"' "$K8S/deployments/.json"
}

@test "an object is copied with its manifest" {
    deployment web 0 | apply
    mkdir "$K8S/deployments/web2"
    cp "$K8S/deployments/web/manifest.yaml" "$K8S/deployments/web2/"
    [ "$(cat "$K8S/deployments/web2/replicas")" = 0 ]
    grep -q 'name: web2' "$K8S/deployments/web2/manifest.yaml"
    [ "$(cat "$K8S/deployments/web/metadata/uid")" != "$(cat "$K8S/deployments/web2/metadata/uid")" ]
}

@test "rmdir deletes an object" {
    configmap conf | apply
    rmdir "$K8S/configmaps/conf"
    [ ! -e "$K8S/configmaps/conf" ]
}

@test "rm -r deletes an object" {
    configmap conf | apply
    rm -r "$K8S/configmaps/conf"
    [ ! -e "$K8S/configmaps/conf" ]
}

@test "no way to replace a manifest loses the object" {
    configmap conf | apply
    local manifest=$K8S/configmaps/conf/manifest.yaml copy=$BATS_TEST_TMPDIR/manifest.yaml uid
    uid=$(cat "$K8S/configmaps/conf/metadata/uid")
    cp "$manifest" "$copy"
    sed -i '/resourceVersion/d; s/hello/first/' "$copy" # with its version, it would be refused the second time
    install -m 644 "$copy" "$manifest"
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = first ]
    sed -i 's/first/second/' "$copy"
    cp --remove-destination "$copy" "$manifest"
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = second ]
    sed -i 's/second/third/' "$copy"
    tar -C "$BATS_TEST_TMPDIR" -cf - manifest.yaml | tar -C "$K8S/configmaps/conf" -xf -
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = third ]
    sed -i 's/third/fourth/' "$copy"
    mv "$copy" "$manifest"
    [ "$(cat "$K8S/configmaps/conf/data/greeting")" = fourth ]
    [ "$(cat "$K8S/configmaps/conf/metadata/uid")" = "$uid" ]
}

@test "a namespace is a directory with the kinds in it" {
    mkdir "$K8S/namespaces/team"
    configmap conf >"$BATS_TEST_TMPDIR/conf.yaml"
    mkdir "$K8S/namespaces/team/configmaps/conf"
    cp "$BATS_TEST_TMPDIR/conf.yaml" "$K8S/namespaces/team/configmaps/conf/manifest.yaml"
    [ "$(cat "$K8S/all/configmaps/team/conf/data/greeting")" = hello ]
    [ ! -e "$K8S/configmaps/conf" ]
    rm -r "$K8S/namespaces/team"
    wait_until "$K8S/namespaces" is_gone "$K8S/namespaces/team"
}

@test "inotify tells of creation, change and deletion by anybody" {
    exec {events}< <(exec inotifywait -q -m "$K8S/configmaps" 2>&1)
    local watcher=$! line
    # The watch stands as soon as an event comes: touch until one does.
    configmap conf | apply
    until read -r -t 0.2 -u "$events" line; do echo "$RANDOM" >"$K8S/configmaps/conf/data/greeting"; done
    rmdir "$K8S/configmaps/conf"
    while [[ $line != *DELETE,ISDIR*conf* ]]; do read -r -t "$patience" -u "$events" line; done
    configmap conf | apply
    while [[ $line != *CREATE,ISDIR*conf* ]]; do read -r -t "$patience" -u "$events" line; done
    echo changed >"$K8S/configmaps/conf/data/greeting"
    while [[ $line != *ATTRIB,ISDIR*conf* ]]; do read -r -t "$patience" -u "$events" line; done
    kill "$watcher"
    exec {events}<&-
}

# heard_of COMMAND…: what watches of configmaps and of all their links hear of what it makes and takes away
heard_of() {
    local line
    exec {events}< <(exec inotifywait -m -e create,delete,attrib --format '%w %e %f' "$K8S/configmaps" "$K8S/all/configmaps" "$K8S/all/configmaps/default" 2>&1)
    local watcher=$!
    while read -r -t "$patience" -u "$events" line && [[ $line != "Watches established."* ]]; do :; done
    "$@"
    # What is announced comes in order, so nothing can come behind the word of this one.
    bulk_configmap last
    while read -r -t "$patience" -u "$events" line && [[ $line != "$K8S/all/configmaps/default/ CREATE last" ]]; do
        [[ $line == *" last" || $line == *" .version" ]] || echo "${line#"$K8S/"}"
    done
    kill "$watcher"
    exec {events}<&-
    rmdir "$K8S/configmaps/last"
}

bulk_configmap() { # NAME [NAMESPACE]
    echo '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"'"$1"'","namespace":"'"${2:-default}"'"}}}' >"$K8S/all/configmaps/.bulk"
}

@test "a mkdir and an rmdir are heard once, and on the links" {
    configmap other | apply
    here() { mkdir "$K8S/configmaps/one" && rmdir "$K8S/configmaps/one"; }
    run -0 heard_of here
    [ "$(grep ^configmaps <<<"$output")" = $'configmaps CREATE,ISDIR one\nconfigmaps DELETE,ISDIR one' ]
    run -0 heard_of mkdir "$K8S/configmaps/one"
    [ "$output" = $'configmaps CREATE,ISDIR one\nall/configmaps/default/ CREATE one' ] ||
        [ "$output" = $'all/configmaps/default/ CREATE one\nconfigmaps CREATE,ISDIR one' ]
    run -0 heard_of rmdir "$K8S/configmaps/one"
    [ "$(sort <<<"$output")" = $'all/configmaps/default/ DELETE one\nconfigmaps DELETE,ISDIR one' ]
}

@test "what a graceful rmdir leaves is heard of as new, and then as gone" {
    configmap other | apply
    configmap held | sed 's,name: held,&\n  finalizers: [podtree.io/one],' | apply
    run -0 heard_of rmdir "$K8S/configmaps/held"
    # Between the two it may be heard that it has changed.
    [ "$(grep '^configmaps [^A]' <<<"$output")" = $'configmaps DELETE,ISDIR held\nconfigmaps CREATE,ISDIR held' ]
    run -0 heard_of rm -r "$K8S/configmaps/held/metadata/finalizers"
    [[ $output == *"configmaps DELETE,ISDIR held"* && $output == *"all/configmaps/default/ DELETE held"* ]]
}

@test "namespaces come and go in all/ with their objects" {
    configmap other | apply
    mkdir "$K8S/namespaces/team"
    run -0 heard_of bulk_configmap one team
    [ "$output" = "all/configmaps/ CREATE,ISDIR team" ]
    [ -L "$K8S/all/configmaps/team/one" ]
    run -0 heard_of mkdir "$K8S/namespaces/team/configmaps/two"
    [ "$output" = "" ]
    run -0 heard_of rmdir "$K8S/namespaces/team/configmaps/one"
    [ "$output" = "" ]
    run -0 heard_of rmdir "$K8S/namespaces/team/configmaps/two"
    [ "$output" = "all/configmaps/ DELETE,ISDIR team" ]
    [ ! -e "$K8S/all/configmaps/team" ]
    rmdir "$K8S/namespaces/team"
}

@test "a directory that came while its parent was watched can be watched, too" {
    local line
    mkdir "$K8S/namespaces/team"
    run -0 heard_of bulk_configmap one team
    exec {events}< <(exec inotifywait -m -e create --format '%e %f' "$K8S/all/configmaps/team" 2>&1)
    local watcher=$!
    while read -r -t "$patience" -u "$events" line && [[ $line != "Watches established."* ]]; do :; done
    bulk_configmap two team
    while read -r -t "$patience" -u "$events" line && [[ $line != "CREATE two" ]]; do :; done
    [ "$line" = "CREATE two" ]
    kill "$watcher"
    exec {events}<&-
    rmdir "$K8S/namespaces/team"
}

@test "status can be followed with tail -f" {
    deployment web 0 | apply
    exec {lines}< <(exec tail -n +1 -f "$K8S/deployments/web/status")
    local follower=$! line
    read -r -t "$patience" -u "$lines" line
    echo 2 >"$K8S/deployments/web/replicas"
    while [[ $line != *2* ]]; do read -r -t "$patience" -u "$lines" line; done
    kill "$follower"
    exec {lines}<&-
}

@test ".since gives what changed, deletions too" {
    local before
    configmap other | apply # since version 0 there is no word of what has gone
    before=$(cat "$K8S/configmaps/.version")
    configmap conf | apply
    [ "$(head -n 1 "$K8S/configmaps/.since/$before" | jq -r .metadata.name)" = conf ]
    [ "$(tail -n 1 "$K8S/configmaps/.since/$before" | jq -r .version)" = "$(cat "$K8S/configmaps/.version")" ]
    rmdir "$K8S/configmaps/conf"
    [ "$(head -n 1 "$K8S/configmaps/.since/$before" | jq .deleted)" = true ]
}

@test ".bulk answers each request with a line" {
    exec {bulk}<>"$K8S/configmaps/.bulk"
    echo '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"default"},"data":{"a":"1"}}}
{"op":"patch","name":"nowhere","merge":{"data":{"a":"2"}}}' >&"$bulk"
    sync "/proc/self/fd/$bulk" || true
    exec {bulk}<&-
    [ "$(cat "$K8S/configmaps/conf/data/a")" = 1 ]
}

@test ".bulk is carried out once, although children close what they have of it meanwhile" {
    configmap conf | apply
    timeout "$patience" python3 - "$K8S/configmaps/" <<'PYTHON'
import os, sys, threading
rounds = 20
for i in range(rounds):
    file = os.open(sys.argv[1] + ".bulk", os.O_RDWR)
    copies = [os.dup(file) for _ in range(4)]
    os.write(file, b'{"op":"event","name":"conf","type":"Normal","reason":"Told","message":"%d"}\n' % i)
    closers = [threading.Thread(target=os.close, args=(copy,)) for copy in copies]
    for closer in closers:
        closer.start()
    os.fsync(file)
    for closer in closers:
        closer.join()
    assert os.pread(file, 65536, 0).count(b"\n") == 1
    os.close(file)
told = sum(" Told " in line for line in open(sys.argv[1] + "conf/events"))
assert told == rounds, told
PYTHON
}

# The kernel had the names, the attributes and the contents.
@test "whoever has been told of a deletion finds nothing" {
    local object=$K8S/configmaps/brief i
    for i in $(seq 100); do
        printf '%s\n' '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"brief","namespace":"default","labels":{"tier":"web"}},"data":{"key":"v"}}}' >"$K8S/configmaps/.bulk"
        ls -lR "$object" >/dev/null
        [ "$(cat "$object/data/key")" = v ]
        printf '%s\n' '{"op":"patch","name":"brief","merge":{"metadata":{"labels":{"tier":null}}}}' >"$K8S/configmaps/.bulk"
        [ ! -e "$object/metadata/labels/tier" ]
        printf '%s\n' '{"op":"delete","name":"brief"}' >"$K8S/configmaps/.bulk"
        [ ! -e "$object" ] || { echo "found again the ${i}th time"; false; }
        [ ! -e "$object/data" ]
        [ ! -e "$object/data/key" ]
        mkdir "$object"
        [ ! -e "$object/data/key" ]
        rmdir "$object"
    done
}

@test "an atomic bulk is carried out whole or not at all, while others read and write" {
    configmap conf | apply
    timeout "$patience" python3 - "$K8S" <<'PYTHON'
import json, os, sys, threading
configmaps = sys.argv[1] + "/configmaps/"

def create(name):
    return {"op": "create", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}}

def bulk(requests):
    file = os.open(configmaps + ".bulk", os.O_RDWR)
    rest = "".join(json.dumps(request) + "\n" for request in requests).encode()
    while rest:
        rest = rest[os.write(file, rest):]
    os.fsync(file)
    os.lseek(file, 0, os.SEEK_SET)
    with os.fdopen(file) as results:
        return [json.loads(line) for line in results]

def value():
    with open(configmaps + "conf/data/greeting") as file:
        return file.read().strip()

def write_meanwhile():
    while not done:
        with open(configmaps + "conf/data/greeting", "w") as file:
            file.write("written %d" % len(written))
        written.append("written %d" % len(written))
        assert value() == written[-1]

done, written = False, []
writer = threading.Thread(target=write_meanwhile)
writer.start()
names = ["atomic-%d" % i for i in range(3000)]
bad = {"op": "patch", "name": "nowhere", "merge": {}}
results = bulk([{"op": "atomic"}] + [create(name) for name in names] + [bad, create("behind"), bad])
assert [result["error"] for result in results] == ["ECANCELED"] * 3000 + ["ENOENT", "ECANCELED", "ENOENT"], results[-4:]
assert not [name for name in os.listdir(configmaps) if name.startswith(("atomic", "behind"))]
results = bulk([{"op": "atomic"}] + [create(name) for name in names])
assert [result.get("name") for result in results] == names, results[:4]
assert sum(name.startswith("atomic") for name in os.listdir(configmaps)) == 3000
done = True
writer.join()
assert len(written) > 1 and value() == written[-1]
bulk([{"op": "delete", "name": name} for name in names])
PYTHON
}

@test "long lines of a bulk are each on their own" {
    configmap conf | apply
    timeout "$patience" python3 - "$K8S" <<'PYTHON'
import json, os, sys
file = os.open(sys.argv[1] + "/configmaps/.bulk", os.O_RDWR)
def patch(letter, **more):
    return dict({"op": "patch", "name": "conf", "merge": {"data": {"long": letter * 100000}}}, **more)
requests = [patch("a", rv="1"), patch("b"), {"op": "patch", "name": "conf", "merge": {"data": {"after": "1"}}},
            patch("c", uid="another"), patch("d", merge=[1] * 20000), patch("e")]
os.write(file, b"".join(json.dumps(request).encode() + b"\n" for request in requests) + b'{"op":"' + b"x" * 30000 + b"\n")
os.fsync(file)
os.lseek(file, 0, os.SEEK_SET)
results = [json.loads(line) for line in os.fdopen(file)]
assert [result.get("error") for result in results] == ["EAGAIN", None, None, "ENOENT", "EINVAL", None, "EINVAL"], results
with open(sys.argv[1] + "/configmaps/conf/data/long") as file:
    assert file.read().strip() == "e" * 100000
PYTHON
}

@test ".bulk refuses what it doesn't understand" {
    configmap conf | apply
    bulk() { # REQUEST EXPECTED: the result says so
        local bulk result
        exec {bulk}<>"$K8S/configmaps/.bulk"
        echo "$1" >&"$bulk"
        sync "/proc/self/fd/$bulk" || true
        # The same open file, from its beginning: /proc would open it again.
        result=$(perl -e 'seek(STDIN, 0, 0); print scalar <STDIN>' <&"$bulk")
        exec {bulk}<&-
        [[ $result == *"$2"* ]] || { echo "$1 gives $result, not $2"; return 1; }
    }
    bulk '{"op":"patch","name":"conf","merge":{},"uuid":"x"}' 'unknown member \"uuid\": did you mean \"uid\"?'
    bulk '{"op":"delete","name":"conf","resourceVersion":"1"}' 'unknown member \"resourceVersion\" of a delete'
    bulk '{"op":"patch","name":"conf","merge":{"metadata":{"name":"other"}}}' "metadata.name: can't be changed"
    bulk '{"op":"patch","name":"conf","merge":{"metadata":{"resourceVersion":"1"}}}' EAGAIN
    bulk '{"op":"patch","name":"conf","merge":{"data":{"a":"1"}}}' '"name":"conf"'
}

@test "history says in words what happened, and who did it" {
    deployment web 0 | apply
    echo 2 >"$K8S/deployments/web/replicas"
    in_log() { git -C "$PODTREE_STATE/history.git" log --format="${2:-%s}" | grep -q -e "$1"; }
    poll_until in_log '^deployments/web: replicas 0 -> 2 (root)$'
    printf 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n' >"$K8S/apply"
    echo true >"$K8S/nodes/n1/unschedulable"
    poll_until in_log '^nodes/n1: unschedulable true (root)$'
    rmdir "$K8S/nodes/n1"
    # What the components do about it has their names, in the subject of one commit or of several.
    poll_until in_log '^[^(]*deployments/web: .*([a-z, ]*workloads[a-z, ]*)$'
    run ! in_log '@localhost' '%ae %ce'
    # Of what main has: fsck itself can't look at a repository into which somebody writes.
    git clone --quiet --bare --no-local "$PODTREE_STATE/history.git" "$BATS_TEST_TMPDIR/copy.git"
    git -C "$BATS_TEST_TMPDIR/copy.git" fsck --strict
}

# found TEXT: is it, as it is or in base64, in the state directory, in the logs, or in an object of the history?
found() {
    local texts=(-e "$1" -e "$(printf %s "$1" | base64)")
    grep -raqF "${texts[@]}" "$PODTREE_STATE" "$PODTREE_RUN/log" ||
        git -C "$PODTREE_STATE/history.git" cat-file --batch --batch-all-objects | grep -aqF "${texts[@]}"
}

@test "values of secrets are nowhere on the disk, survive a kill, and wait for their key" {
    local value=correct-horse-battery db=$K8S/secrets/db
    printf 'apiVersion: v1\nkind: %s\nmetadata: {name: db}\n%s: {password: %s}\n---\n' \
        Secret stringData "$value" ConfigMap data not-so-secret | apply
    printf %s "$value" | cat >"$db/data/second"
    printf %s "$value" | cat >"$db/stringData/third"
    [ "$(cat "$db/data/password" "$db/data/second" "$db/data/third")" = $value$value$value ]
    [ -z "$(ls "$db/stringData")" ]
    [ ! -e "$db/stringData/third" ]
    [ "$(stat -c %a "$db/data/password" "$db/manifest.yaml" | uniq)" = 640 ]
    echo "$value" | run ! cp /dev/stdin "$db/manifest.yaml"
    echo "{\"op\":\"patch\",\"name\":\"db\",\"merge\":{\"data\":{\"fourth\":\"$value!\"}}}" | cp /dev/stdin "$K8S/secrets/.bulk"
    grep -q 'secrets/.bulk line 1: data.fourth.: must be base64$' "$K8S/errors"
    run ! grep -F "$value" "$K8S/errors" "$K8S/events" "$db/status"

    # What doesn't change is written as it was.
    echo front >"$db/metadata/labels/tier"
    in_history() { git -C "$PODTREE_STATE/history.git" log --format=%s | grep -q "secrets/db: $1"; }
    poll_until in_history "metadata/labels/tier front"
    in_history "data/third added"
    git -C "$PODTREE_STATE/history.git" show main:namespaces/default/secrets/db.yaml | grep -q '^  third: sealed:1:'
    [ "$(git -C "$PODTREE_STATE/history.git" diff -U0 main~1 main | grep -c sealed)" = 0 ]
    found not-so-secret
    run ! found "$value"

    kill_component fsd
    [ "$(cat "$db/data/password")" = "$value" ]

    mv "$PODTREE_STATE/secrets.key" "$BATS_TEST_TMPDIR/"
    kill_component fsd
    poll_until grep -q '^sealed:1:' "$db/data/password"
    [ "$(stat -c %s "$db/data/password")" = "$(wc -c <"$db/data/password")" ]
    grep -q "/namespaces/default/secrets/db: can't be decrypted: .*; put the key back" "$K8S/errors"
    run ! cp "$BATS_TEST_TMPDIR/secrets.key" "$db/data/second"
    run ! mkdir "$K8S/secrets/new"
    configmap conf | apply
    [ ! -e "$PODTREE_STATE/secrets.key" ]
    mv "$BATS_TEST_TMPDIR/secrets.key" "$PODTREE_STATE/"
    kill_component fsd
    poll_until reads "$db/data/password" "$value"
    poll_until reads "$db/data/third" "$value"
    rm -r "$db"
}

@test "a kind's directory has a table, a list and a stream of events" {
    deployment web 0 | apply
    grep -q web "$K8S/deployments/.table"
    [ "$(jq -r .kind "$K8S/deployments/.json")" = DeploymentList ]
    grep -q web "$K8S/events"
}

@test "a long table is aligned, and whole whatever is read of it at a time" {
    seq -f '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m%g"},"data":{"a":"b"}}}' 3000 \
        >"$BATS_TEST_TMPDIR/bulk"
    mkdir "$K8S/namespaces/long"
    cp "$BATS_TEST_TMPDIR/bulk" "$K8S/namespaces/long/configmaps/.bulk"
    table=$K8S/namespaces/long/configmaps/.table
    columns() { awk 'NR == 1 { at = index($0, "DATA") } { print substr($0, 1, at) }'; }
    columns <"$table" >"$BATS_TEST_TMPDIR/columns"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/columns")" = 3001 ]
    [ "$(sed 1d "$BATS_TEST_TMPDIR/columns" | grep -cvE '^m[0-9]+ +1$')" = 0 ]
    dd if="$table" bs=3000 status=none | columns | cmp - "$BATS_TEST_TMPDIR/columns"
    # Two who read in different places of one open file come to their end.
    timeout "$patience" python3 - "$table" <<'PYTHON'
import os, sys, threading
table = os.open(sys.argv[1], os.O_RDONLY)
far = threading.Thread(target=lambda: [os.pread(table, 4096, 40000) for i in range(10)])
far.start()
for i in range(10):
    assert os.pread(table, 4096, i * 1000)
far.join()
PYTHON
    sed 's/.*"name":"\([^"]*\)".*/{"op":"delete","name":"\1"}/' "$BATS_TEST_TMPDIR/bulk" >"$K8S/namespaces/long/configmaps/.bulk"
    [ "$(wc -l <"$table")" = 1 ]
}

@test "a large object is shown whole, at its size" {
    object=$K8S/configmaps/large
    mkdir "$object"
    { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n'; seq 5000 | sed 's/.*/  key&: value number &/'; } \
        >"$BATS_TEST_TMPDIR/large.yaml"
    cp "$BATS_TEST_TMPDIR/large.yaml" "$object/manifest.yaml"
    whole() {
        [ "$(stat -c %s "$object/manifest.yaml")" = "$(wc -c <"$object/manifest.yaml")" ]
        cmp "$object/manifest.yaml" "$object/.yaml"
        [ "$(jq -r ".data.$1" "$object/.json")" = "$2" ]
        [ "$(jq -r ".$1" "$object/data/.json")" = "$2" ]
        grep -qx "$1: $2" "$object/data/.yaml"
        grep -qx "  $1: $2" "$K8S/configmaps/.yaml"
        [ "$(cat "$object/data/$1")" = "$2" ]
    }
    whole key77 "value number 77"
    printf changed >"$object/data/key78"
    whole key78 changed
    rmdir "$object"
    [ ! -e "$object" ] || { echo "found again the ${i}th time"; false; }
}

@test "lists with large objects in them are whole, whatever is read at a time" {
    local directory=$K8S/configmaps name size list
    for name in large-a large-b; do
        mkdir "$directory/$name"
        large_conf "$name" "${name#large-}" >"$directory/$name/manifest.yaml"
    done
    configmap last | apply
    cat "$directory/large-a/.json" "$directory/large-b/.json" >"$BATS_TEST_TMPDIR/expected.json"
    for size in 1000 50000 131072 1048576; do
        for list in .json .since/0; do
            dd if="$directory/$list" bs="$size" of="$BATS_TEST_TMPDIR/read" 2>/dev/null
            jq -c '(.items // [.])[] | select((.metadata.name // "") | startswith("large-"))' "$BATS_TEST_TMPDIR/read" >"$BATS_TEST_TMPDIR/items"
            cmp "$BATS_TEST_TMPDIR/items" "$BATS_TEST_TMPDIR/expected.json"
            grep -q '"name":"last"' "$BATS_TEST_TMPDIR/read"
        done
        dd if="$directory/.yaml" bs="$size" of="$BATS_TEST_TMPDIR/read" 2>/dev/null
        for name in large-a large-b; do
            sed -n "/^  name: $name\$/,/^---/p" "$BATS_TEST_TMPDIR/read" | sed '/^---/d' >"$BATS_TEST_TMPDIR/items"
            sed -n "/^  name: $name\$/,\$p" "$directory/$name/manifest.yaml" | cmp - "$BATS_TEST_TMPDIR/items"
        done
        grep -qx '  name: last' "$BATS_TEST_TMPDIR/read"
    done
    rm -r "$directory/large-a" "$directory/large-b"
}

@test "find, grep -r, tar and diff -r read the whole tree" {
    deployment web 0 | apply
    find "$K8S/namespaces" >/dev/null
    grep -rq podtree/demo "$K8S/deployments/web/"
    tar -C "$K8S/deployments" -cf "$BATS_TEST_TMPDIR/web.tar" web
    no_news() { # its controller has done what it does
        [ "$(cat "$K8S/deployments/web/observed/observedGeneration" 2>/dev/null)" = 1 ] && [ -n "$(ls "$K8S/deployments/web/owned")" ]
    }
    wait_until "$K8S/deployments/web" no_news
    cp -r "$K8S/deployments/web" "$BATS_TEST_TMPDIR/copy"
    diff -r --no-dereference "$K8S/deployments/web" "$BATS_TEST_TMPDIR/copy"
}
