# What is refused: by the system call that tried it, with the right errno, and with a sentence in errors.
#
# errors.golden is both the list of attempts and what has to come of them; each test below carries out one of
# its sections and compares. GOLDEN_UPDATE=1 writes what has come into the golden file instead, to be read
# critically before it is kept.
load helpers

golden=$BATS_TEST_DIRNAME/errors.golden

setup_file() {
    cluster_up --hollow 2
    export work=$BATS_FILE_TMPDIR/work
    mkdir "$work"
    deployment web 0 >"$work/web.yaml"
    deployment other 0 >"$work/deployment.yaml"
    configmap other >"$work/configmap.yaml"
    { configmap large; printf '  large: "'; head -c 1100000 /dev/zero | tr '\0' x; echo '"'; } >"$work/large.yaml"
    apply <"$work/web.yaml"
    configmap conf | apply
    cp "$K8S/configmaps/conf/manifest.yaml" "$work/old.yaml"
    echo changed >"$K8S/configmaps/conf/data/other"
    { configmap held | sed 's,name: held,name: held\n  finalizers: [podtree.io/one],'; } | apply
    rmdir "$K8S/configmaps/held"
    printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: leaving\n  finalizers: [podtree.io/one]\n' | apply
    rmdir "$K8S/namespaces/leaving"
    # Its node isn't there, so it is deleted after a while: but it stays.
    pod bound "nodeName: node-a" | sed "s,name: bound,name: bound\n  finalizers: [podtree.io/one]," | apply
    pod big 'resources: {requests: {cpu: "1000"}}' | apply
    # The kernel knows the names from now on, and asks about what is done with them.
    find "$K8S/namespaces/default/deployments" "$K8S/namespaces/default/configmaps" >/dev/null
}

teardown_file() { cluster_down; }
teardown() { show_logs_of_failure; }

# pod NAME LINE: a Pod with this line in its spec, or, if it is about resources, in its container
pod() {
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n  - name: main\n    image: podtree/demo:1\n' "$1"
    case $2 in
    resources:*) printf '    %s\n' "$2" ;;
    *) printf '  %s\n' "$2" ;;
    esac
}

# ---- what the attempts use ----

# status_of POD WORD: the part of its status line behind the time, once it has the word
status_of() {
    wait_until "pods/$1" contains "pods/$1/status" "$2"
    tail -n 1 "pods/$1/status" | cut -d ' ' -f 2-
}

as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# bulk LINE…: its results
bulk() {
    printf '%s\n' "$@" | perl -MIO::Handle -e '
        open(my $bulk, "+<", "configmaps/.bulk") or die "open: $!\n";
        syswrite($bulk, join("", <STDIN>)) or die "write: $!\n";
        $bulk->sync or die "fsync: $!\n";
        sysseek($bulk, 0, 0);
        print while sysread($bulk, $_, 65536);'
}

# exchange ONE OTHER: renames both at once
exchange() {
    python3 - "$@" <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other = (os.fsencode(name) for name in sys.argv[1:])
if libc.renameat2(-100, one, -100, other, 2) < 0:
    sys.exit("exchange: " + os.strerror(ctypes.get_errno()))
PYTHON
}

# ---- transcripts ----

# The words of an errno, at the end of what a tool has said, as its name.
errno_name() {
    sed -nE 's/.*: ([A-Z][a-zA-Z/ ]+)$/\1/p' | tail -n 1 | sed -E '
        s/^Invalid argument$/EINVAL/; s/^Operation not permitted$/EPERM/; s/^Permission denied$/EACCES/
        s/^No such file or directory$/ENOENT/; s/^File exists$/EEXIST/; s/^File too large$/EFBIG/
        s/^Resource temporarily unavailable$/EAGAIN/; s/^Device or resource busy$/EBUSY/
        s/^File name too long$/ENAMETOOLONG/; s/^Is a directory$/EISDIR/; s/^Not a directory$/ENOTDIR/
        s/^Invalid cross-device link$/EXDEV/; s/^Directory not empty$/ENOTEMPTY/'
}

masked() {
    sed -E "s,$K8S,/k8s,g"'
        s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UID/g
        s/version [0-9]+/version N/g; s/not [0-9]+; read/not N; read/; s/"rv":"[0-9]+"/"rv":"N"/g'
}

