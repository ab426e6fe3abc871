/* The history: what git itself says about what was written, also after kill -9. */
#include "fsd/history.h"
#include "lib/clock.h"
#include "lib/process.h"
#include "tests/unit/fsd/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/fsd/git.h"

static const struct history_author alice = {STR("alice (uid 1000)"), STR("alice@host")};

static char *repository_in(void **state)
{
    return path_format("%s/history.git", (const char *)*state);
}

static struct history *open_history(void **state)
{
    autofree char *path = repository_in(state);
    struct history *history = NULL;
    autoerror struct error *err = NULL;
    if (history_open(path, &history, &err) != 0)
        fail_msg("%s", error_message(err));
    return history;
}

static void commit(struct history *history, const struct history_change *changes, size_t count,
                   const char *message, int64_t sequence)
{
    autoerror struct error *err = NULL;
    if (history_commit(history, changes, count, alice, str_of(message), 1700000000000 + sequence * 1000,
                       sequence, &err) != 0 ||
        history_publish(history, &err) != 0)
        fail_msg("%s", error_message(err));
}

static void commit_file(struct history *history, const char *path, const char *text, int64_t sequence)
{
    struct history_change change = {str_of(path), text != NULL ? str_of(text) : STR_NONE};
    autofree char *message = path_format("%s: changed", path);
    commit(history, &change, 1, message, sequence);
}

static char *git(void **state, const char *arguments)
{
    autofree char *path = repository_in(state);
    return git_says(path, arguments);
}

static void expect_git(void **state, const char *arguments, const char *expected)
{
    autofree char *said = git(state, arguments);
    assert_string_equal(said, expected);
}

/* A person puts a commit of their own on top. */
static void commit_of_bob(void **state)
{
    autofree char *made =
        git(state, "-c user.name=bob -c user.email=b@c commit-tree -p main -m mine 'main^{tree}'");
    autofree char *move = path_format("update-ref refs/heads/main %.40s", made);
    free(git(state, move));
}

static void a_commit_says_who_what_and_when(void **state)
{
    struct history *history = open_history(state);
    commit_file(history, "namespaces/default/deployments/web.yaml", "replicas: 3\n", 7);
    history_close(history);
    expect_git(
        state, "log --format='%an|%ae|%aI|%s|%b|%(trailers:key=Seq,valueonly,separator=;)' main",
        "alice (uid 1000)|alice@host|2023-11-14T22:13:27+00:00|namespaces/default/deployments/web.yaml: "
        "changed|Seq: 7\n|7\n");
    expect_git(state, "show main:namespaces/default/deployments/web.yaml", "replicas: 3\n");
    expect_git(state, "symbolic-ref HEAD", "refs/heads/main\n");
    expect_git(state, "rev-parse --is-bare-repository", "true\n");
    expect_git(state, "fsck --strict --no-progress", "");
}

static void files_come_change_and_go(void **state)
{
    struct history *history = open_history(state);
    struct history_change changes[] = {
        {STR("nodes/n1.yaml"), STR("a")},
        {STR("namespaces/b/pods/7c/web.yaml"), STR("b")},
        {STR("namespaces/b.yaml"), STR("c")},
        {STR("namespaces/b/pods/7c/db.yaml"), STR("")},
        {STR("namespaces/b-c/pods/01/x.yaml"), STR("d")},
    };
    commit(history, changes, 5, "all at once", 1);
    expect_git(state, "ls-tree -r --name-only main",
               "namespaces/b-c/pods/01/x.yaml\nnamespaces/b.yaml\nnamespaces/b/pods/7c/db.yaml\n"
               "namespaces/b/pods/7c/web.yaml\nnodes/n1.yaml\n");
    struct history_change second[] = {
        {STR("namespaces/b/pods/7c/web.yaml"), STR("changed")},
        {STR("namespaces/b/pods/7c/db.yaml"), STR_NONE},
        {STR("nodes/n1.yaml"), STR_NONE},
        {STR("nodes/never-was.yaml"), STR_NONE},
    };
    commit(history, second, 4, "again", 2);
    expect_git(state, "ls-tree -r -t --name-only main",
               "namespaces\nnamespaces/b-c\nnamespaces/b-c/pods\nnamespaces/b-c/pods/01\n"
               "namespaces/b-c/pods/01/x.yaml\nnamespaces/b.yaml\nnamespaces/b\nnamespaces/b/pods\n"
               "namespaces/b/pods/7c\nnamespaces/b/pods/7c/web.yaml\n");
    expect_git(state, "show main:namespaces/b/pods/7c/web.yaml", "changed");
    commit_file(history, "namespaces/b/pods/7c/web.yaml", NULL, 3);
    commit_file(history, "namespaces/b-c/pods/01/x.yaml", NULL, 4);
    commit_file(history, "namespaces/b.yaml", NULL, 5);
    expect_git(state, "ls-tree -r -t --name-only main", "");
    expect_git(state, "rev-list --count main", "5\n");
    expect_git(state, "fsck --strict --no-progress", "");
    history_close(history);
}

