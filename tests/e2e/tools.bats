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

teardown() {
    show_logs_of_failure
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
