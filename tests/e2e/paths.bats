# The contract of the tree as a table: every form of path, every operation on it. paths.table has the rows; a
# form without a row does not exist.
load helpers

table=$BATS_TEST_DIRNAME/paths.table

# The kinds that there are, and one whose fields have names that objects' directories need for themselves.
with_clashes() {
    mkdir "$BATS_FILE_TMPDIR/data"
    cp -r "$repository/fsd/kinds" "$BATS_FILE_TMPDIR/data/kinds"
    export PODTREE_DATADIR=$BATS_FILE_TMPDIR/data
    cat >"$PODTREE_DATADIR/kinds/clashes.yaml" <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Clash, plural: clashes, singular: clash}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          owned: {type: integer}
          spec: {type: object, properties: {events: {type: integer}}}
YAML
}

setup_file() {
    with_clashes
    cluster_up --hollow 1
    export try=${PODTREE_BUILD:-$repository/build/check}/tests/e2e/try
    export work=$BATS_FILE_TMPDIR/work
    mkdir "$work"
    objects
    wait_until "$K8S/deployments/app" reads "$K8S/deployments/app/observed/readyReplicas" 1
    local name
    for name in "${!places[@]}"; do
        wanted "$name" >"$work/$name"
    done
    app_1=$(first_of deployments/app/owned)
    export app_1=${app_1#replicasets.}
    echo '{"op":"patch","name":"conf","namespace":"default","merge":{}}' >"$work/bulk"
}

teardown_file() {
    unmount_sshfs
    cluster_down
}

teardown() { show_logs_of_failure; }

# ---- what the forms are tried on ----

# The objects that operations change, and that are put back after each row.
declare -gA places=(
    [conf]=namespaces/default/configmaps/conf [db]=namespaces/default/secrets/db [web]=namespaces/default/deployments/web
    [lone]=namespaces/default/pods/lone [held]=namespaces/default/leases/held
    [clash]=namespaces/default/clashes/clash [spare]=nodes/spare [team]=namespaces/team)

objects() {
    {
        printf '%s\n---\n' 'apiVersion: v1
kind: Namespace
metadata: {name: team}' 'apiVersion: v1
kind: Node
metadata: {name: spare}' 'apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: held}' 'apiVersion: example.org/v1
kind: Clash
metadata: {name: clash}
owned: 1
spec: {events: 1}' 'apiVersion: v1
kind: ConfigMap
metadata: {name: conf, labels: {tier: front}, annotations: {note: a long text}}
data: {greeting: hello}
binaryData: {bytes: AAEC}' 'apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: hello}' 'apiVersion: v1
kind: Pod
metadata: {name: lone}
spec:
  schedulerName: nobody
  containers:
  - {name: main, image: "podtree/demo:1"}' 'apiVersion: v1
kind: Pod
metadata: {name: bound}
spec:
  nodeName: hollow-0
  containers:
  - {name: main, image: "podtree/demo:1"}'
        deployment app 1
        echo ---
        deployment web 0 | sed 's/^spec:/&\n  minReadySeconds: 5/'
        printf '        %s\n' 'args: [serve, -v]' 'env: [{name: LEVEL, value: debug}]' 'ports: [{containerPort: 8080}]'
    } | apply
}

# What an object is to be, without what the server manages.
wanted() {
    sed -E '/^  (uid|resourceVersion|creationTimestamp|generation|  deployment.kubernetes.io.revision):/d; /^status:/,$d' "$K8S/${places[$1]}/manifest.yaml"
}