all_errors() {
    cat "$K8S/errors" "$K8S/.errors/65534"
}

# attempt COMMAND: what a person sees: the output, the errno, and the new lines of errors without their time
attempt() {
    local before=$BATS_TEST_TMPDIR/before said=$BATS_TEST_TMPDIR/said
    all_errors >"$before"
    if (cd "$K8S" && eval "$1") 2>"$said" </dev/null | masked | sed 's/^/| /'; then
        errno_name <"$said"
    fi
    all_errors | diff "$before" - | sed -n 's/^> [^ ]* /  /p' | masked
}

# section TITLE: its lines of the golden file
section() {
    awk -v title="## $1" '/^## / { inside = $0 == title; next } inside' "$golden"
}

# The transcript of a section's attempts.
transcript_of() {
    section "$1" | grep '^\$ ' | while IFS= read -r line; do
        printf '%s\n' "$line"
        attempt "${line#\$ }"
    done
    echo
}

update_section() {
    awk -v title="## $1" -v transcript="$2" '
        /^## / { inside = 0 }
        !inside
        $0 == title { inside = 1; while ((getline line < transcript) > 0) print line }' "$golden" >"$2.golden"
    cp "$2.golden" "$golden"
}

as_in_golden() {
    local transcript=$BATS_TEST_TMPDIR/transcript
    export LC_ALL=C
    transcript_of "$1" >"$transcript"
    if [ -n "${GOLDEN_UPDATE:-}" ]; then
        update_section "$1" "$transcript"
    fi
    diff -u <(section "$1") "$transcript"
}

@test "a value of the wrong type" { as_in_golden "a value of the wrong type"; }
@test "a value out of range" { as_in_golden "a value out of range"; }
@test "a value is one write of at most 4 KiB at the beginning" { as_in_golden "a value is one write of at most 4 KiB at the beginning"; }
@test "an unknown field, with the nearest known name" { as_in_golden "an unknown field, with the nearest known name"; }
@test "YAML that doesn't parse, with line and column" { as_in_golden "YAML that doesn't parse, with line and column"; }
@test "an unknown kind" { as_in_golden "an unknown kind"; }
@test "a required field that is missing" { as_in_golden "a required field that is missing"; }
@test "what is required can't be removed" { as_in_golden "what is required can't be removed"; }
@test "documents whose parts don't fit together" { as_in_golden "documents whose parts don't fit together"; }
@test "the second of two documents: nothing is done" { as_in_golden "the second of two documents: nothing is done"; }
@test "too large" { as_in_golden "too large"; }
@test "appended to a document" { as_in_golden "appended to a document"; }
@test "what can't be changed" { as_in_golden "what can't be changed"; }
@test "a bad name" { as_in_golden "a bad name"; }
@test "bytes that are no text" { as_in_golden "bytes that are no text"; }
@test "what may be a secret is not said" { as_in_golden "what may be a secret is not said"; }
@test "a pod too big for every node" { as_in_golden "a pod too big for every node"; }
@test "what the server manages" { as_in_golden "what the server manages"; }
@test "a document that is no longer current" { as_in_golden "a document that is no longer current"; }
@test "what is there already" { as_in_golden "what is there already"; }
@test "a namespace that is being deleted, and one that isn't there" { as_in_golden "a namespace that is being deleted, and one that isn't there"; }
@test "a finalizer on an object that is being deleted" { as_in_golden "a finalizer on an object that is being deleted"; }
@test "the directories of the tree" { as_in_golden "the directories of the tree"; }
@test "links, devices and pipes" { as_in_golden "links, devices and pipes"; }
@test "the same value twice by one descriptor: one line" { as_in_golden "the same value twice by one descriptor: one line"; }
@test "an unknown verb" { as_in_golden "an unknown verb"; }
@test "a draft that isn't complete" { as_in_golden "a draft that isn't complete"; }
@test "lines of a bulk" { as_in_golden "lines of a bulk"; }
@test "admission refuses" { as_in_golden "admission refuses"; }
@test "nobody may do anything, not even read" { as_in_golden "nobody may do anything, not even read"; }
