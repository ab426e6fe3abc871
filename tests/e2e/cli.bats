# podtree up, down, status: the supervisor.
load helpers

setup_file() { cluster_up; }
teardown_file() { cluster_down; }
teardown() { show_logs_of_failure; }

component_restarted() { # NAME OLD_PID
    local now
    now=$(pid_of "$1")
    [ -n "$now" ] && [ "$now" != "$2" ] && kill -0 "$now" 2>/dev/null
}

mount_count() {
    awk -v at="$K8S" '$5 == at' /proc/self/mountinfo | wc -l
}

@test "the tree answers when podtree up returns" {
    [ -s "$K8S/README" ]
    [ "$(mount_count)" = 1 ]
}

@test "status lists each process and exits with 0" {
    run -0 "$podtree" status
    for name in supervisor fsd notifier scheduler workloads gc; do
        [[ $output == *"$name"* ]]
    done
    [[ $output == *"$K8S answers"* ]]
    run -1 sh -c '"$1" status >/dev/full' - "$podtree"
    [ "$output" = "podtree status: cannot write what was to be printed" ]
}

@test "a second podtree up says that it is running already" {
    run -0 "$podtree" up --no-node
    [[ $output == *"running already"* ]]
    [ "$(mount_count)" = 1 ]
}

@test "a killed fsd is replaced and open files go on" {
    local before
    before=$(pid_of fsd)
    exec {open}<"$K8S/README"
    kill -9 "$before"
    [ -s "$K8S/README" ]
    [ -n "$(cat <&"$open")" ]
    exec {open}<&-
    poll_until component_restarted fsd "$before"
    run "$podtree" status
    [[ $output == *"killed by signal 9"* ]]
}

@test "every other component is started again when it is killed" {
    local name before
    for name in notifier scheduler workloads gc; do
        before=$(pid_of "$name")
        kill -9 "$before"
        poll_until component_restarted "$name" "$before"
    done
}

@test "the tree goes on without its supervisor, and podtree up takes over" {
    local old_fsd
    old_fsd=$(pid_of fsd)
    exec {open}<"$K8S/README"
    kill -9 "$(pid_of supervisor)"
    [ -s "$K8S/README" ]
    run -1 "$podtree" status
    [[ $output == *"no supervisor answers"*"podtree up takes over"* ]]
    run -0 "$podtree" up --no-node
    [ -n "$(cat <&"$open")" ]
    exec {open}<&-
    [ "$(pid_of fsd)" != "$old_fsd" ]
    [ "$(mount_count)" = 1 ]
    run -0 "$podtree" status
}

@test "a tree that was unmounted behind its back is mounted again" {
    umount -l "$K8S"
    tree_is_back() { [ -s "$K8S/README" ]; }
    poll_until tree_is_back
    [ "$(mount_count)" = 1 ]
}

@test "the mount survives the death of supervisor and fsd together" {
    exec {open}<"$K8S/README"
    kill -9 "$(pid_of supervisor)" "$(pid_of fsd)"
    cat "$K8S/README" >"$BATS_TEST_TMPDIR/answer" &
    local reader=$!
    run -0 "$podtree" up --no-node
    wait "$reader"
    [ -s "$BATS_TEST_TMPDIR/answer" ]
    [ -n "$(cat <&"$open")" ]
    exec {open}<&-
    [ "$(mount_count)" = 1 ]
}

@test "a dead mount is replaced when all who held it died together" {
    kill -9 "$(pid_of supervisor)" "$(pid_of fsd)" "$(pid_of notifier)"
    mount_is_dead() { ! stat "$K8S" >/dev/null 2>&1; }
    poll_until mount_is_dead
    run -0 "$podtree" up --no-node
    [ -s "$K8S/README" ]
    [ "$(mount_count)" = 1 ]
}