static void a_commit_that_changes_nothing_is_not_made(void **state)
{
    struct history *history = open_history(state);
    commit_file(history, "nodes/n1.yaml", "a", 1);
    commit_file(history, "nodes/n1.yaml", "a", 2);
    commit_file(history, "nodes/n2.yaml", NULL, 3);
    assert_int_equal(history_sequence(history), 3);
    expect_git(state, "rev-list --count main", "1\n");
    history_close(history);
}

static void the_sequence_is_found_again(void **state)
{
    struct history *history = open_history(state);
    assert_int_equal(history_sequence(history), 0);
    commit_file(history, "nodes/n1.yaml", "a", 41);
    commit(history, &(struct history_change){STR("nodes/n1.yaml"), STR("b")}, 1,
           "subject\n\nbody\nSeq: 99999", 42);
    history_close(history);
    history = open_history(state);
    assert_int_equal(history_sequence(history), 42);
    history_close(history);
    commit_of_bob(state);
    history = open_history(state);
    assert_int_equal(history_sequence(history), 42);
    commit_file(history, "nodes/n1.yaml", "c", 43);
    history_close(history);
    expect_git(state, "log --format=%s main",
               "nodes/n1.yaml: changed\nmine\nsubject\nnodes/n1.yaml: changed\n");
}

static void a_commit_of_somebody_else_in_between_is_built_upon(void **state)
{
    struct history *history = open_history(state);
    commit_file(history, "nodes/n1.yaml", "a", 1);
    commit_of_bob(state);
    struct history_change change = {STR("nodes/n1.yaml"), STR("b")};
    assert_int_equal(history_commit(history, &change, 1, alice, STR("first try"), 0, 2, NULL), 0);
    assert_true(history_publish(history, NULL) < 0);
    commit_file(history, "nodes/n1.yaml", "b", 2);
    expect_git(state, "log --format=%s main", "nodes/n1.yaml: changed\nmine\nnodes/n1.yaml: changed\n");
    history_close(history);
}

static void commits_are_seen_when_they_are_published_and_forgotten_when_they_cannot_be(void **state)
{
    struct history *history = open_history(state);
    struct history_change change = {STR("nodes/n1.yaml"), STR("a")};
    assert_int_equal(history_commit(history, &change, 1, alice, STR("one"), 0, 1, NULL), 0);
    change.text = STR("b");
    assert_int_equal(history_commit(history, &change, 1, alice, STR("two"), 0, 2, NULL), 0);
    assert_int_equal(history_sequence(history), 0);
    assert_int_equal(history_publish(history, NULL), 0);
    assert_int_equal(history_sequence(history), 2);
    expect_git(state, "log --format=%s main", "two\none\n");
    history_close(history);
}

