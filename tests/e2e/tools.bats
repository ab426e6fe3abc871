# Editors and everyday tools do on the tree what they do on any files: none of their sequences of create,
# rename and unlink loses an object, and what they wrote is there when they have ended.
load helpers

setup_file() {
    cluster_up
    export WEB=$K8S/deployments/web CONF=$K8S/configmaps/conf
}
teardown_file() { cluster_down; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    deployment web 0 | apply
    configmap conf | apply
    echo 30 >"$WEB/minReadySeconds"
    printf 'serve\n-v\n' >"$WEB/template/spec/containers/main/args"
    echo front >"$CONF/metadata/labels/tier"
}

busy=() # what keeps processors busy, until the test has ended

teardown() {
    show_logs_of_failure
    [ ${#busy[@]} = 0 ] || kill "${busy[@]}"
    rmdir "$WEB" "$CONF" "$K8S/configmaps/copy" 2>/dev/null || true
}

# ---- replacing what a file holds ----

# replaces COMMAND…: the command, which gets a file of the tree and a file that has the new content, puts it
# there: for a number, a label, lines, bytes and a whole document. The objects stay the ones that they were,
# and nothing is left beside the file.
replaces() {
    local uids
    uids=$(cat "$WEB/metadata/uid" "$CONF/metadata/uid")
    replaces_in "$WEB/minReadySeconds" $'40\n' "$@"
    replaces_in "$CONF/metadata/labels/tier" $'back\n' "$@"
    replaces_in "$WEB/template/spec/containers/main/args" $'run\n--fast\n' "$@"
    replaces_in "$CONF/data/greeting" $'a\n\nand the last line\n' "$@"
    replaces_manifest "$CONF" greeting: changed: "$@"
    replaces_manifest "$WEB" 'minReadySeconds: 40' 'minReadySeconds: 41' "$@"
    [ "$(cat "$WEB/metadata/uid" "$CONF/metadata/uid")" = "$uids" ]
    local left
    left=$(find "$WEB" "$CONF" -name "*~" -o -name "*.bak" -o -name "sed*" -o -name ".?*" -o -name "tmp.*")
    [ -z "$left" ] || fail "left behind by $*: $left"
}

replaces_in() {
    local file=$1 content=$2
    shift 2
    printf %s "$content" >new
    "$@" "$file" new || fail "failed on $file: $*"
    printf %s "$content" | cmp - "$file" || fail "$file has another content after: $*"
    [ "$(stat -c %s "$file")" = "$(printf %s "$content" | wc -c)" ] || fail "$file has another size after: $*"
}

# The document as it is, edited; without the version that it was read at, which an old one must not have.
replaces_manifest() {
    local object=$1 old=$2 new=$3
    shift 3
    sed -e "s/$old/$new/" -e '/resourceVersion:/d' "$object/manifest.yaml" >new
    "$@" "$object/manifest.yaml" new || fail "failed on $object/manifest.yaml: $*"
    grep -q "$new" "$object/manifest.yaml" || fail "the manifest has not changed: $*"
    [ -e "$object/metadata/uid" ] || fail "the object is gone: $*"
}

fail() {
    echo "$*" >&2
    tail -n 3 "$K8S/errors" >&2
    return 1
}

by_cat() { cat "$2" >"$1"; }
by_cp() { cp "$2" "$1"; }
by_cp_p() { cp -p "$2" "$1"; }
by_cp_a() { cp -a "$2" "$1"; }
by_cp_remove() { cp --remove-destination "$2" "$1"; }
by_cp_force() { cp -f "$2" "$1"; }
by_cp_backup() { cp -b "$2" "$1" && rm "$1~"; }
by_mv() { mv "$2" "$1"; }
by_install() { install -m 644 "$2" "$1"; }
by_tee() { tee "$1" <"$2" >/dev/null; }
by_dd() { dd if="$2" of="$1" status=none; }
by_dd_fsync() { dd if="$2" of="$1" bs=64k conv=fsync status=none; }
by_tar() {
    mkdir -p packed && cp "$2" "packed/${1##*/}"
    tar -C packed -cf - "${1##*/}" | tar -C "${1%/*}" -xf -
    rm -r packed
}
by_tar_unlink() {
    mkdir -p packed && cp "$2" "packed/${1##*/}"
    tar -C packed -cf - "${1##*/}" | tar -C "${1%/*}" --unlink-first -xf -
    rm -r packed
}
by_tar_overwrite() {
    mkdir -p packed && cp "$2" "packed/${1##*/}"
    tar -C packed -cf - "${1##*/}" | tar -C "${1%/*}" --overwrite -xf -
    rm -r packed
}
by_rsync() { rsync --ignore-times "$2" "$1"; }
by_rsync_a() { rsync -a --ignore-times "$2" "$1"; }
by_rsync_inplace() { rsync --inplace --ignore-times "$2" "$1"; }
by_mktemp() {
    local temporary
    temporary=$(mktemp -p "${1%/*}")
    cat "$2" >"$temporary" && mv "$temporary" "$1"
}
# Of a document, the first of the two hears that what it wrote is none; it counts when the shell closes the file.
by_two_cats() { { head -n 1 "$2" || true; tail -n +2 "$2"; } >"$1"; }
by_descriptor() {
    local line descriptor
    exec {descriptor}>"$1"
    cat "$2" >&"$descriptor"
    exec {descriptor}>&-
}
by_patch() {
    diff -u "$1" "$2" >difference || true
    patch -s "$1" difference
}
by_vim() { vim.tiny -es -N -u NONE -c "%!cat $2" -c wq "$1" </dev/null; }
by_vim_backup() { vim.tiny -es -N -u NONE -c "set backup" -c "%!cat $2" -c wq "$1" </dev/null && rm -f "$1~"; }
by_perl() { NEW=$2 perl -0777 -i -pe 'BEGIN { open my $f, "<", $ENV{NEW}; local $/; $new = <$f> } $_ = $new' "$1"; }
by_perl_backup() { NEW=$2 perl -0777 -i.bak -pe 'BEGIN { open my $f, "<", $ENV{NEW}; local $/; $new = <$f> } $_ = $new' "$1" && rm "$1.bak"; }
by_sed() { sed -i -e "1r $2" -e 'd' "$1"; }
by_sed_backup() { sed -i.bak -e "1r $2" -e 'd' "$1" && rm "$1.bak"; }
by_python() { /usr/bin/python3 -c 'import sys; open(sys.argv[1], "w").write(open(sys.argv[2]).read())' "$1" "$2"; }
by_python_replace() { /usr/bin/python3 -c '
import os, sys
os.remove(sys.argv[1])
open(sys.argv[1], "x").write(open(sys.argv[2]).read())' "$1" "$2"; }
by_busybox_cp() { busybox cp -f "$2" "$1"; }
by_busybox_mv() { busybox mv "$2" "$1"; }
by_busybox_sed() { busybox sed -i -e "1r $2" -e d "$1"; }

@test "cat > file" { replaces by_cat; }
@test "cp" { replaces by_cp; }
@test "cp -p" { replaces by_cp_p; }
@test "cp -a" { replaces by_cp_a; }
@test "cp -f" { replaces by_cp_force; }
@test "cp -b" { replaces by_cp_backup; }
@test "cp --remove-destination" { replaces by_cp_remove; }
@test "mv from another filesystem" { replaces by_mv; }
@test "install" { replaces by_install; }
@test "tee" { replaces by_tee; }
@test "dd" { replaces by_dd; }
@test "dd conv=fsync" { replaces by_dd_fsync; }
@test "tar x" { replaces by_tar; }
@test "tar x --unlink-first" { replaces by_tar_unlink; }
@test "tar x --overwrite" { replaces by_tar_overwrite; }
@test "rsync" { replaces by_rsync; }
@test "rsync -a" { replaces by_rsync_a; }
@test "rsync --inplace" { replaces by_rsync_inplace; }
@test "mktemp and mv" { replaces by_mktemp; }
@test "two programs in one redirection" { replaces by_two_cats; }
@test "a shell's open descriptor" { replaces by_descriptor; }
@test "patch" { replaces by_patch; }
@test "vim" { replaces by_vim; }
@test "vim with backup" { replaces by_vim_backup; }
@test "perl -i" { replaces by_perl; }
@test "perl -i.bak" { replaces by_perl_backup; }
@test "sed -i" { replaces by_sed; }
@test "sed -i.bak" { replaces by_sed_backup; }
@test "python's open for writing" { replaces by_python; }
@test "python's remove and open anew" { replaces by_python_replace; }
@test "busybox cp" { replaces by_busybox_cp; }
@test "busybox mv" { replaces by_busybox_mv; }
@test "busybox sed -i" { replaces by_busybox_sed; }

# ---- without being root ----

# A member of the group may everything, but owns nothing: what it makes has to be its own for as long as the
# tool sees to its modes and times.
@test "tools work for a member of the group podtree, without a word" {
    local group words
    group=$(getent group podtree | cut -d: -f3)
    [ -n "$group" ] || skip "there is no group podtree"
    cd "$K8S" # relative paths: nobody but root may pass through where the mount is
    local conf=configmaps/conf own tool
    own=$(mktemp -d) && chmod 777 "$own"
    quietly() {
        words=$(setpriv --reuid=4321 --regid=4321 --groups="$group" "$@" 2>&1) || fail "failed: $*: $words"
        [ -z "$words" ] || fail "said by $*: $words"
    }
    for tool in "install -m 600" "cp --remove-destination -p" "mv" "cp"; do
        quietly cp /etc/hostname "$own/new"
        # shellcheck disable=SC2086
        quietly $tool "$own/new" "$conf/data/greeting"
        cmp /etc/hostname "$conf/data/greeting"
        echo other >"$conf/data/greeting"
    done
    quietly sed -i s/other/more/ "$conf/data/greeting"
    quietly perl -i -pe s/more/most/ "$conf/data/greeting"
    quietly vim.tiny -es -N -u NONE -c "%s/most/all/" -c wq "$conf/data/greeting"
    reads "$conf/data/greeting" all
    sed s/greeting/changed/ "$conf/manifest.yaml" >"$own/manifest.yaml"
    quietly install -m 644 "$own/manifest.yaml" "$conf/manifest.yaml"
    reads "$conf/data/changed" all
    rm -r "$own"
    [ "$(stat -c %u "$CONF/manifest.yaml" "$CONF/data/changed" | sort -u)" = 0 ]
}

# ---- one change, and never a moment without ----

# never_without FILE COMMAND…: the command, many times ($rounds), while somebody reads the file over and over
never_without() {
    local file=$1 reader
    shift
    : >seen
    (while [ ! -e stop ]; do cat "$file" 2>&1 || echo missing; done >>seen) &
    reader=$!
    poll_until test -s seen
    local i
    for ((i = 1; i <= ${rounds:-10}; i++)); do
        echo "value$i" >new
        "$@" "$file" new || fail "failed: $*"
    done
    poll_until contains seen "^value${rounds:-10}$"
    touch stop
    wait "$reader"
    sort seen | uniq -c
    ! grep -vE '^(value[0-9]+|front)$' seen
}

@test "install never leaves a moment without the value" { never_without "$CONF/metadata/labels/tier" by_install; }
@test "mv from elsewhere never leaves a moment without the value" { never_without "$CONF/metadata/labels/tier" by_mv; }
@test "tar x never leaves a moment without the value" { never_without "$CONF/metadata/labels/tier" by_tar; }
@test "cp --remove-destination never leaves a moment without the value" { never_without "$CONF/metadata/labels/tier" by_cp_remove; }

# Between its unlink and its creation such a program waits for a processor, for as long as others want it.
starved() {
    taskset -c 0 nice -n 19 "$@"
}

@test "a program that gets no processor never leaves a moment without the value" {
    local i
    for i in 1 2 3; do
        taskset -c 0 bash -c 'while :; do :; done' 3>&- &
        busy+=($!)
    done
    by_starved_install() { starved install -m 644 "$2" "$1"; }
    rounds=3 never_without "$CONF/metadata/labels/tier" by_starved_install
}

# A number whose absence would mean another one: nobody may ever scale to it.
@test "install of a field with a default never shows the default" {
    echo 5 >"$WEB/replicas"
    local before i
    before=$(cat "$WEB/metadata/generation")
    for i in 1 2 3 4 5; do
        echo $((i + 5)) >new
        install new "$WEB/replicas"
    done
    [ "$(cat "$WEB/replicas")" = 10 ]
    [ "$(cat "$WEB/metadata/generation")" = $((before + 5)) ]
}

# ---- removing ----

@test "rm of a label is seen by whoever comes after it" {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        echo "$i" >"$CONF/metadata/labels/tier"
        rm "$CONF/metadata/labels/tier"
        lacks "$CONF/manifest.yaml" tier
        [ ! -e "$CONF/metadata/labels/tier" ]
        [ "$(stat -c %s "$CONF/manifest.yaml")" = "$(wc -c <"$CONF/manifest.yaml")" ]
    done
}

@test "a program that removes a label and goes on sees what it did" {
    /usr/bin/python3 - "$CONF" <<'PYTHON'
import os, sys
conf = sys.argv[1]
os.remove(conf + "/metadata/labels/tier")
assert not os.path.exists(conf + "/metadata/labels/tier")
assert "tier" not in os.listdir(conf + "/metadata/labels")
assert "tier" not in open(conf + "/manifest.yaml").read()
PYTHON
}

@test "a program that removes a label and stays: others see it a little later" {
    mkfifo go
    /usr/bin/python3 -c 'import os, sys; os.remove(sys.argv[1]); open("go").read()' "$CONF/metadata/labels/tier" &
    without_tier() { ! grep -q tier "$CONF/manifest.yaml"; }
    wait_until "$CONF" without_tier
    echo >go
    wait
}

@test "rm of several names is several removals, all of them acknowledged" {
    local i
    for i in 1 2 3 4 5 6 7 8 9; do echo "$i" >"$CONF/data/key$i"; done
    rm "$CONF"/data/key*
    [ "$(ls "$CONF/data")" = greeting ]
}

@test "what rm has acknowledged survives a kill of fsd at once" {
    local i
    for i in 1 2 3 4 5; do
        echo back >"$CONF/metadata/labels/tier"
        /usr/bin/python3 -c '
import os, signal, sys
os.remove(sys.argv[1])
os.kill(int(sys.argv[2]), signal.SIGKILL)' "$CONF/metadata/labels/tier" "$(pid_of fsd)"
        [ ! -e "$CONF/metadata/labels/tier" ]
        lacks "$CONF/manifest.yaml" tier
    done
}

@test "what rm has acknowledged survives a crash of everything" {
    local pids
    mapfile -t pids < <(recorded_pids)
    /usr/bin/python3 -c '
import os, signal, sys
os.remove(sys.argv[1])
for pid in sys.argv[2:]:
    os.kill(int(pid), signal.SIGKILL)' "$CONF/metadata/labels/tier" "$(pid_of supervisor)" "${pids[@]}"
    "$podtree" down || true
    "$podtree" up --no-node
    [ -e "$CONF/data/greeting" ]
    [ ! -e "$CONF/metadata/labels/tier" ]
    lacks "$CONF/manifest.yaml" tier
}

@test "a replacement that is cut short by a kill of fsd is one of the two" {
    local i
    for i in 1 2 3 4 5 6 7 8; do
        echo "value$i" >new
        (install new "$CONF/metadata/labels/tier") &
        kill_component fsd
        wait $! || true
        [ "$(cat "$CONF/metadata/labels/tier")" = "value$i" ]
    done
}

removes_object() {
    "$@" "$CONF"
    [ ! -e "$CONF" ]
    [ -e "$WEB" ]
    lacks "$K8S/errors" "nothing has happened"
}
find_delete() { find "$1" -delete; }
rmtree() { /usr/bin/python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1])' "$1"; }
remove_tree() { perl -MFile::Path=remove_tree -e 'remove_tree($ARGV[0], {error => \my $e}); exit(@$e ? 1 : 0)' "$1"; }
busybox_rm() { busybox rm -r "$1"; }
@test "rmdir deletes an object" { removes_object rmdir; }
@test "rm -r deletes an object" { removes_object rm -r; }
@test "rm -rf deletes an object" { removes_object rm -rf; }
@test "find -delete deletes an object" { removes_object find_delete; }
@test "python's rmtree deletes an object" { removes_object rmtree; }
@test "perl's remove_tree deletes an object" { removes_object remove_tree; }
@test "busybox rm -r deletes an object" { removes_object busybox_rm; }

removes_entry() {
    local containers=$WEB/template/spec/containers
    { deployment web 0; printf '      - name: side\n        image: podtree/demo:1\n'; } | apply
    mkdir -p "$containers/side/ports/8080" "$containers/side/env/LEVEL"
    echo debug >"$containers/side/env/LEVEL/value"
    local before
    before=$(cat "$WEB/metadata/generation")
    "$@" "$containers/side"
    [ ! -e "$containers/side" ]
    [ "$(ls "$containers")" = main ]
    lacks "$WEB/manifest.yaml" "name: side"
    [ "$(cat "$WEB/metadata/generation")" = $((before + 1)) ]
}
@test "rmdir removes an entry of a list" { removes_entry rmdir; }
@test "rm -r removes an entry of a list, as one change" { removes_entry rm -r; }
@test "find -delete removes an entry of a list" { removes_entry find_delete; }
@test "python's rmtree removes an entry of a list" { removes_entry rmtree; }
@test "busybox rm -r removes an entry of a list" { removes_entry busybox_rm; }

@test "rm -r of a whole namespace takes what is in it along" {
    mkdir "$K8S/namespaces/team" "$K8S/namespaces/team/configmaps/one"
    rm -r "$K8S/namespaces/team"
    wait_until "$K8S/namespaces" is_gone "$K8S/namespaces/team"
}

@test "unlinking a manifest alone does nothing, and errors says so" {
    rm "$CONF/manifest.yaml"
    [ -e "$CONF/manifest.yaml" ]
    said() { error_says "nothing has happened"; }
    wait_until "$K8S/errors" said
    [ "$(cat "$CONF/data/greeting")" = hello ]
}

@test "a file moved away to a scratch name is a copy, and nothing has changed" {
    mv "$WEB/minReadySeconds" "$WEB/minReadySeconds~"
    mv "$CONF/manifest.yaml" "$CONF/manifest.yaml.bak"
    [ "$(cat "$WEB/minReadySeconds")" = 30 ]
    [ "$(cat "$WEB/minReadySeconds~")" = 30 ]
    cmp "$CONF/manifest.yaml" "$CONF/manifest.yaml.bak"
    rm "$WEB/minReadySeconds~" "$CONF/manifest.yaml.bak"
}

@test "a file whose name is no field is talked about once, and an editor's never" {
    local typo=$WEB/template/spec/containers/main/imagee name
    echo 3 >"$WEB/replica"
    echo x >"$typo"
    for name in sedAbCdEf .imagee.swp 4913 "replica~" ".#replica" .imagee.AbCdEf replica.bak; do
        echo x >"$WEB/$name"
    done
    echo 40 >"$WEB/newname" && mv "$WEB/newname" "$WEB/minReadySeconds"
    echo x >"$WEB/gone" && rm "$WEB/gone"
    said() { grep -q "imagee" "$K8S/errors" && grep -q "web/replica:" "$K8S/errors"; }
    wait_until "$K8S/errors" said
    [ "$(grep -F "is only a scratch file" "$K8S/errors" | cut -d ' ' -f 2- | sort)" = \
"/namespaces/default/deployments/web/replica: is only a scratch file, as editors make them, and will be dropped: unknown field \"replica\": did you mean \"replicas\"?
/namespaces/default/deployments/web/template/spec/containers/main/imagee: is only a scratch file, as editors make them, and will be dropped: unknown field \"spec.template.spec.containers[0].imagee\": did you mean \"image\"?" ]
    [ "$(cat "$WEB/minReadySeconds")" = 40 ]
    echo 4 >"$WEB/replica"
    echo 5 >"$WEB/second"
    said() { grep -q "web/second:" "$K8S/errors"; }
    wait_until "$K8S/errors" said
    [ "$(grep -c "web/replica:" "$K8S/errors")" = 1 ]
    rm "$WEB"/{replica,second,sedAbCdEf,.imagee.swp,4913,replica~,.#replica,.imagee.AbCdEf,replica.bak} "$typo"
}

# ---- parts of files ----

@test "echo >> appends to a list, and only to its end" {
    local args=$WEB/template/spec/containers/main/args
    echo last >>"$args"
    [ "$(cat "$args")" = $'serve\n-v\nlast' ]
    { echo one; echo two; } >>"$args"
    [ "$(cat "$args")" = $'serve\n-v\nlast\none\ntwo' ]
    printf more >>"$CONF/data/greeting"
    [ "$(cat "$CONF/data/greeting")" = hellomore ]
}

@test ": > file empties a list and a content, and nothing else" {
    : >"$WEB/template/spec/containers/main/args"
    : >"$CONF/data/greeting"
    : >"$WEB/minReadySeconds"
    [ -z "$(cat "$WEB/template/spec/containers/main/args")" ]
    [ -e "$CONF/data/greeting" ]
    [ ! -s "$CONF/data/greeting" ]
    [ "$(cat "$WEB/minReadySeconds")" = 30 ]
}

@test "truncate cuts a content, and not a value" {
    truncate -s 4 "$CONF/data/greeting"
    [ "$(cat "$CONF/data/greeting")" = hell ]
    truncate -s 0 "$WEB/minReadySeconds"
    [ "$(cat "$WEB/minReadySeconds")" = 30 ]
}

@test "dd conv=notrunc writes over a part of a content" {
    printf J | dd of="$CONF/data/greeting" conv=notrunc status=none
    [ "$(cat "$CONF/data/greeting")" = Jello ]
    printf y | dd of="$CONF/data/greeting" bs=1 seek=4 conv=notrunc status=none
    [ "$(cat "$CONF/data/greeting")" = Jelly ]
}

@test "dd of any block size puts the same bytes there" {
    seq 1 20000 >long
    local size
    for size in 1000 4096 64k 1M; do
        dd if=long of="$CONF/data/long" bs=$size status=none
        cmp long "$CONF/data/long"
    done
}

@test "a content can be empty from the beginning" {
    touch "$CONF/data/nothing"
    : >"$CONF/data/nothing2"
    cp /dev/null "$CONF/data/nothing3"
    [ "$(stat -c %s "$CONF"/data/nothing*)" = $'0\n0\n0' ]
}

labels_of_conf() { jq -c .metadata.labels "$CONF/.json"; }

@test "touch and : > make an entry with an empty value, seen at once" {
    local i
    for i in 1 2 3 4 5; do
        touch "$CONF/metadata/labels/touched$i"
        [ "$(cat "$CONF/metadata/labels/touched$i")" = "" ]
        touch "$CONF/data/touched$i"
        [ "$(stat -c %s "$CONF/data/touched$i")" = 0 ]
    done
    : >"$CONF/metadata/labels/emptied"
    cp /dev/null "$CONF/metadata/annotations/copied"
    [ "$(jq -r '.metadata.labels.emptied' "$CONF/.json")" = "" ]
    [ "$(jq -r '.metadata.annotations.copied' "$CONF/.json")" = "" ]
    touch "$CONF/metadata/labels/tier"
    : >"$CONF/metadata/labels/tier"
    [ "$(cat "$CONF/metadata/labels/tier")" = front ]
    rm "$CONF"/metadata/labels/{touched*,emptied} "$CONF/metadata/annotations/copied"
}

@test "a new value is one change, with no moment of an empty one" {
    local labels=$WEB/template/metadata/labels before i
    before=$(cat "$WEB/metadata/generation")
    while sleep 0.001; do jq -r .role "$labels/.json"; done >seen &
    local reader=$!
    for i in {1..50}; do
        echo "back$i" >"$labels/role"
        rm "$labels/role"
    done
    kill "$reader"
    wait "$reader" || true
    [ "$(cat "$WEB/metadata/generation")" = $((before + 100)) ]
    [ -s seen ]
    run ! grep -vxE 'null|back[0-9]+' seen
}

@test "a value that is refused makes no empty entry, nor does a file that is taken away again" {
    local before
    before=$(labels_of_conf)
    refused "Invalid argument" write_value "$CONF/metadata/labels/role" "not ok!"
    /usr/bin/python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY)
os.unlink(sys.argv[1])
os.close(fd)' "$CONF/metadata/labels/probe"
    [ "$(labels_of_conf)" = "$before" ]
    [ ! -e "$CONF/metadata/labels/role" ] && [ ! -e "$CONF/metadata/labels/probe" ]
}

@test "where a value can't be empty, touch makes nothing, and errors says so" {
    touch "$WEB/paused"
    [ ! -e "$WEB/paused" ]
    error_says "spec.paused: must be true or false, not empty"
    mkdir -p "$WEB/template/spec/containers/main/resources/limits"
    touch "$WEB/template/spec/containers/main/resources/limits/cpu"
    [ ! -e "$WEB/template/spec/containers/main/resources/limits/cpu" ]
    error_says 'spec.template.spec.containers[0].resources.limits[cpu]: must be a quantity'
}

# ---- trees ----

@test "an object is copied to another name with its manifest" {
    mkdir "$K8S/configmaps/copy"
    cp "$CONF/manifest.yaml" "$K8S/configmaps/copy/"
    [ "$(cat "$K8S/configmaps/copy/data/greeting")" = hello ]
    [ "$(cat "$K8S/configmaps/copy/metadata/uid")" != "$(cat "$CONF/metadata/uid")" ]
}

@test "a directory of files becomes the data of a ConfigMap with cp and rsync" {
    mkdir files
    echo one >files/one.conf
    echo two >files/two.conf
    cp files/* "$CONF/data/"
    diff files/one.conf "$CONF/data/one.conf"
    echo three >files/one.conf
    rsync -rc --delete files/ "$CONF/data/"
    diff -r files "$CONF/data"
}

@test "tar and rsync read a whole object, diff -r finds no difference" {
    tar -C "$K8S/configmaps" -cf - conf | tar -xf -
    diff -r "$CONF" conf
    rsync -a "$CONF/" mirrored/
    diff -r "$CONF" mirrored
    grep -rq hello "$K8S/configmaps/"
    [ "$(find "$K8S/configmaps/conf/" -name greeting)" = "$K8S/configmaps/conf/data/greeting" ]
}

# Where controllers write, a file may change between the two.
@test "every file of the tree has the size that a read gives" {
    /usr/bin/python3 - "$K8S" <<'PYTHON'
import os, sys
wrong = []
for directory, _, names in os.walk(sys.argv[1]):
    if "/deployments/" in directory:
        continue
    for path in (os.path.join(directory, name) for name in names):
        if os.path.isfile(path) and os.stat(path).st_size != len(open(path, "rb").read()):
            wrong.append(path)
print(wrong)
assert not wrong
PYTHON
}

# ---- attributes, locks, watches ----

@test "chmod, chown, touch and utimes succeed without effect" {
    local before file
    before=$(stat -c '%a %u %g' "$CONF/data/greeting" "$CONF" "$CONF/manifest.yaml")
    for file in "$CONF/data/greeting" "$CONF" "$CONF/manifest.yaml"; do
        chmod 777 "$file"
        chown 1000:1000 "$file"
        touch -d 2001-01-01 "$file"
    done
    [ "$(stat -c '%a %u %g' "$CONF/data/greeting" "$CONF" "$CONF/manifest.yaml")" = "$before" ]
    [ "$(stat -c %Y "$CONF/data/greeting")" -gt 1000000000 ]
}

@test "extended attributes and ACLs aren't supported" {
    refused "Operation not supported" setfattr -n user.colour -v blue "$CONF/data/greeting"
    refused "Operation not supported" setfacl -m u:1000:r "$CONF/data/greeting"
}

@test "df answers, flock locks" {
    df "$K8S" | grep -q podtree
    flock -n "$CONF/manifest.yaml" true
    exec {lock}<"$CONF/manifest.yaml"
    flock -n "$lock"
    run ! flock -n "$CONF/manifest.yaml" true
    exec {lock}<&-
}

@test "a time moves with the field that changed, not with its neighbours" {
    local before
    before=$(stat -c %.Y "$CONF/data/greeting" "$CONF/metadata/labels/tier")
    echo changed >"$CONF/data/other"
    [ "$(stat -c %.Y "$CONF/data/greeting" "$CONF/metadata/labels/tier")" = "$before" ]
    echo changed >"$CONF/data/greeting"
    [ "$(stat -c %.Y "$CONF/data/greeting")" != "$(head -n 1 <<<"$before")" ]
}

@test "tail -f on status shows each line once" {
    exec {lines}< <(exec tail -n +1 -f "$CONF/status")
    local follower=$! line i
    read -r -t "$patience" -u "$lines" line
    for i in 2 3 4; do
        echo "$i" >"$CONF/data/key$i"
        read -r -t "$patience" -u "$lines" line
        [[ $line == *data=$i* ]]
    done
    kill "$follower"
    exec {lines}<&-
}