@test "podtree down says who still uses the tree, and podtree up starts it again" {
    (cd "$K8S" && exec tail -f /dev/null) &
    local user=$!
    user_is_there() { [ "$(readlink "/proc/$user/cwd")" = "$K8S" ]; }
    poll_until user_is_there
    run -0 "$podtree" down
    kill "$user"
    [[ $output == *"still in use by $user tail"* ]]
    [ "$(mount_count)" = 0 ]
    [ ! -e "$PODTREE_RUN/record" ]
    run -0 "$podtree" up --no-node
    [ -s "$K8S/README" ]
}

@test "podtree down works without a supervisor" {
    local pids
    kill -9 "$(pid_of supervisor)"
    pids=$(recorded_pids)
    run -0 "$podtree" down
    [ "$(mount_count)" = 0 ]
    for pid in $pids; do
        [ ! -e "/proc/$pid/exe" ]
    done
    run -0 "$podtree" down
    [[ $output == *"not running"* ]]
    run -0 "$podtree" up --no-node
}

@test "podtree up refuses to hide files" {
    mkdir -p "$BATS_TEST_TMPDIR/full/file"
    run -1 "$podtree" up --no-node --mount "$BATS_TEST_TMPDIR/full" --state "$BATS_TEST_TMPDIR/s" --run "$BATS_TEST_TMPDIR/r"
    [[ $output == *"is not empty"* ]]
}

@test "podtree up refuses what can't be before it makes anything" {
    local elsewhere=(--mount "$BATS_TEST_TMPDIR/m" --state "$BATS_TEST_TMPDIR/s" --run "$BATS_TEST_TMPDIR/r")
    run -1 "$podtree" up --node Bad_Name "${elsewhere[@]}"
    [[ $output == *"Bad_Name is no name of a node"* ]]
    run -1 "$podtree" up --no-node --hollow 99999999 "${elsewhere[@]}"
    [[ $output == *"at most 10000 nodes"* ]]
    [ -z "$(ls "$BATS_TEST_TMPDIR")" ]
}

@test "status says which nodes are not well, and exits with 1" {
    mkdir "$K8S/nodes/lost"
    run -1 "$podtree" status
    [[ $output == *"node lost is Unknown"* ]]
    rmdir "$K8S/nodes/lost"
    run -0 "$podtree" status
}

@test "status says which process is stopped, and exits with 1" {
    local pid
    pid=$(pid_of workloads)
    kill -STOP "$pid"
    run "$podtree" status
    kill -CONT "$pid"
    [ "$status" = 1 ]
    [[ $output == *"workloads is stopped, by a signal or a debugger: kill -CONT $pid"* ]]
    run -0 "$podtree" status
}

# as_somebody [GROUP]: nobody's uid, and perhaps a further group
as_somebody() {
    local groups=${1:+--groups=$1}
    shift
    setpriv --reuid=65534 --regid=65534 "${groups:---clear-groups}" "$@"
}

@test "a member of the group podtree may ask for the status, and not stop anything" {
    getent group podtree >/dev/null || skip "there is no group podtree"
    as_somebody "" [ -x "$podtree" ] || skip "others can't reach the program"
    local group
    group=$(getent group podtree | cut -d: -f3)
    chmod go+x "$BATS_RUN_TMPDIR"
    run -0 as_somebody "$group" "$podtree" status
    [[ $output == *"$K8S answers"*workloads* ]]
    run -1 as_somebody "$group" "$podtree" down
    [[ $output == *"only root"* ]]
    run -1 as_somebody "" "$podtree" status
    [[ $output == *"Permission denied"* ]]
}

@test "podtree up refuses the mount of another cluster" {
    run -1 "$podtree" up --no-node --state "$BATS_TEST_TMPDIR/s" --run "$BATS_TEST_TMPDIR/r"
    [[ $output == *"tree of another cluster"* ]]
    [ -s "$K8S/README" ]
    [ -z "$(ls "$BATS_TEST_TMPDIR")" ]
}

