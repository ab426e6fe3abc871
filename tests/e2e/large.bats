# What tools do to the names in an object that is so large that a thread of its own computes its changes: the
# same as to any other, and in the same order for whoever looks.
load helpers

setup_file() {
    cluster_up
    export MANY=$K8S/configmaps/many BIG=$K8S/configmaps/big
}
teardown_file() { cluster_down; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    mkdir -p "$MANY" "$BIG"
    { manifest_of many; seq 15000 | sed 's/.*/  key-&: value/'; } >"$MANY/manifest.yaml"
    { manifest_of big; yes "all work and no play" | head -n 20000 | awk '{ print "  line-" NR ": " $0 }'; } >"$BIG/manifest.yaml"
}

teardown() {
    show_logs_of_failure
    rm -rf "$MANY" "$BIG"
}

manifest_of() {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n' "$1"
}

# follow FILE: somebody reads it over and over, until `touch stop`; `missing` where it isn't there
follow() {
    : >seen
    (until [ -e stop ]; do cat "$1" 2>/dev/null || echo missing; done >>seen) 3>&- &
    poll_until test -s seen
}

@test "a key of a large object that is replaced by install, mv or a rename is never missing" {
    follow "$MANY/data/key-7"
    local i
    for i in 1 2 3; do
        echo "install$i" >new
        install -m 644 new "$MANY/data/key-7"
        reads "$MANY/data/key-7" "install$i"
        mv new "$MANY/data/key-7"
        echo "rename$i" >"$MANY/data/.key-7.new"
        mv "$MANY/data/.key-7.new" "$MANY/data/key-7"
        reads "$MANY/data/key-7" "rename$i"
    done
    touch stop
    wait
    lacks seen missing
    [ "$(ls "$MANY/data" | wc -l)" = 15000 ]
}

@test "keys of a large object that rm has removed are gone for whoever comes after it" {
    follow "$MANY/data/key-9"
    local i
    for i in 1 2 3; do
        rm "$MANY/data/key-1$i" "$MANY/data/key-2$i" "$MANY/data/key-3$i"
        lacks "$MANY/manifest.yaml" "key-[123]$i:"
        [ "$(ls "$MANY/data" | wc -l)" = $((15000 - 3 * i)) ]
    done
    touch stop
    wait
    lacks seen missing
}

@test "keys of a large object that several programs remove at once are all gone" {
    local i pids=()
    for i in 1 2 3 4 5; do
        rm "$MANY/data/key-10$i" "$MANY/data/key-20$i" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    [ "$(ls "$MANY/data" | wc -l)" = 14990 ]
    lacks "$MANY/manifest.yaml" 'key-[12]0[1-5]:'
}

@test "what rm has acknowledged of a large object survives a kill of fsd at once" {
    local i
    for i in 1 2 3; do
        /usr/bin/python3 -c '
import os, signal, sys
os.remove(sys.argv[1] + "/data/key-3")
os.remove(sys.argv[1] + "/data/key-4")
os.kill(int(sys.argv[2]), signal.SIGKILL)' "$MANY" "$(pid_of fsd)"
        [ ! -e "$MANY/data/key-3" ]
        lacks "$MANY/manifest.yaml" 'key-[34]:'
        echo back >"$MANY/data/key-3"
        echo back >"$MANY/data/key-4"
    done
}

@test "a removal is carried out while an atomic bulk changes things alone" {
    seq 3000 | sed 's/.*/{"op":"create","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"of-bulk-&"}}}/' >lines
    (echo '{"op":"atomic"}'; cat lines) >"$K8S/configmaps/.bulk" 3>&- &
    rm "$MANY/data/key-5" "$MANY/data/key-6"
    [ ! -e "$MANY/data/key-5" ]
    wait $!
    [ -e "$K8S/configmaps/of-bulk-3000" ]
    sed 's/.*"name":"\([^"]*\)".*/{"op":"delete","name":"\1"}/' lines >"$K8S/configmaps/.bulk"
    lacks "$MANY/manifest.yaml" 'key-[56]:'
}

