# Death and full disks. The long version of the first tests is `make torture`, and
# `make torture-pods`.
load helpers

torture=${PODTREE_BUILD:-$repository/build/check}/tests/torture/torture

setup() {
    [ "$(id -u)" = 0 ] || skip "only root can mount"
    disk=$BATS_TEST_TMPDIR/disk
    export PODTREE_MOUNT=$BATS_TEST_TMPDIR/tree PODTREE_STATE=$disk/state PODTREE_RUN=$BATS_TEST_TMPDIR/run
    export K8S=$PODTREE_MOUNT
}

# The disk last, whatever the test has left.
teardown() {
    show_logs_of_failure
    cluster_down
    if mountpoint -q "$disk"; then
        umount "$disk" || umount -l "$disk"
    fi
}

# ---- kills ----

# tortured OPTION…: torture with directories of its own, which are taken away by it
tortured() {
    PODTREE_STATE=$BATS_TEST_TMPDIR/state
    run timeout 240 "$torture" --podtree "$podtree" --dir "$BATS_TEST_TMPDIR" "$@"
    echo "$output"
    [ "$status" = 0 ]
}

@test "no client notices 200 kills of fsd" {
    tortured --kills 200
}

@test "no client notices that fsd dies at the worst moments" {
    tortured --kills 19 --faults
}

@test "no client notices that any process of the control plane is killed, the supervisor too" {
    tortured --kills 40 --hollow 3 --victims fsd,notifier,scheduler,workloads,gc,hollow,supervisor
}

# The same of a node.
tortured_node() {
    srcdir=$repository run timeout 240 "${torture%/*}/node" --podtree "$podtree" --dir "$BATS_TEST_TMPDIR" "$@"
    echo "$output"
    [ "$status" = 0 ]
}

@test "no container is lost or doubled whatever dies on its node, when the disk is full, the runtime hangs, the machine goes down" {
    tortured_node --kills 10
}

@test "no container is lost or doubled when the node's agent dies at the worst moments" {
    tortured_node --kills 6 --faults
}

@test "an atomic bulk in whose middle fsd is killed is carried out once and whole, or not at all" {
    PODTREE_STATE=$BATS_TEST_TMPDIR/state
    "$podtree" up --no-node
    local name=whole
    for last in '' '{"op":"patch","name":"nowhere","merge":{}}'; do
        { echo '{"op":"atomic"}'
          seq -f "{\"op\":\"create\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"$name-%g\"}}}" 10000
          echo "$last"; } >"$BATS_TEST_TMPDIR/requests"
        cp "$BATS_TEST_TMPDIR/requests" "$K8S/configmaps/.bulk" 3>&- &
        local writer=$!
        for n in 1 2 3; do kill_fsd; done
        wait "$writer"
        name=nothing
    done
    [ "$(ls "$K8S/configmaps" | grep -c '^whole-')" = 10000 ]
    [ "$(ls "$K8S/configmaps" | grep -c '^nothing-')" = 0 ]
    "$podtree" down
}

# ---- directories and documents ----

@test "a reader of a directory gets what stays once, across a kill, whatever comes and goes meanwhile" {
    PODTREE_STATE=$BATS_TEST_TMPDIR/state
    "$podtree" up --no-node
    seq -w 0 3000 | sed 's/.*/{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c&"}}}/' \
        >"$K8S/configmaps/.bulk"
    seq -w 1 2 2999 | sed 's/.*/{"op":"delete","name":"c&"}/' >"$BATS_TEST_TMPDIR/odd"
    export FSD
    FSD=$(pid_of fsd)
    /usr/bin/python3 - "$K8S/configmaps" "$BATS_TEST_TMPDIR/odd" <<'PYTHON'
import os, shutil, signal, sys
path, odd = sys.argv[1:]
directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
reader = os.scandir(directory)
names = [next(reader).name for _ in range(10)]
os.kill(int(os.environ["FSD"]), signal.SIGKILL)
shutil.copyfile(odd, path + "/.bulk")
os.mkdir(path + "/a-first")
os.mkdir(path + "/z-last")
names += [entry.name for entry in reader]
stay = {f"c{i:04}" for i in range(0, 3001, 2)}
assert len(names) == len(set(names)), "a name came twice"
assert stay <= set(names), f"{sorted(stay - set(names))[:5]} did not come"
now = os.listdir(directory)
assert sorted(now) == sorted(stay | {"a-first", "z-last"}), "from the beginning it is not what is there now"
PYTHON
}