@test "podtree up refuses the state of another cluster, and leaves nothing behind" {
    for _ in 1 2; do
        run -1 "$podtree" up --no-node --mount "$BATS_TEST_TMPDIR/m" --run "$BATS_TEST_TMPDIR/r"
        [ "$(grep -c "another process has it open" <<<"$output")" = 1 ]
        [ -z "$(ls "$BATS_TEST_TMPDIR")" ]
    done
}

@test "where a cluster is mounted, it says itself" {
    run -0 "$podtree" status --mount "$BATS_TEST_TMPDIR/elsewhere"
    [[ $output == *"$K8S answers"* ]]
}

@test "podtree up says what differs from what is running, and makes nothing" {
    local elsewhere=$BATS_TEST_TMPDIR/deep/elsewhere
    run -1 "$podtree" up --no-node --mount "$elsewhere"
    [[ $output == *"running already with other settings (mount is $K8S, not $elsewhere): stop it first" ]]
    run -1 "$podtree" up --node other --hollow 3 --state "$elsewhere"
    [[ $output == *"(state is $PODTREE_STATE, not $elsewhere; node is none, not other; hollow is none, not 3)"* ]]
    [ -z "$(ls "$BATS_TEST_TMPDIR")" ]
    kill -9 "$(pid_of supervisor)"
    run -1 "$podtree" up --no-node --state "$elsewhere"
    [[ $output == *"belongs to a cluster that is mounted at $K8S, with its state in $PODTREE_STATE"* ]]
    [ ! -e "$elsewhere" ]
    run -0 "$podtree" up --no-node
}

@test "podtree down doesn't count itself among those who use the tree" {
    cd "$K8S"
    run -0 "$podtree" down
    [[ $output == *"still in use by $$ "* || $output == *"still in use by $BASHPID "* ]]
    [[ $output != *" podtree "* ]]
    cd /
    run -0 "$podtree" down --run "$BATS_TEST_TMPDIR/no/where"
    [ "$output" = "podtree is not running" ]
    run -0 "$podtree" up --no-node
}

@test "podtree up says what fsd said when it can't start" {
    mkdir "$BATS_TEST_TMPDIR/libexec"
    printf '#!/bin/sh\necho the disk is made of cheese >&2\nexit 3\n' >"$BATS_TEST_TMPDIR/libexec/podtree-fsd"
    chmod +x "$BATS_TEST_TMPDIR/libexec/podtree-fsd"
    run -1 "$podtree" up --no-node --libexec "$BATS_TEST_TMPDIR/libexec" \
        --mount "$BATS_TEST_TMPDIR/m" --state "$BATS_TEST_TMPDIR/s" --run "$BATS_TEST_TMPDIR/r"
    [[ $output == *"fsd exited with 3"* ]]
    [[ $output == *"the disk is made of cheese"* ]]
    ! mountpoint -q "$BATS_TEST_TMPDIR/m"
}

