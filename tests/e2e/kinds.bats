# Kinds that users define: CustomResourceDefinitions.
load helpers

setup_file() { cluster_up; }
teardown_file() { cluster_down; }
teardown() { show_logs_of_failure; }

schema='{type: object, properties: {cronSpec: {type: string}, replicas: {type: integer, minimum: 1, default: 2}}}'

# definition [SCHEMA OF SPEC [MORE VERSIONS]]: of crontabs.stable.example.com, in YAML's flow style
definition() {
    cat <<END
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: ${1:-$schema}
          status: {type: object, properties: {ready: {type: integer}}}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
${2:-}
END
}

crontab() { # NAME [VERSION]
    printf 'apiVersion: stable.example.com/%s\nkind: CronTab\nmetadata: {name: %s}\nspec: {cronSpec: "* * * * */5"}\n' "${2:-v1}" "$1"
}

definitions=customresourcedefinitions

no_kind() {
    [ ! -e "$K8S/crontabs" ] && [ ! -e "$K8S/$definitions/crontabs.stable.example.com" ]
}

remove_definition() {
    rmdir "$K8S/$definitions/crontabs.stable.example.com"
    wait_until "$K8S" no_kind
}

@test "whoever has defined a kind finds its directories, and its objects are as all others" {
    run ! apply <<<"$(crontab early)"
    [[ $(tail -n 1 "$K8S/errors") == *'no kind "CronTab" in "stable.example.com/v1"'* ]]
    definition | apply
    [ -d "$K8S/namespaces/default/crontabs" ] && [ -d "$K8S/all/crontabs" ] && [ -L "$K8S/crontabs" ]
    [ -d "$K8S/api/stable.example.com/v1/crontabs" ]
    [ "$(jq -r '.status.conditions[] | select(.type == "Established").status' "$K8S/$definitions/crontabs.stable.example.com/.json")" = True ]
    crontab mine | apply
    [ "$(cat "$K8S/crontabs/mine/replicas")" = 2 ]
    run ! tee "$K8S/crontabs/mine/replicas" <<<0
    [[ $(tail -n 1 "$K8S/errors") == *"spec.replicas: must be at least 1"* ]]
    [[ $(cat "$K8S/crontabs/.table") == *"* * * * */5"* ]]
    [ "$(readlink -f "$K8S/crontabs.stable.example.com")" = "$(readlink -f "$K8S/crontabs")" ]
    jq -e '.properties.spec.properties.replicas.minimum == 1' "$K8S/api/stable.example.com/v1/crontabs/schema.json"
    "$podtree" delete crontabs/mine
    remove_definition
}

@test "directories of kinds that come and go are announced" {
    inotifywait -m -e create,delete --format '%w%f %e' "$K8S/" "$K8S/namespaces/default/" "$K8S/all/" "$K8S/api/" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/watcher" 3>&- &
    local watcher=$!
    poll_until grep -q '^Watches established' "$BATS_TEST_TMPDIR/watcher"
    definition | apply
    remove_definition
    all_said() {
        local place event
        for place in crontabs namespaces/default/crontabs all/crontabs api/stable.example.com api/ct; do
            for event in CREATE DELETE; do
                grep -q "^$K8S/$place $event" "$BATS_TEST_TMPDIR/said" || return
            done
        done
    }
    poll_until all_said || { cat "$BATS_TEST_TMPDIR/said"; kill $watcher; return 1; }
    kill $watcher
}

@test "a definition takes the objects of its kind along, and nothing new of it comes meanwhile" {
    definition | apply
    crontab held | sed 's/name: held/name: held, finalizers: [example.com\/wait]/' | apply
    crontab other | apply
    rmdir "$K8S/$definitions/crontabs.stable.example.com"
    only_held() { [ "$(ls "$K8S/crontabs")" = held ]; }
    wait_until "$K8S/namespaces/default/crontabs" only_held
    run ! mkdir "$K8S/crontabs/late"
    [[ $(tail -n 1 "$K8S/errors") == *"is being deleted"* ]]
    rm "$K8S/crontabs/held/metadata/finalizers"
    wait_until "$K8S" no_kind
}