# put_back NAME ROOT RESULT…: what a row has changed of the object is as it was before. The manifest is written through
# the root that the row has used: if that has unlinked it, this is a replacement.
put_back() {
    local name=$1 root=$2 place=${places[$1]:-}
    [[ ${*:4} == *ok* ]] || return 0
    rmdir "$K8S"/{namespaces,nodes,namespaces/default/*}/fresh 2>/dev/null || true
    [ -n "$place" ] || return 0
    poll_until test ! -e "$K8S/$place/metadata/deletionTimestamp" # a namespace is emptied first
    [ -d "$K8S/$place" ] || poll_until mkdir "$K8S/$place"
    cp "$work/$name" "$root/$place/manifest.yaml"
    case $name in
    web)
        rm -f "$K8S/$place"/{.minReadySeconds.swp,*/unknown}
        echo text >"$K8S/$place/notes"
        ;;
    conf)
        rm -f "$K8S/$place/metadata/labels/sedAbCdEf"
        echo text >"$K8S/$place/metadata/labels/.tier.abcdef"
        ;;
    esac
}

put_all_back() {
    local name
    for name in "${!places[@]}"; do put_back "$name" "$K8S" ok ok; done
}

first_of() {
    local names=("$K8S/$1"/*)
    echo "${names[0]##*/}"
}

# What the words in <> stand for.
declare -gA names=(
    [plural]=configmaps [cluster]=nodes [uid]=0 [version]=0 [key]=key [container]=main [short]=po [class]=system-node-critical [group]=core [api-version]=v1
    [scalar]=minReadySeconds [required]=template/spec/containers/main/image
    [key-of-entry]=template/spec/containers/main/name [lines]=template/spec/containers/main/args
    [content]=data/greeting [bytes]=binaryData/bytes [secret]=data/password [map]=data [struct]=strategy [required-struct]=template
    [list]=template/spec/containers/main/env [entry]=template/spec/containers/main/env/LEVEL
    [scratch]=notes [scratch-key]=.tier.abcdef)

# path_of FORM OF: sets `path`, on which the form is tried, below the root
path_of() {
    local of=$2 object=${places[$2]:-} ns=default kind='' word
    path=$1
    case $of in
    app) object=namespaces/default/deployments/app ;;
    app-1) object=namespaces/default/replicasets/$app_1 ;;
    hollow-0) object=nodes/hollow-0 ;;
    team) ns=team ;;
    configmaps) kind=namespaces/default/configmaps ;;
    all) kind=all/configmaps ;;
    nodes) kind=nodes ;;
    esac
    path=${path/<ns>.<pod>/default.bound} path=${path/<plural>.<name>/replicasets.$app_1}
    path=${path/labels\/<key>/labels\/tier} path=${path/annotations\/<key>/annotations\/note}
    path=${path/\/spec\/<field>//spec/events} path=${path/\/.top\/<field>//.top/owned}
    path=${path/<object>/$object} path=${path/<kind>/$kind} path=${path/<ns>/$ns} path=${path/<name>/${object##*/}}
    for word in "${!names[@]}"; do path=${path/<$word>/${names[$word]}}; done
}

# each_row COMMAND…: the command, with form, of, type, value, new, and the seven results; $heard is for it to look at.
# In a shell of its own, in which bats doesn't follow each command: that would take most of the time.
each_row() (
    trap - DEBUG
    set +T
    while read -r form of type value new heard results; do
        case $form in '' | '#'*) continue ;; esac
        # shellcheck disable=SC2086 # the results are words
        "$@" "$form" "$of" "$type" "$value" "$new" $results
    done <"$table"
)

# try_row ROOT COMMAND… -- FORM OF TYPE VALUE NEW: what try says, with the command in front of it. It is started in
# the root: the directories above are for whoever runs the tests alone.
try_row() {
    local root=$1 prefix=() value new=- path tried
    shift
    while [ "$1" != -- ]; do prefix+=("$1"); shift; done
    shift
    path_of "$1" "$2"
    tried=./$path
    case $4 in
    @*) value=$(cat "$work/${4#@}"; echo .) value=${value%.} ;;
    *) value=$(printf '%b.' "$4") value=${value%.} ;;
    esac
    if [ "$5" != - ]; then
        path_of "$5" "$2"
        new=./$path
    fi
    (cd "$root" && exec "${prefix[@]}" "$try" "$tried" "$value" "$new")
}

