# Drafts: made by mkdir, filled in any order, acted upon when they are live.
load helpers

setup_file() { cluster_up --hollow 1; }
teardown_file() { cluster_down; }

setup() {
    export WEB=$K8S/deployments/web
    mkdir "$WEB"
}

teardown() {
    show_logs_of_failure
    rmdir "$WEB" 2>/dev/null || true
    wait_until "$K8S/pods" pods_are 0
}

is_live() {
    jq -e '[.items[].metadata.name] | index("web")' "$K8S/deployments/.json" >/dev/null
}

is_draft() {
    [ -d "$WEB" ] && ! is_live
}

last_status() {
    tail -n 1 "$WEB/status"
}

fill() {
    mkdir "$WEB/template/spec/containers/main"
    echo podtree/demo:1 >"$WEB/template/spec/containers/main/image"
    echo web >"$WEB/template/metadata/labels/app"
    echo web >"$WEB/selector/matchLabels/app"
}

@test "a draft has its defaults, and says what it lacks" {
    is_draft
    [ "$(cat "$WEB/replicas")" = 1 ]
    [[ $(last_status) == *"Draft missing: spec.template.spec.containers, spec.selector" ]]
    [ "$(ls "$K8S/deployments")" = web ]
}

@test "a draft is not in lists, indexes or the history" {
    is_draft
    [ -z "$(jq -r '.metadata.name // empty' "$K8S/deployments/.since/0")" ]
    run ! grep -q web "$K8S/deployments/.table"
    echo 3 >"$WEB/replicas"
    configmap conf | apply
    has_conf() { git -C "$PODTREE_STATE/history.git" ls-tree -r --name-only main | grep -q configmaps/conf; }
    poll_until has_conf
    run ! grep -q deployments/web <(git -C "$PODTREE_STATE/history.git" ls-tree -r --name-only main)
    rmdir "$K8S/configmaps/conf"
}

@test "links lead to no draft" {
    configmap conf | apply
    [ -L "$K8S/all/configmaps/default/conf" ]
    [ ! -e "$K8S/all/deployments/default/web" ]
    [ ! -e "$K8S/all/deployments/default" ]
    deployment other 0 | apply
    [ "$(ls "$K8S/all/deployments/default")" = other ]
    fill
    echo live >"$WEB/ctl"
    [ "$(ls "$K8S/all/deployments/default")" = "$(printf 'other\nweb')" ]
    [ "$(cat "$K8S/all/deployments/default/web/replicas")" = 1 ]
    rmdir "$K8S/deployments/other" "$K8S/configmaps/conf"
}

@test "a draft goes with its namespace, whatever finalizers it has" {
    mkdir "$K8S/namespaces/team" "$K8S/namespaces/team/deployments/draft"
    mkdir "$K8S/namespaces/team/configmaps/conf"
    echo example.com/hold >"$K8S/namespaces/team/deployments/draft/metadata/finalizers"
    rm -r "$K8S/namespaces/team"
    wait_until "$K8S/namespaces" is_gone "$K8S/namespaces/team"
    mkdir "$K8S/namespaces/team"
    [ -z "$(ls "$K8S/namespaces/team/deployments")" ]
    rmdir "$K8S/namespaces/team"
}

@test "a draft can't become live in a namespace that is being deleted" {
    mkdir "$K8S/namespaces/team" "$K8S/namespaces/team/deployments/draft"
    mkdir "$K8S/namespaces/team/configmaps/conf"
    echo example.com/hold >"$K8S/namespaces/team/configmaps/conf/metadata/finalizers"
    rmdir "$K8S/namespaces/team"
    [ -d "$K8S/namespaces/team/configmaps/conf" ]
    [ ! -e "$K8S/namespaces/team/deployments/draft" ]
    : >"$K8S/namespaces/team/configmaps/conf/metadata/finalizers"
    wait_until "$K8S/namespaces" is_gone "$K8S/namespaces/team"
}