static void names_that_git_does_not_take_are_made_harmless(void **state)
{
    struct history *history = open_history(state);
    struct history_change change = {STR("nodes/n1.yaml"), STR("a")};
    struct history_author odd = {STR("<evil>\nname"), STR_NONE};
    assert_int_equal(history_commit(history, &change, 1, odd, STR("x"), 0, 1, NULL), 0);
    assert_int_equal(history_publish(history, NULL), 0);
    history_close(history);
    expect_git(state, "log --format='%an|%ae' main", "evil  name|unknown\n");
    expect_git(state, "fsck --strict --no-progress", "");
}

static void moments_of_the_past_have_names(void **state)
{
    struct history *history = open_history(state);
    commit_file(history, "nodes/n1.yaml", "a", 1);
    commit_file(history, "nodes/n1.yaml", "b", 2);
    history_close(history);
    expect_git(state, "show main@{1}:nodes/n1.yaml", "a");
    expect_git(state, "reflog --format=%gs main",
               "commit: nodes/n1.yaml: changed\ncommit: nodes/n1.yaml: changed\n");
}

static void the_repository_is_for_root_alone(void **state)
{
    autofree char *path = repository_in(state);
    history_close(open_history(state));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void a_second_process_is_told_that_it_is_in_use(void **state)
{
    autofree char *path = repository_in(state);
    struct history *history = open_history(state), *second = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(history_open(path, &second, &err), -EBUSY);
    history_close(history);
}

static void what_a_killed_process_left_is_cleared_away(void **state)
{
    autofree char *path = repository_in(state);
    struct history *history = open_history(state);
    commit_file(history, "nodes/n1.yaml", "a", 1);
    history_close(history);
    autofree char *blob = git(state, "hash-object --stdin < /dev/null");
    static const char *const left[] = {"refs/heads/main.lock", "HEAD.lock", "objects/tmp_object_git2_AbCdEf"};
    for (size_t i = 0; i < 3; i++) {
        autofree char *name = path_format("%s/%s", path, left[i]);
        assert_int_equal(file_write(name, STR("x"), 0600, NULL), 0);
    }
    autofree char *folder = path_format("%s/objects/%.2s", path, blob);
    autofree char *torn = path_format("%s/%.38s", folder, blob + 2);
    directory_make(folder, 0700, NULL);
    assert_int_equal(file_write(torn, STR(""), 0600, NULL), 0);

    history = open_history(state);
    commit_file(history, "nodes/empty.yaml", "", 2);
    history_close(history);
    expect_git(state, "fsck --strict --no-progress", "");
    expect_git(state, "show main:nodes/empty.yaml", "");
    autofree char *look =
        path_format("! ls %s %s/refs/heads %s/objects | grep -q -e tmp_ -e '[DN].lock'", path, path, path);
    assert_int_equal(system(look), 0);
}

static void on_tick(void *context)
{
    *(bool *)context = true;
}

#define MANY        4200   /* enough for a repacking */
#define BESIDE      100    /* commits beside it: too few for another one, however long it takes */
#define PATIENCE_MS 600000 /* git packs with what others leave of the processor */

static void commit_many(struct history *history, const char *namespace, int64_t sequence)
{
    struct history_change *changes = memory_zeroed(MANY, sizeof(*changes));
    for (int i = 0; i < MANY; i++) {
        changes[i].path = str_of(path_format("namespaces/%s/pods/%02x/p%d.yaml", namespace, i % 256, i));
        changes[i].text = changes[i].path;
    }
    commit(history, changes, MANY, "many", sequence);
    for (int i = 0; i < MANY; i++)
        free((void *)(uintptr_t)changes[i].path.at);
    free(changes);
}

static void many_loose_objects_are_packed_beside_commits(void **state)
{
    struct history *history = open_history(state);
    commit_many(history, "default", 1);
    struct loop *loop = loop_new(NULL);
    int64_t deadline = clock_ms() + PATIENCE_MS, sequence = 1;
    int loose, packs;
    do {
        history_maintain(history, loop);
        if (sequence < BESIDE) {
            sequence++;
            commit_file(history, "nodes/n1.yaml", sequence % 2 != 0 ? "a" : "b", sequence);
        }
        bool ticked = false;
        loop_timer(loop, 10, on_tick, &ticked);
        assert_int_equal(loop_turn(loop, 1000, NULL), 0);
        autofree char *counts = git(state, "count-objects -v 2>/dev/null");
        assert_int_equal(sscanf(counts, "count: %d size: %*d in-pack: %*d packs: %d", &loose, &packs), 2);
    } while ((packs == 0 || loose > MANY / 2) && clock_ms() < deadline);
    assert_int_equal(packs, 1);
    assert_true(loose < MANY / 2);
    commit_file(history, "nodes/n1.yaml", "the last", ++sequence);
    history_close(history);
    loop_free(loop);
    expect_git(state, "fsck --strict --no-progress", "");
    expect_git(state, "show main:namespaces/default/pods/00/p0.yaml", "namespaces/default/pods/00/p0.yaml");
}

/* ---- a git in front of git ---- */

/* In place of git comes a program that notes each call, and does as it is told; what is said on standard
 * error goes to a file. */
struct stage {
    const char *place;
    char *path; /* what PATH was */
    int error;  /* what standard error was */
    struct loop *loop;
};

static struct stage set_stage(const char *place, const char *deed)
{
    struct stage stage = {place, strdup(getenv("PATH")), dup(STDERR_FILENO), loop_new(NULL)};
    autofree char *script =
        path_format("#!/bin/sh\nPATH=%s\necho x >>%s/calls\n%s\n", stage.path, place, deed);
    autofree char *program = path_format("%s/git", place), *path = path_format("%s:%s", place, stage.path),
                  *said = path_format("%s/said", place);
    assert_int_equal(file_write(program, str_of(script), 0700, NULL), 0);
    assert_int_equal(setenv("PATH", path, 1), 0);
    autoclose int file = open(said, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(stage.error >= 0 && file >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
    return stage;
}

static void clear_stage(struct stage *stage)
{
    assert_int_equal(dup2(stage->error, STDERR_FILENO), STDERR_FILENO);
    close(stage->error);
    assert_int_equal(setenv("PATH", stage->path, 1), 0);
    free(stage->path);
    loop_free(stage->loop);
}

/* Turns until the file is as long as that. */
static void turn_until(struct stage *stage, const char *name, size_t least)
{
    autofree char *path = path_format("%s/%s", stage->place, name);
    int64_t deadline = clock_ms() + PATIENCE_MS;
    struct stat status;
    while (stat(path, &status) != 0 || (size_t)status.st_size < least) {
        assert_true(clock_ms() < deadline);
        bool ticked = false;
        loop_timer(stage->loop, 10, on_tick, &ticked);
        assert_int_equal(loop_turn(stage->loop, 1000, NULL), 0);
    }
}

static void objects_that_come_meanwhile_are_packed_next(void **state)
{
    const char *place = *state;
    struct history *history = open_history(state);
    autofree char *deed = path_format("git \"$@\" && echo x >>%s/packed\n"
                                      "until [ -e %s/go ]; do sleep 0.01; done",
                                      place, place);
    struct stage stage = set_stage(place, deed);
    commit_many(history, "first", 1);
    history_maintain(history, stage.loop);
    turn_until(&stage, "packed", 2);
    commit_many(history, "second", 2);
    autofree char *go = path_format("%s/go", place), *said = path_format("%s/said", place);
    assert_int_equal(file_write(go, STR(""), 0600, NULL), 0);
    turn_until(&stage, "packed", 4); /* nobody has asked for that */
    history_close(history);
    clear_stage(&stage);
    autobuf struct buf text = {0};
    assert_int_equal(file_read(said, &text, NULL), 0);
    assert_string_equal(text.length != 0 ? text.at : "", "");
    expect_git(state, "count-objects -v | grep -c -e '^count: 0$' -e '^in-pack: [1-9]'", "2\n");
    expect_git(state, "fsck --strict --no-progress", "");
}

static void a_git_that_packs_nothing_is_complained_of_and_left_alone_for_a_while(void **state)
{
    struct history *history = open_history(state);
    struct stage stage = set_stage(*state, "");
    commit_many(history, "first", 1);
    history_maintain(history, stage.loop);
    commit_many(history, "second", 2);
    turn_until(&stage, "said", 1);
    history_maintain(history, stage.loop);
    history_close(history); /* waits for whatever runs */
    clear_stage(&stage);
    autobuf struct buf text = {0};
    autofree char *said = path_format("%s/said", (const char *)*state),
                  *calls = path_format("%s/calls", (const char *)*state);
    assert_int_equal(file_read(said, &text, NULL), 0);
    assert_non_null(strstr(text.at, "git left them as they were"));
    buf_clear(&text);
    assert_int_equal(file_read(calls, &text, NULL), 0);
    assert_string_equal(text.at, "x\n");
}

/* ---- kill -9 ---- */

static void commit_until_killed(void **state, int say)
{
    struct history *history = open_history(state);
    for (int64_t sequence = history_sequence(history) + 1;; sequence++) {
        autofree char *text = path_format("n: %lld\n", (long long)sequence);
        struct history_change changes[] = {{STR("nodes/n1.yaml"), str_of(text)},
                                           {STR("namespaces/a/pods/01/x.yaml"), str_of(text)}};
        commit(history, changes, 2, "next", sequence);
        if (write(say, &sequence, sizeof(sequence)) != sizeof(sequence))
            _exit(1);
    }
}

static void whatever_was_committed_survives_kill_9(void **state)
{
    int64_t acknowledged = 0, sequence;
    unsigned seed = 1;
    for (int round = 0; round < 40; round++) {
        int said[2];
        assert_int_equal(pipe2(said, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0)
            commit_until_killed(state, said[1]);
        close(said[1]);
        for (int wait = rand_r(&seed) % 4; wait > 0 && read(said[0], &sequence, sizeof(sequence)) > 0; wait--)
            acknowledged = sequence;
        usleep((useconds_t)(rand_r(&seed) % 8000)); /* a random moment is what is wanted */
        kill(child, SIGKILL);
        while (read(said[0], &sequence, sizeof(sequence)) > 0)
            acknowledged = sequence;
        close(said[0]);
        waitpid(child, NULL, 0);

        struct history *history = open_history(state);
        sequence = history_sequence(history);
        history_close(history);
        assert_true(sequence == acknowledged || sequence == acknowledged + 1);
        acknowledged = sequence;
        if (sequence == 0)
            continue;
        autofree char *expected = path_format("n: %lld\n", (long long)sequence);
        expect_git(state, "show main:nodes/n1.yaml", expected);
        expect_git(state, "show main:namespaces/a/pods/01/x.yaml", expected);
    }
    expect_git(state, "fsck --strict --no-progress --no-dangling", "");
    autofree char *count = path_format("%lld\n", (long long)acknowledged);
    expect_git(state, "rev-list --count main", count); /* none lost, none twice */
}

#define in_scratch(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(a_commit_says_who_what_and_when),
        in_scratch(files_come_change_and_go),
        in_scratch(a_commit_that_changes_nothing_is_not_made),
        in_scratch(the_sequence_is_found_again),
        in_scratch(a_commit_of_somebody_else_in_between_is_built_upon),
        in_scratch(commits_are_seen_when_they_are_published_and_forgotten_when_they_cannot_be),
        in_scratch(names_that_git_does_not_take_are_made_harmless),
        in_scratch(moments_of_the_past_have_names),
        in_scratch(the_repository_is_for_root_alone),
        in_scratch(a_second_process_is_told_that_it_is_in_use),
        in_scratch(what_a_killed_process_left_is_cleared_away),
        in_scratch(many_loose_objects_are_packed_beside_commits),
        in_scratch(objects_that_come_meanwhile_are_packed_next),
        in_scratch(a_git_that_packs_nothing_is_complained_of_and_left_alone_for_a_while),
        in_scratch(whatever_was_committed_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