# A cluster with the configmap large, of half a megabyte.
up_with_large_configmap() {
    PODTREE_STATE=$BATS_TEST_TMPDIR/state
    "$podtree" up --no-node
    mkdir "$K8S/configmaps/large"
    { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n'; seq 30000 | sed 's/.*/  key&: value/'; } \
        >"$K8S/configmaps/large/manifest.yaml"
}

@test "a reader of a large object gets all of what it began with, across a kill and a change" {
    up_with_large_configmap
    for file in manifest.yaml .json data/.yaml; do
        cp "$K8S/configmaps/large/$file" "$BATS_TEST_TMPDIR/before"
        [ "$(wc -c <"$BATS_TEST_TMPDIR/before")" -gt 200000 ]
        exec {reader}<"$K8S/configmaps/large/$file"
        head -c 50000 <&"$reader" >"$BATS_TEST_TMPDIR/read"
        kill_component fsd
        echo "of $file" >"$K8S/configmaps/large/data/key3"
        cat <&"$reader" >>"$BATS_TEST_TMPDIR/read"
        exec {reader}<&-
        cmp "$BATS_TEST_TMPDIR/read" "$BATS_TEST_TMPDIR/before"
        grep -q "of $file" "$K8S/configmaps/large/$file"
    done
    # Who has read nothing yet sees what was there, or, when fsd is killed before he reads, what is there now.
    for kill in "" kill; do
        file=$K8S/configmaps/large/manifest.yaml
        cp "$file" "$BATS_TEST_TMPDIR/expected"
        exec {reader}<"$file"
        echo "of nobody$kill" >"$K8S/configmaps/large/data/key3"
        if [ -n "$kill" ]; then
            kill_component fsd
            cp "$file" "$BATS_TEST_TMPDIR/expected"
        fi
        cat <&"$reader" >"$BATS_TEST_TMPDIR/read"
        exec {reader}<&-
        cmp "$BATS_TEST_TMPDIR/read" "$BATS_TEST_TMPDIR/expected"
    done
}

@test "a reader of a list gets the large object in it that it began with, across a kill and a change" {
    up_with_large_configmap
    for list in .json .since/0; do
        cp "$K8S/configmaps/large/.json" "$BATS_TEST_TMPDIR/before"
        exec {reader}<"$K8S/configmaps/$list"
        head -c 50000 <&"$reader" >"$BATS_TEST_TMPDIR/read"
        kill_component fsd
        echo "of $list" >"$K8S/configmaps/large/data/key3"
        cat <&"$reader" >>"$BATS_TEST_TMPDIR/read"
        exec {reader}<&-
        jq -c '(.items // [.])[] | select(.metadata.name == "large")' "$BATS_TEST_TMPDIR/read" | head -n 1 |
            cmp - "$BATS_TEST_TMPDIR/before"
        [ "$(jq -c 'select(.items // .version) | true' "$BATS_TEST_TMPDIR/read")" = true ] # to its end
    done
}

# ---- streams ----

# say NAME FROM TO: so many events of a configmap, with numbers
say() {
    seq -f "{\"op\":\"event\",\"name\":\"$1\",\"type\":\"Normal\",\"reason\":\"Said\",\"message\":\"$1 %.0f\"}" "$2" "$3" \
        >"$K8S/configmaps/.bulk"
}

has_heard() {
    tail -n 1 "$BATS_TEST_TMPDIR/heard" | grep -q "$1\$"
}

@test "whoever follows the events hears each once, across kills, deletions and thousands of them" {
    PODTREE_STATE=$BATS_TEST_TMPDIR/state
    "$podtree" up --no-node
    configmap stays | apply
    configmap goes | apply
    tail -n +1 -f "$K8S/events" >"$BATS_TEST_TMPDIR/heard" 2>"$BATS_TEST_TMPDIR/complaints" 3>&- &
    local follower=$!
    say goes 1 2
    say stays 1 2
    rmdir "$K8S/configmaps/goes"
    kill_fsd
    say stays 3 4
    poll_until has_heard "stays 4"
    for n in 1 2 3; do
        say stays $((n * 1000)) $((n * 1000 + 999))
        poll_until has_heard "stays $((n * 1000 + 999))"
        kill_fsd
    done
    [ "$(stat -c %s "$K8S/events")" -gt 200000 ] # much more than is kept otherwise
    [ ! -s "$BATS_TEST_TMPDIR/complaints" ]
    grep Said "$BATS_TEST_TMPDIR/heard" | sed 's/.*: //' |
        cmp - <(printf '%s\n' goes\ {1..2} stays\ {1..4} stays\ {1000..3999})
    kill "$follower"
    tail --pid="$follower" -f /dev/null
    cmp "$BATS_TEST_TMPDIR/heard" "$K8S/events"
    say stays 5 5 # now that nobody follows it the beginning goes
    [ "$(stat -c %s "$K8S/events")" -le $((96 << 10)) ]
    tail -n 1 "$K8S/events" | grep "stays 5$"
}

# ---- disks ----

# A disk of 48 MB for the state.
make_disk() {
    mkdir -p "$disk"
    truncate -s 48M "$BATS_TEST_TMPDIR/image"
    mkfs.ext4 -q -m 0 "$BATS_TEST_TMPDIR/image"
    mount -o loop "$BATS_TEST_TMPDIR/image" "$disk"
    mkdir "$disk/state"
}

# Two thirds of a megabyte that can't be made smaller, in characters.
make_content() {
    head -c 480000 /dev/urandom | base64 -w 0 >"$BATS_TEST_TMPDIR/content"
}

# Writes objects until one is refused; says which were acknowledged.
write_until_refused() {
    local n
    for n in {1..60}; do
        mkdir "$K8S/configmaps/$1-$n" 2>"$BATS_TEST_TMPDIR/refusal" || return 0
        cp "$BATS_TEST_TMPDIR/content" "$K8S/configmaps/$1-$n/data/content" 2>"$BATS_TEST_TMPDIR/refusal" || return 0
        echo "$1-$n"
    done
}

# The objects that were acknowledged, and no other, have the content; every other is there without it or not at all.
tree_has_only() {
    local file found=""
    for file in "$K8S"/configmaps/*/data/content; do
        cmp "$BATS_TEST_TMPDIR/content" "$file" || return 1
        file=${file%/data/content}
        found="$found ${file##*/}"
    done
    [ "$(tr ' ' '\n' <<<"$found" | sort)" = "$({ echo; echo "$1"; } | sort)" ] || { echo "there are$found, acknowledged were $1"; return 1; }
}