@test "a key of a large object is renamed, and not over one that is there" {
    mv -n "$MANY/data/key-1" "$MANY/data/renamed"
    [ ! -e "$MANY/data/key-1" ]
    reads "$MANY/data/renamed" value
    mv -n "$MANY/data/key-2" "$MANY/data/renamed" || true
    reads "$MANY/data/key-2" value
    [ "$(ls "$MANY/data" | wc -l)" = 15000 ]
}

@test "a manifest of a large object that a process has unlinked can be put in its place with mv -n" {
    sed 's/no play/much play/' "$BIG/manifest.yaml" >new.yaml
    /usr/bin/python3 - "$BIG" <<'PYTHON'
import ctypes, os, sys
big = sys.argv[1]
with open(big + "/.new", "w") as new:
    new.write(open("new.yaml").read())
os.unlink(big + "/manifest.yaml")
libc = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE = 1
result = libc.renameat2(-100, (big + "/.new").encode(), -100, (big + "/manifest.yaml").encode(), RENAME_NOREPLACE)
assert result == 0, os.strerror(ctypes.get_errno())
PYTHON
    contains "$BIG/data/line-20000" "much play"
}

@test "sed -i and sed -i.bak edit a large manifest, and a backup is what it was" {
    cp "$BIG/manifest.yaml" before
    sed -i 's/no play/some play/' "$BIG/manifest.yaml"
    [ "$(grep -c 'some play' "$BIG/manifest.yaml")" = 20000 ]
    cp "$BIG/manifest.yaml" before
    sed -i.bak 's/some play/more play/' "$BIG/manifest.yaml"
    cmp before "$BIG/manifest.yaml.bak"
    [ "$(grep -c 'more play' "$BIG/manifest.yaml")" = 20000 ]
    rm "$BIG/manifest.yaml.bak"
}

@test "truncate -s cuts a large value by its name" {
    yes "all work and no play" | head -c 500000 >value
    rm -r "$MANY"
    mkdir -p "$MANY/data"
    cat value >"$MANY/data/value"
    truncate -s 300000 "$MANY/data/value"
    head -c 300000 value | cmp - "$MANY/data/value"
    /usr/bin/python3 -c 'import os, sys; os.truncate(sys.argv[1], 200000)' "$MANY/data/value"
    head -c 200000 value | cmp - "$MANY/data/value"
    refused "Invalid argument" /usr/bin/python3 -c 'import os, sys; os.truncate(sys.argv[1], 200001)' "$MANY/data/value"
    [ "$(stat -c %s "$MANY/data/value")" = 200000 ]
}

@test "entries of a large object are made with mkdir, and removed with rmdir and rm -r" {
    deployment web 0 | apply
    local containers=$K8S/deployments/web/template/spec/containers
    yes "all work and no play" | head -n 5000 >"$containers/main/args"
    mkdir -p "$containers/main/ports/8080" "$containers/main/env/LEVEL"
    refused "File exists" mkdir "$containers/main/ports/8080"
    refused "Invalid argument" mkdir "$containers/side"
    echo high >"$containers/main/env/LEVEL/value"
    rmdir "$containers/main/ports/8080"
    [ ! -e "$containers/main/ports/8080" ]
    rm -r "$containers/main/env/LEVEL"
    [ ! -e "$containers/main/env/LEVEL" ]
    [ "$(wc -l <"$containers/main/args")" = 5000 ]
    rmdir "$K8S/deployments/web"
    [ ! -e "$K8S/deployments/web" ]
}

@test "a large object goes with rmdir, and with rm -r" {
    rmdir "$MANY"
    [ ! -e "$MANY" ]
    rm -r "$BIG"
    [ ! -e "$BIG" ]
}
