# Death and full disks. The long version of the first tests is `make torture`.
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

# ---- disks ----

# A disk of 48 MB for the state.
make_disk() {
    mkdir -p "$disk"
    truncate -s 48M "$BATS_TEST_TMPDIR/image"
    mkfs.ext4 -q -m 0 "$BATS_TEST_TMPDIR/image"
    mount -o loop "$BATS_TEST_TMPDIR/image" "$disk"
    mkdir "$disk/state"
    "$podtree" up --no-node
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
    git -C "$PODTREE_STATE/history.git" fsck --strict
}

# refused_by_disk COMMAND…: with what the disk said; an aborted ext4 says either.
refused_by_disk() {
    run "$@"
    [ "$status" -ne 0 ] && [[ $output == *"Read-only file system"* || $output == *"Input/output error"* ]]
}

@test "a disk that has failed refuses every change, and everything can still be read" {
    make_disk
    configmap kept | apply
    mount -o remount,abort "$disk"
    refused_by_disk tee "$K8S/configmaps/kept/data/greeting" <<<changed
    refused_by_disk mkdir "$K8S/configmaps/new"
    [ "$(cat "$K8S/configmaps/kept/data/greeting")" = hello ]
    is_gone "$K8S/configmaps/new"
}