note_difference() { # FORM OF EXPECTED GOT
    printf '%s (%s): expected %s, got %s\n' "$1" "${2}" "$3" "$4" >>"$BATS_TEST_TMPDIR/differences"
}

differences() {
    [ ! -s "$BATS_TEST_TMPDIR/differences" ] || { cat "$BATS_TEST_TMPDIR/differences"; return 1; }
}

expect_as_root() {
    local said
    said=$(try_row "$K8S" -- "$1" "$2" "$3" "$4" "$5")
    [ "$said" = "${3#.} ${*:6}" ] || note_difference "$1" "$2" "${3#.} ${*:6}" "$said"
    put_back "$2" "$K8S" "${@:6}"
}

@test "every operation on every form of path, as root" {
    put_all_back
    each_row expect_as_root
    differences
}

expect_as_member() {
    local said names_of_root=${names[uid]}
    names[uid]=1234
    said=$(try_row "$K8S" setpriv --reuid=1234 --regid=1234 --groups="$group" -- "$1" "$2" "$3" "$4" "$5")
    names[uid]=$names_of_root
    [ "$said" = "${3#.} ${*:6}" ] || note_difference "$1" "$2" "${3#.} ${*:6}" "$said"
    put_back "$2" "$K8S" "${@:6}"
}

@test "every operation on every form of path, as a member of the group podtree" {
    put_all_back
    local group
    group=$(stat -c %g "$K8S")
    [ "$group" != 0 ]
    each_row expect_as_member
    differences
}

# What the kernel knows by itself (that something is a directory, or there) it says to everybody; who can't see that
# something is a directory tries to unlink it.
expect_as_nobody() {
    local said words=("${@:6}") got i
    said=$(try_row "$K8S" setpriv --reuid=65534 --regid=65534 --clear-groups -- "$1" "$2" "$3" "$4" "$5")
    read -r -a got <<<"$said"
    for i in "${!words[@]}"; do
        case ${words[i]}:${got[i + 1]} in
        *:EACCES | -:- | *:EISDIR | EBUSY:EBUSY | EINVAL:EINVAL | EEXIST:EEXIST) ;;
        *) note_difference "$1" "$2" "EACCES throughout" "$said" && return ;;
        esac
    done
}

@test "every operation on every form of path, as nobody" {
    put_all_back
    each_row expect_as_nobody
    differences
    for name in "${!places[@]}"; do
        diff "$work/$name" <(wanted "$name")
    done
}

# ---- over sshfs ----

# A server of our own on the loopback, with keys made for it. Unlisted files have no size: direct_io reads them.
mount_sshfs() {
    local ssh=$work/ssh port
    mkdir -p "$ssh" "$work/remote" /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$ssh/host"
    ssh-keygen -q -t ed25519 -N '' -f "$ssh/user"
    for port in $(shuf -i 20000-30000 -n 20); do
        printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $ssh/host" "AuthorizedKeysFile $ssh/user.pub" \
            "PidFile $ssh/pid" "StrictModes no" "UsePAM no" "PermitRootLogin prohibit-password" \
            "Subsystem sftp internal-sftp" >"$ssh/config"
        "$(command -v sshd || echo /usr/sbin/sshd)" -f "$ssh/config" -E "$ssh/log" && break
    done
    local options=IdentityFile=$ssh/user,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null
    options+=,direct_io,dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0
    # Some versions refuse links that lead upwards, as those of the tree do, unless they are told.
    ! sshfs --help 2>&1 | grep -q no_contain_symlinks || options+=,no_contain_symlinks
    poll_until sshfs -p "$port" -o "$options" "root@127.0.0.1:$K8S" "$work/remote"
}