kill_fsd() {
    kill_component fsd
    cat "$K8S/namespaces/.version"
}

@test "on a full disk what was refused says so, and the tree is what the disk has, after a kill too" {
    make_disk
    "$podtree" up --no-node
    make_content
    fallocate -l 60M "$disk/filler" 2>/dev/null || cat /dev/zero >"$disk/filler" 2>/dev/null || true
    acknowledged=$(write_until_refused full)
    grep -q "No space left on device" "$BATS_TEST_TMPDIR/refusal"
    error_says "full"
    tree_has_only "$acknowledged"
    kill_fsd
    tree_has_only "$acknowledged"

    rm "$disk/filler"
    mkdir "$K8S/configmaps/after"
    cp "$BATS_TEST_TMPDIR/content" "$K8S/configmaps/after/data/content"
    acknowledged=$(printf '%s\nafter' "$acknowledged" | sed '/^$/d')
    tree_has_only "$acknowledged"
    kill_fsd
    tree_has_only "$acknowledged"
    in_history() { git -C "$PODTREE_STATE/history.git" cat-file -e main:namespaces/default/configmaps/after.yaml; }
    poll_until in_history
    git clone --quiet --bare --no-local "$PODTREE_STATE/history.git" "$BATS_TEST_TMPDIR/copy.git" # it is being written
    git -C "$BATS_TEST_TMPDIR/copy.git" fsck --strict
}

# The historian tries again and again what it could not write: it would take what is left of the disk.
put_history_elsewhere() {
    "$podtree" up --no-node
    "$podtree" down
    mv "$PODTREE_STATE/history.git" "$BATS_TEST_TMPDIR/"
    ln -s "$BATS_TEST_TMPDIR/history.git" "$PODTREE_STATE/history.git"
}

# hold_commits: from the next change on, each commit waits at the gate before it is written.
hold_commits() {
    mkfifo "$gate"
}

# Does a commit wait there? The kernel says where fsd's threads sleep.
is_held() {
    grep -qs wait_for_partner "/proc/$(pid_of fsd)/task/"*/wchan
}

# Lets the commit that waits at the gate, or will come there, go on; fails if none comes.
let_one_go() {
    timeout "$patience" tee "$gate" </dev/null
}