@test "kinds and their objects outlive a kill of fsd" {
    definition | apply
    crontab mine | apply
    echo 7 >"$K8S/crontabs/mine/replicas"
    kill_component fsd
    [ "$(cat "$K8S/crontabs/mine/replicas")" = 7 ]
    rmdir "$K8S/crontabs/mine"
    remove_definition
}

@test "what a definition says may change, and objects are looked at as it says now" {
    definition | apply
    crontab mine | apply
    [ "$(readlink "$K8S/api/ct")" = stable.example.com/v1/crontabs ]
    grep -q '^spec.cronSpec <string>$' "$K8S/api/ct/explain"
    definition '{type: object, properties: {cronSpec: {type: string, maxLength: 3, description: When.}, replicas: {type: integer}, suspend: {type: boolean, default: false}}}' | apply
    grep -q '^spec.cronSpec <string> at most 3 characters - When.$' "$K8S/api/ct/explain"
    run -0 "$podtree" explain crontabs.stable.example.com.spec.cronSpec
    [[ $output == "CronTab, stable.example.com/v1: spec.cronSpec <string> at most 3 characters"$'\nWhen.' ]]
    # What was right before stays readable, and may be changed where it is not wrong.
    [ "$(cat "$K8S/crontabs/mine/cronSpec")" = '* * * * */5' ]
    last_status() { tail -n 1 "$K8S/crontabs/mine/status"; }
    said_to_be_wrong() { [[ $(last_status) == *'invalid="spec.cronSpec: must have at most 3'* ]]; }
    wait_until "$K8S/crontabs/mine" said_to_be_wrong
    echo true >"$K8S/crontabs/mine/suspend"
    run ! tee "$K8S/crontabs/mine/cronSpec" <<<'* * * * *'
    said_to_be_wrong
    echo now >"$K8S/crontabs/mine/cronSpec"
    said_to_be_right() { [[ $(last_status) != *invalid=* ]]; }
    wait_until "$K8S/crontabs/mine" said_to_be_right
    rmdir "$K8S/crontabs/mine"
    remove_definition
    poll_until test ! -L "$K8S/api/ct"
}

@test "a kind may be given in several versions, and is kept in one" {
    definition '' '  - name: v1beta1
    served: true
    storage: false
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {cronSpec: {type: string, maxLength: 20}}}}}}' | apply
    crontab old v1beta1 | apply
    [ "$(jq -r .apiVersion "$K8S/crontabs/old/.json")" = stable.example.com/v1 ]
    [ -d "$K8S/api/stable.example.com/v1beta1/crontabs" ]
    run ! apply <<<"$(crontab none v2)"
    rmdir "$K8S/crontabs/old"
    remove_definition
}

@test "a definition that defines nothing is refused, with the place of what is wrong" {
    run ! apply <<<"$(definition '{type: object, properties: {a: {type: strin}}}')"
    [[ $(tail -n 1 "$K8S/errors") == *"properties[spec].properties[a].type"* ]]
    no_kind
    definition | apply
    run ! apply <<<"$(definition | sed 's/crontabs/tabs/g')" # one more CronTab
    [[ $(tail -n 1 "$K8S/errors") == *'"CronTab" is a name of crontabs.stable.example.com'* ]]
    remove_definition
}

# ---- objects that have a say in others ----

# manifest KIND NAME REST: in the group's only version
manifest() {
    local version=v1
    [ "$1" != PriorityClass ] || version=scheduling.k8s.io/v1
    printf '{apiVersion: %s, kind: %s, metadata: {name: %s}, %s}\n' "$version" "$1" "$2" "$3"
}

refused() { # SENTENCE: what is read is refused so
    run ! apply
    [[ $(tail -n 1 "$K8S/errors") == *"$1"* ]]
}