unmount_sshfs() {
    ! mountpoint -q "$work/remote" || fusermount3 -u "$work/remote" || umount -l "$work/remote"
    [ ! -e "$work/ssh/pid" ] || kill "$(cat "$work/ssh/pid")"
}

# The protocol has few errnos, and tells of no refused write: what counts is whether it has happened.
expect_over_sshfs() {
    local said words=("${@:6}") got i
    said=$(try_row "$work/remote" -- "$1" "$2" "$3" "$4" "$5")
    read -r -a got <<<"$said"
    for i in "${!words[@]}"; do
        case ${words[i]}:${got[i + 1]} in
        ok:ok | ok:'ok*' | 'ok*:ok*' | -:-) ;;
        ok*) note_difference "$1" "$2" "${words[*]}" "$said" && break ;;
        *:ok) note_difference "$1" "$2" "${words[*]}" "$said" && break ;;
        esac
    done
    put_back "$2" "$work/remote" "${@:6}"
}

@test "every operation on every form of path, over sshfs" {
    command -v sshfs >/dev/null || skip "no sshfs"
    put_all_back
    mount_sshfs
    each_row expect_over_sshfs
    differences
}

# ---- nothing without a row ----

# What a form matches: a name for each word, except those that stand for fields.
pattern_of() {
    local pattern=$1
    pattern=${pattern//./\\.}
    pattern=${pattern/<object>/@object} pattern=${pattern/<kind>/@kind}
    pattern=$(sed -E 's,<(scalar|required|key-of-entry|lines|content|bytes|secret|map|struct|required-struct|list|entry|scratch)>,[a-z][A-Za-z]*(/[^/]+)*,g
        s,<plural>|<cluster>,[a-z]+,g; s,<uid>|<version>,[0-9]+,g; s,<[a-z-]+>,[^/]+,g
        s,@object,(namespaces/[^/]+/[a-z]+/[^/]+|(nodes|namespaces|priorityclasses)/[^/]+),
        s,@kind,(namespaces/[^/]+/[a-z]+|all/[a-z]+|nodes|namespaces),' <<<"$pattern")
    printf '%s %s\n' "$2" "^$pattern\$"
}

row_pattern() {
    pattern_of "$1" "${3#.}"
}

@test "everything that is listed has a row" {
    each_row row_pattern | sort -u >"$BATS_TEST_TMPDIR/patterns"
    local type pattern
    for type in directory file link; do
        sed -n "s/^$type //p" "$BATS_TEST_TMPDIR/patterns" >"$BATS_TEST_TMPDIR/$type"
        find "$K8S" -mindepth 1 -type "${type:0:1}" -printf '%P\n' | sort -u | grep -vEf "$BATS_TEST_TMPDIR/$type" >>"$BATS_TEST_TMPDIR/without" || true
    done
    cat "$BATS_TEST_TMPDIR/without"
    [ ! -s "$BATS_TEST_TMPDIR/without" ]
}

row_is_as_it_says() {
    local is=not
    path_of "$1" "$2"
    [ -e "$K8S/$path" ] || note_difference "$1" "$2" "to be there" missing
    [ -z "${listed[$path]:-}" ] || is=listed
    case $1:$3 in
    .:* | *scratch*) return 0 ;;
    *:.*) [ $is = not ] || note_difference "$1" "$2" "not to be listed" $is ;;
    *) [ $is = listed ] || note_difference "$1" "$2" "to be listed" $is ;;
    esac
}

@test "every row stands for something that is there, and is listed or not as it says" {
    put_all_back
    declare -A listed
    local name
    while read -r name; do listed[$name]=yes; done < <(find "$K8S" -mindepth 1 -printf '%P\n')
    each_row row_is_as_it_says
    differences
}

# ---- inotify ----

# bulk RESOURCE LINE…: carried out through a directory that no row is about
bulk() {
    local resource=$1
    shift
    printf '%s\n' "$@" | jq -c --arg resource "$resource" '{resource: $resource, namespace: "default"} + .' >"$K8S/all/leases/.bulk"
}