@test "every command explains itself" {
    for command in $("$podtree" help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do
        run -0 "$podtree" "$command" --help
        [[ $output == *"usage: podtree"* ]]
    done
    run -0 "$podtree" --version
    [[ $output == podtree* ]]
    run -0 "$podtree" help
    [[ $output == *"podtree COMMAND --help"* ]]
}

options_of_help() { # COMMAND
    "$podtree" "$1" --help | sed -nE 's/^  (-., )?--([a-z-]+).*/\2/p' | sort
}

options_of_manual() { # COMMAND
    sed -n '/^\.SH OPTIONS/,$p' "$repository/doc/man/podtree-$1.1" |
        sed -nE 's/^\.BI? "?(\\-., )?\\-\\-(([a-z]|\\-)+).*/\2/p' | tr -d '\\' | sort
}

@test "the manual has the commands and options that --help has" {
    local commands command
    commands=$("$podtree" help | sed -nE 's/^  ([a-z]+) .*/\1/p')
    [[ $commands == *delete* ]]
    diff <(sort <<<"$commands") <(sed -nE 's/^\.BR podtree\\-([a-z]+) \(1\)$/\1/p' "$repository/doc/man/podtree.1" | sort -u)
    for command in $commands; do
        [ -n "$(options_of_help "$command")" ]
        diff <(options_of_help "$command") <(options_of_manual "$command")
    done
}

@test "podtree image says what is wrong" {
    run -1 "$podtree" image list --state "$BATS_TEST_TMPDIR/nowhere"
    [[ $output == "podtree image: cannot find the state directory $BATS_TEST_TMPDIR/nowhere: No such file"* ]]
    echo nonsense >"$BATS_TEST_TMPDIR/bad.tar"
    run -1 "$podtree" image import "$BATS_TEST_TMPDIR/bad.tar" bad
    [[ $output == "podtree image: "*"This does not look like a tar archive"* ]]
    run -1 "$podtree" image rm nothing
    [[ $output == *"there is no image nothing:latest on this node"* ]]
}

@test "an unknown option or command is named, with the nearest one" {
    run -1 "$podtree" up --no-nod
    [[ $output == *"did you mean --no-node"* ]]
    run -1 "$podtree" frobnicate
    [[ $output == *"no command frobnicate"* ]]
}

@test "podtree run makes a Deployment" {
    run -0 "$podtree" run shop --image=podtree/demo:1 --replicas=2 --port=8080 -- sleep 1000
    [ "$(cat "$K8S/deployments/shop/replicas")" = 2 ]
    grep -q 'containerPort: 8080' "$K8S/deployments/shop/manifest.yaml"
    [ "$(cat "$K8S/deployments/shop/template/spec/containers/shop/command")" = $'sleep\n1000' ]
    rmdir "$K8S/deployments/shop"
}

@test "podtree run says what is wrong" {
    run -1 "$podtree" run Shop --image=podtree/demo:1
    [[ $output == *"Shop"* ]]
    run -1 "$podtree" run shop
    [[ $output == *"--image"* ]]
}

@test "podtree run takes a command only behind two dashes" {
    run -1 "$podtree" run shop sleep --image=podtree/demo:1
    [[ $output == *"sleep is too much"* ]]
    [ ! -e "$K8S/deployments/shop" ]
}

@test "podtree watch says that what it is asked to watch is not there yet" {
    configmap seen | apply
    exec {lines}< <(exec "$podtree" watch configmaps/nope configmaps/seen deployments 2>&1)
    local watcher=$!
    local line
    read -r -t "$patience" -u "$lines" line
    [ "$line" = "podtree watch: configmaps/nope is not there yet: waiting for it" ]
    configmap nope | apply
    read -r -t "$patience" -u "$lines" line
    [[ $line == *created*configmaps/default/nope* ]]
    kill "$watcher"
    exec {lines}<&-
    rmdir "$K8S/configmaps/nope" "$K8S/configmaps/seen"
}

@test "podtree watch refuses a kind that there is not, with the nearest name" {
    run -1 timeout "$patience" "$podtree" watch deploymentz/web
    [ "$output" = "podtree watch: there is no kind deploymentz: did you mean deployments?" ]
    run -1 timeout "$patience" "$podtree" watch configmaps namespaces/default/podz
    [[ $output == *"there is no kind podz: did you mean pods?" ]]
    run -1 timeout "$patience" "$podtree" watch elephants
    [[ $output == *"there is no kind elephants: those that there are stand in $K8S/all" ]]
}

@test "podtree watch prints changes as lines" {
    exec {lines}< <(exec "$podtree" watch configmaps)
    local watcher=$!
    local line
    configmap seen | apply
    while read -r -t "$patience" -u "$lines" line && [[ $line != *configmaps/default/seen* ]]; do :; done
    [[ $line == *configmaps/default/seen* ]]
    rmdir "$K8S/configmaps/seen"
    while read -r -t "$patience" -u "$lines" line && [[ $line != *deleted*configmaps/default/seen* ]]; do :; done
    [[ $line == *deleted* ]]
    kill "$watcher"
    exec {lines}<&-
}

# owned_by_shop: a Deployment without pods, and a replica set that somebody holds with a finalizer
owned_by_shop() {
    deployment shop 0 | apply
    wait_until "$K8S/replicasets" has_set
    set=$(ls "$K8S/replicasets")
    echo test/held >"$K8S/replicasets/$set/metadata/finalizers"
}

has_set() {
    [ -n "$(ls "$K8S/replicasets")" ]
}

let_go() { # a replica set
    : >"$K8S/replicasets/$1/metadata/finalizers"
}

is_terminating() {
    [ -e "$1/metadata/deletionTimestamp" ]
}

@test "podtree delete --cascade foreground keeps the owner until what it owns is gone" {
    local set
    owned_by_shop
    run -0 "$podtree" delete --cascade=foreground deployments/shop
    [ "$output" = "deployments/shop is being deleted" ]
    wait_until "$K8S/replicasets" is_terminating "$K8S/replicasets/$set"
    is_terminating "$K8S/deployments/shop"
    [ "$(cat "$K8S/deployments/shop/metadata/finalizers")" = foregroundDeletion ]
    let_go "$set"
    wait_until "$K8S/deployments" is_gone "$K8S/deployments/shop"
    is_gone "$K8S/replicasets/$set"
}

@test "podtree delete --cascade orphan leaves what is owned, without an owner" {
    local set
    owned_by_shop
    let_go "$set"
    run -0 "$podtree" delete --cascade orphan --wait deployments/shop
    [ "$output" = "deployments/shop is gone" ]
    ! is_terminating "$K8S/replicasets/$set"
    [ ! -e "$K8S/replicasets/$set/metadata/ownerReferences" ]
    run -0 "$podtree" delete --wait "$K8S/replicasets/$set/"
}

@test "podtree delete has what is owned follow" {
    local set
    owned_by_shop
    run -0 "$podtree" delete deployments/shop
    [ "$output" = "deployments/shop is gone" ]
    wait_until "$K8S/replicasets" is_terminating "$K8S/replicasets/$set"
    let_go "$set"
    wait_until "$K8S/replicasets" is_gone "$K8S/replicasets/$set"
}

@test "podtree delete takes several objects, of any namespace and kind" {
    mkdir "$K8S/namespaces/team" "$K8S/namespaces/team/configmaps/one" "$K8S/configmaps/one" "$K8S/nodes/lost"
    run -0 "$podtree" delete -n team configmaps/one nodes/lost
    [ "$output" = $'configmaps/one is gone\nnodes/lost is gone' ]
    [ -e "$K8S/configmaps/one" ]
    run -0 "$podtree" delete configmaps/one namespaces/team --wait
    [ "$output" = $'configmaps/one is gone\nnamespaces/team is gone' ]
}

@test "podtree delete refuses what isn't there, and deletes nothing then" {
    mkdir "$K8S/configmaps/one"
    run -1 "$podtree" delete configmaps/one configmap/two
    [ "$output" = "podtree delete: there is no kind configmap: did you mean configmaps?" ]
    run -1 "$podtree" delete configmaps/one configmaps/two
    [[ $output == "podtree delete: there is no configmaps/two ("*/namespaces/default/configmaps/two\) ]]
    run -1 "$podtree" delete -n nowhere configmaps/one
    [[ $output == *"there is no configmaps/one ("*/namespaces/nowhere/configmaps/one\) ]]
    run -1 "$podtree" delete configmaps
    [[ $output == *"configmaps is a kind: say which object"* ]]
    run -1 "$podtree" delete --cascade=all configmaps/one
    [[ $output == *"must be background, foreground or orphan, not all"* ]]
    run -1 "$podtree" delete namespaces/default
    [[ $output == *"belongs to every cluster"* ]]
    [ -e "$K8S/configmaps/one" ]
    run -0 "$podtree" delete configmaps/one
}