# start_writer N: writes into the N-th label, in the background. When this returns fsd has the change: the
# writer waits for its write(2), and fsd has answered a question that was asked after that.
start_writer() {
    local opened=$BATS_TEST_TMPDIR/opened-$1
    {
        exec 9>"$five/metadata/labels/$1"
        : >"$opened"
        echo now >&9
    } 2>"$BATS_TEST_TMPDIR/refusal-$1" >/dev/null 3>&- &
    writers[$1]=$!
    waits_for_its_write() { [ -e "$opened" ] && [ "$(cut -d ' ' -f 3 "/proc/${writers[$1]}/stat")" = S ]; }
    poll_until waits_for_its_write "$1"
    is_gone "$K8S/configmaps/somebody-asks"
}

# start_large_writer N: writes more into the object than the disk will have room for.
start_large_writer() {
    cp "$BATS_TEST_TMPDIR/content" "$five/data/content" 2>"$BATS_TEST_TMPDIR/refusal-$1" 3>&- &
    writers[$1]=$!
}

was_refused() {
    ! wait "${writers[$1]}" && grep "No space left on device" "$BATS_TEST_TMPDIR/refusal-$1"
}

# labels_are TEXT…: of 1, 2, 4 and 5
labels_are() {
    [ "$(cd "$five/metadata/labels" && cat 1 2 4 5 | tr '\n' ' ')" = "$* " ]
}

# Fills the disk, but for the given file, and what the store has set aside for itself: nothing can be stored.
exhaust_disk() {
    fallocate -l 256K "$1"
    cat /dev/zero >"$disk/filler" 2>/dev/null || true
    make_content
    write_until_refused full >/dev/null
    local n
    for n in {1..500}; do
        write_value "$five/metadata/labels/other" "$n" 2>/dev/null || return 0
    done
    return 1
}

# Each writer begins while the commit before its own is held at the gate: so each is computed upon what is
# being written. The third is the one for which there is no room; the fourth and the fifth, which share the
# next commit and for which there would be room, are pending upon it when it fails.
@test "the third of five pending commits finds the disk full: it and those upon it never were" {
    export PODTREE_FAULT=$BATS_TEST_TMPDIR/fault
    local gate=$BATS_TEST_TMPDIR/gate five=$K8S/configmaps/five reserve=$disk/reserve writers=() n
    make_disk
    put_history_elsewhere
    echo "committing 1 $gate" >"$PODTREE_FAULT"
    "$podtree" up --no-node
    mkdir "$five"
    for n in 1 2 4 5 other; do
        echo before >"$five/metadata/labels/$n"
    done
    exhaust_disk "$reserve"

    hold_commits
    start_writer 1
    start_writer 2
    rm "$reserve"
    let_one_go
    wait "${writers[1]}"
    labels_are now before before before
    start_large_writer 3
    let_one_go
    wait "${writers[2]}"
    poll_until is_held
    start_writer 4
    start_writer 5
    labels_are now now before before
    let_one_go
    for n in 3 4 5; do
        was_refused $n
    done
    rm "$gate"

    # The tree is what the disk has: an fsd that knows nothing else says the same.
    labels_are now now before before
    is_gone "$five/data/content"
    jq .items "$K8S/configmaps/.json" >"$BATS_TEST_TMPDIR/before"
    kill_fsd
    jq .items "$K8S/configmaps/.json" | cmp "$BATS_TEST_TMPDIR/before"

    rm "$disk/filler"
    cp "$BATS_TEST_TMPDIR/content" "$five/data/content"
    echo now >"$five/metadata/labels/5"
    echo now >"$five/metadata/labels/4"
    kill_fsd
    labels_are now now now now
    cmp "$BATS_TEST_TMPDIR/content" "$five/data/content"
}

# refused_by_disk COMMAND…: with what the disk said; an aborted ext4 says either.
refused_by_disk() {
    run "$@"
    [ "$status" -ne 0 ] && [[ $output == *"Read-only file system"* || $output == *"Input/output error"* ]]
}

@test "a disk that has failed refuses every change, and everything can still be read" {
    make_disk
    "$podtree" up --no-node
    configmap kept | apply
    mount -o remount,abort "$disk"
    refused_by_disk tee "$K8S/configmaps/kept/data/greeting" <<<changed
    refused_by_disk mkdir "$K8S/configmaps/new"
    [ "$(cat "$K8S/configmaps/kept/data/greeting")" = hello ]
    is_gone "$K8S/configmaps/new"
}