# change_everything: what each row is about changes, and not through its own path
change_everything() {
    bulk configmaps '{"op":"patch","name":"conf","merge":{"metadata":{"labels":{"tier":"heard"},"annotations":{"note":"heard"}},"data":{"greeting":"heard","more":"heard"},"binaryData":{"bytes":"AAMC"}}}' \
        '{"op":"event","name":"conf","type":"Normal","reason":"Heard","message":"x"}'
    bulk secrets '{"op":"patch","name":"db","merge":{"stringData":{"password":"heard"}}}'
    bulk deployments '{"op":"patch","name":"web","merge":{"metadata":{"labels":{"heard":"x"}},"spec":{"minReadySeconds":6,"strategy":{"type":"Recreate","rollingUpdate":null},"template":{"spec":{"containers":[{"name":"main","image":"podtree/demo:2","args":["heard"],"env":[{"name":"LEVEL","value":"heard"}],"ports":[{"containerPort":8080}]}]}}}}}' \
        '{"op":"patch","name":"app","merge":{"spec":{"replicas":2}}}'
    bulk pods '{"op":"patch","name":"lone","merge":{"metadata":{"labels":{"heard":"x"}}}}' \
        '{"op":"patch","name":"bound","merge":{"metadata":{"labels":{"heard":"x"}}}}'
    bulk leases '{"op":"patch","name":"held","merge":{"spec":{"holderIdentity":"heard"}}}'
    bulk clashes '{"op":"patch","name":"clash","merge":{"owned":2,"spec":{"events":2}}}'
    bulk nodes '{"op":"patch","name":"spare","merge":{"metadata":{"labels":{"heard":"x"}}}}' \
        '{"op":"patch","name":"hollow-0","merge":{"metadata":{"labels":{"heard":"x"}}}}'
    bulk namespaces '{"op":"patch","name":"team","merge":{"metadata":{"labels":{"heard":"x"}}}}'
    ! mkdir "$K8S/configmaps/Not-A-Name" 2>/dev/null
    poll_until reads "$K8S/deployments/app/observed/replicas" 2
}

# Announcements are made in order: behind this one there is none of what was changed before it.
last_is_heard() {
    contains "$work/heard" "/namespaces/default/configmaps/|CREATE,ISDIR|last$"
}

watched_of_row() {
    path_of "$1" "$2"
    realpath "$K8S/$path" "$(dirname "$K8S/$path")"
}

# What the watches have heard: of the thing itself, of its name in its directory, of names in it.
expect_heard() {
    local words='' there above
    path_of "$1" "$2"
    there=$(realpath "$K8S/$path")
    above=$(realpath "$(dirname "$K8S/$path")")
    ! grep -qE "^$there/?\|[^|]*\|$" "$work/heard" || words+=,self
    ! grep -qE "^$above/\|[^|]*\|${path##*/}$" "$work/heard" || words+=,name
    ! grep -qE "^$there/\|[^|]*\|." "$work/heard" || words+=,below
    words=${words#,}
    [ "${words:--}" = "$heard" ] || note_difference "$1" "$2" "a watch to hear $heard" "${words:--}"
}

@test "what watches of every form of path hear" {
    put_all_back
    find "$K8S" -links +0 >/dev/null # what the kernel doesn't know can't be heard of
    each_row watched_of_row | sort -u >"$work/watched"
    inotifywait --monitor --event attrib,modify,create,delete --format '%w|%e|%f' --fromfile "$work/watched" >"$work/heard" 2>"$work/watcher" 3>&- &
    local watcher=$!
    poll_until contains "$work/watcher" "Watches established"
    change_everything
    bulk configmaps '{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"last"}}}'
    poll_until last_is_heard
    kill "$watcher"
    each_row expect_heard
    rmdir "$K8S/configmaps/last"
    echo 1 >"$K8S/deployments/app/replicas"
    differences
}