@test "a draft is filled in any order, and acted upon when it is live" {
    fill
    echo 2 >"$WEB/replicas"
    is_draft
    [[ $(last_status) == *"echo live"* ]]
    echo live >"$WEB/ctl"
    is_live
    wait_for_deployment web 2
}

@test "the directories that a draft needs are there at once" {
    cd "$WEB"
    [ -d selector/matchLabels ] && [ -d template/metadata/labels ]
    [ -z "$(ls selector/matchLabels)$(ls template/spec/containers)" ]
    echo web >template/metadata/labels/app
    echo web >selector/matchLabels/app
    [[ $(last_status) == *"Draft missing: spec.template.spec.containers" ]]
    mkdir template/spec/containers/main
    [[ $(last_status) == *"Draft missing: spec.template.spec.containers[0].image" ]]
    echo podtree/demo:1 >template/spec/containers/main/image
    [[ $(last_status) == *"Draft complete: echo live > ctl" ]]
    echo live >ctl
    is_live
    wait_for_deployment web 1
}

@test "what a draft requires can't be taken out of it" {
    refused "Operation not permitted" rmdir "$WEB/selector"
    mkdir "$WEB/template/spec/containers/main"
    rmdir "$WEB/template/spec/containers/main"
    [ -d "$WEB/selector" ] && [ -z "$(ls "$WEB/template/spec/containers")" ]
}

@test "a pod's draft has its containers" {
    mkdir "$K8S/pods/lone"
    mkdir "$K8S/pods/lone/containers/main"
    echo podtree/demo:1 >"$K8S/pods/lone/containers/main/image"
    echo live >"$K8S/pods/lone/ctl"
    wait_until "$K8S/pods" contains "$K8S/pods/lone/status" Running
    rmdir "$K8S/pods/lone"
}

@test "what is wrong in itself is refused in a draft, too" {
    refused "Invalid argument" write_value "$WEB/replicas" many
    refused "Invalid argument" write_value "$WEB/replicas" -1
    is_draft
}

@test "a draft that lacks something can't be made live" {
    mkdir "$WEB/template/spec/containers/main"
    refused "Invalid argument" write_value "$WEB/ctl" live
    error_says image
    is_draft
}

@test "a whole manifest makes a draft live at once" {
    deployment web 0 >"$WEB/manifest.yaml"
    is_live
}

@test "a manifest that isn't whole leaves the draft a draft" {
    refused "Invalid argument" cp <(deployment web 0 | sed '/selector:/,/app: web/d') "$WEB/manifest.yaml"
    is_draft
}

@test "a draft is announced, filled under a watch, and removed" {
    exec {events}< <(exec inotifywait -m --format '%e %f' "$K8S/deployments" 2>&1)
    local watcher=$! line
    while read -r -t "$patience" -u "$events" line && [[ $line != "Watches established."* ]]; do :; done
    fill
    while [[ $line != "ATTRIB,ISDIR web" ]]; do read -r -t "$patience" -u "$events" line; done
    rmdir "$WEB"
    while [[ $line != "DELETE,ISDIR web" ]]; do read -r -t "$patience" -u "$events" line; done
    kill "$watcher"
    exec {events}<&-
    [ ! -e "$WEB" ]
}

@test "a draft survives the end of everything" {
    fill
    "$podtree" down
    "$podtree" up --no-node --hollow 1
    is_draft
    [ "$(cat "$WEB/template/spec/containers/main/image")" = podtree/demo:1 ]
}

@test "kinds that are valid when empty are live at mkdir" {
    mkdir "$K8S/configmaps/conf" "$K8S/namespaces/team"
    jq -e '[.items[].metadata.name] | index("conf")' "$K8S/configmaps/.json"
    jq -e '[.items[].metadata.name] | index("team")' "$K8S/namespaces/.json"
    rmdir "$K8S/configmaps/conf" "$K8S/namespaces/team"
}