@test "classes and limits count for what comes after them, in one document or later, and after a kill of fsd" {
    local pods=$K8S/namespaces/limited/pods containers='containers: [{name: a, image: b}]'
    [ "$(cat "$K8S/priorityclasses/system-node-critical/value")" = 2000001000 ]
    run ! rmdir "$K8S/priorityclasses/system-node-critical"
    mkdir "$K8S/namespaces/limited"
    manifest Pod early "spec: {priorityClassName: high, $containers}" | refused 'no PriorityClass with name high was found'
    { manifest PriorityClass high 'value: 1000' && echo --- &&
        manifest Pod first "spec: {priorityClassName: high, $containers}"; } | apply
    [ "$(cat "$K8S/pods/first/priority")" = 1000 ]
    manifest LimitRange limits 'spec: {limits: [{type: Container, default: {memory: 64Mi}, max: {memory: 128Mi}}]}' \
        >"$BATS_TEST_TMPDIR/limits"
    mkdir "$K8S/namespaces/limited/limitranges/limits"
    cp "$BATS_TEST_TMPDIR/limits" "$K8S/namespaces/limited/limitranges/limits/manifest.yaml"
    kill_component fsd
    # A draft is admitted when it becomes an object.
    mkdir "$pods/web" "$pods/web/containers/a"
    echo b >"$pods/web/containers/a/image"
    [ ! -e "$pods/web/priority" ]
    echo high >"$pods/web/priorityClassName"
    echo live >"$pods/web/ctl"
    [ "$(cat "$pods/web/priority" "$pods/web/containers/a/resources/requests/memory")" = $'1000\n64Mi' ]
    mkdir "$pods/large"
    run ! cp <(manifest Pod large 'spec: {containers: [{name: a, image: b, resources: {limits: {memory: 1Gi}}}]}') "$pods/large/manifest.yaml"
    [[ $(tail -n 1 "$K8S/errors") == *'maximum memory usage per Container is 128Mi, but limit is 1Gi'* ]]
}

bulk_of_configmaps() { # NAMESPACE NAME...: what it says of each is not read
    local bulk name namespace=$1
    shift
    exec {bulk}<>"$K8S/namespaces/$namespace/configmaps/.bulk"
    for name; do
        case $name in
        atomic) echo '{"op":"atomic"}' ;;
        *) echo '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"'"$name"'"}}}' ;;
        esac
    done >&"$bulk"
    sync "/proc/self/fd/$bulk" || true
    exec {bulk}>&-
}

used_is() { # NUMBER: of configmaps, as the quota in the namespace few shows it
    [ "$(jq -c .status.used "$K8S/namespaces/few/resourcequotas/quota/.json")" = '{"configmaps":"'"$1"'","requests.cpu":"0"}' ]
}

@test "a namespace has no more than its quota says, also in one bulk and after a kill of fsd" {
    local few=$K8S/namespaces/few
    mkdir "$few" "$few/configmaps/one"
    mkdir "$few/resourcequotas/quota"
    manifest ResourceQuota quota 'spec: {hard: {configmaps: 3, requests.cpu: 1}}' >"$few/resourcequotas/quota/manifest.yaml"
    # All or none: none. Each on its own: those for which there is room.
    bulk_of_configmaps few atomic a b c
    [ "$(ls "$few/configmaps")" = one ]
    bulk_of_configmaps few a b c
    [ "$(ls "$few/configmaps")" = $'a\nb\none' ]
    wait_until "$few/resourcequotas/quota/status" used_is 3
    kill_component fsd
    run ! mkdir "$few/configmaps/more"
    [[ $output == *'Disk quota exceeded'* ]]
    [[ $(tail -n 1 "$K8S/errors") == *'exceeded quota: quota, requested: configmaps=1, used: configmaps=3, limited: configmaps=3' ]]
    rmdir "$few/configmaps/a"
    wait_until "$few/resourcequotas/quota/status" used_is 2
    mkdir "$few/configmaps/more"
}
