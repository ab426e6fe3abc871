/* The historian: who changed what becomes commits, behind everybody's back but not for long; nothing is lost
 * and nothing is there twice. */
#include "fsd/historian.h"
#include "lib/clock.h"
#include "tests/unit/fsd/scratch.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/fsd/git.h"

static atomic_int held; /* entries that have not been released */

static void release(struct history_entry *entry)
{
    free(entry);
    atomic_fetch_sub(&held, 1);
}

struct place {
    char *repository;
    int event_fd;
    struct historian *historian;
};

static struct place start_at(const char *directory)
{
    struct place place = {path_format("%s/history.git", directory), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                          NULL};
    autoerror struct error *err = NULL;
    if (historian_start(place.repository, place.event_fd, &place.historian, &err) != 0)
        fail_msg("%s", error_message(err));
    return place;
}

static void stop(struct place *place)
{
    historian_stop(place->historian);
    close(place->event_fd);
    free(place->repository);
    assert_int_equal(atomic_load(&held), 0);
}

static void push(const struct place *place, int64_t version, const char *author, bool person,
                 const char *path, const char *document)
{
    struct history_entry *entry = memory_zeroed(1, sizeof(*entry));
    *entry = (struct history_entry){
        .version = version,
        .time_ms = 1700000000000 + version * 1000,
        .path = str_of(path),
        .author = str_of(author),
        .email = STR("somebody@podtree"),
        .subject = str_of(path),
        .document = str_of(document),
        .person = person,
        .release = release,
        .arrived_ms = clock_ms(),
    };
    struct history_queue queue = {entry, entry, 1};
    atomic_fetch_add(&held, 1);
    historian_push(place->historian, &queue);
}

static void wait_for(const struct place *place, int64_t version)
{
    int64_t deadline = clock_ms() + 30000;
    while (historian_done(place->historian) < version) {
        struct pollfd readable = {place->event_fd, POLLIN, 0};
        if (clock_ms() > deadline || poll(&readable, 1, 30000) != 1)
            fail_msg("version %d did not become durable", (int)version);
        eventfd_t count;
        eventfd_read(place->event_fd, &count);
    }
}

#define LOG "log --reverse --format='%an: %s' main"

static void each_change_of_a_person_is_a_commit(void **state)
{
    struct place place = start_at(*state);
    push(&place, 1, "alice", true, "namespaces/default/deployments/web", "{\"spec\":{\"replicas\":2}}");
    push(&place, 2, "alice", true, "namespaces/default/deployments/web", "{\"spec\":{\"replicas\":3}}");
    push(&place, 3, "bob", true, "namespaces/default/deployments/web", NULL);
    wait_for(&place, 3);
    expect_git_says(place.repository, LOG,
                    "alice: namespaces/default/deployments/web (alice)\n"
                    "alice: namespaces/default/deployments/web (alice)\n"
                    "bob: namespaces/default/deployments/web (bob)\n");
    expect_git_says(place.repository, "show main~1:namespaces/default/deployments/web.yaml",
                    "spec:\n  replicas: 3\n");
    expect_git_says(place.repository, "ls-tree -r main", "");
    stop(&place);
}

static void components_share_a_commit_and_come_before_the_person_after_them(void **state)
{
    struct place place = start_at(*state);
    push(&place, 1, "scheduler", false, "p/a", "{\"size\":1}");
    push(&place, 2, "node", false, "p/a", "{\"size\":2}");
    push(&place, 3, "node", false, "p/b", "{\"size\":3}");
    push(&place, 4, "alice", true, "p/a", "{\"size\":4}");
    push(&place, 5, "node", false, "p/a", "{\"size\":5}");
    wait_for(&place, 5);
    expect_git_says(place.repository, LOG,
                    "podtree: p/a; p/b (scheduler, node)\nalice: p/a (alice)\nnode: p/a (node)\n");
    expect_git_says(place.repository, "show main~2:p/a.yaml", "size: 2\n");
    expect_git_says(place.repository, "log -1 --format=%b main~2",
                    "- scheduler: p/a\n- node: p/a\n- node: p/b\n\nSeq: 3\n\n");
    stop(&place);
}

static void what_the_repository_has_is_skipped(void **state)
{
    struct place place = start_at(*state);
    push(&place, 1, "alice", true, "p/a", "{\"size\":1}");
    push(&place, 2, "alice", true, "p/a", "{\"size\":2}");
    stop(&place);
    place = start_at(*state);
    assert_int_equal(historian_done(place.historian), 2);
    push(&place, 1, "alice", true, "p/a", "{\"size\":1}");
    push(&place, 2, "alice", true, "p/a", "{\"size\":2}");
    push(&place, 3, "alice", true, "p/a", "{\"size\":3}");
    wait_for(&place, 3);
    expect_git_says(place.repository, "rev-list --count main", "3\n");
    stop(&place);
}

static void stopping_writes_what_waits(void **state)
{
    struct place place = start_at(*state);
    autofree char *repository = path_format("%s", place.repository);
    push(&place, 1, "node", false, "p/a", "{\"size\":1}");
    push(&place, 2, "alice", true, "p/b", "{\"size\":1}");
    push(&place, 3, "node", false, "p/c", "{\"size\":1}");
    stop(&place);
    expect_git_says(repository, "ls-tree -r --name-only main", "p/a.yaml\np/b.yaml\np/c.yaml\n");
}

static void a_flood_of_persons_changes_is_followed(void **state)
{
    struct place place = start_at(*state);
    enum { COUNT = 3000 };
    for (int i = 1; i <= COUNT; i++)
        push(&place, i, i % 2 != 0 ? "alice" : "bob", true, i % 3 != 0 ? "p/a" : "p/b",
             i % 7 != 0 ? "{\"size\":1}" : "{\"size\":2}");
    wait_for(&place, COUNT);
    autofree char *text = git_says(place.repository, "rev-list --count main");
    assert_true(atoi(text) < COUNT);
    autofree char *authors = git_says(place.repository, "log --format=%an main | sort -u | tr '\\n' ' '");
    assert_string_equal(authors, "alice bob ");
    expect_git_says(place.repository, "show main:p/a.yaml", "size: 1\n"); /* 2999 */
    expect_git_says(place.repository, "show main:p/b.yaml", "size: 1\n"); /* 3000 */
    /* So many loose objects are packed beside: fsck, which opens each file once, would miss some. */
    autofree char *repository = strdup(place.repository);
    stop(&place);
    expect_git_says(repository, "fsck --strict --no-progress", "");
}

static void a_document_that_is_none_does_not_stop_the_others(void **state)
{
    struct place place = start_at(*state);
    push(&place, 1, "alice", true, "p/a", "{\"size\":");
    push(&place, 2, "alice", true, "p/b", "{\"size\":1}");
    wait_for(&place, 2);
    expect_git_says(place.repository, "ls-tree -r --name-only main", "p/b.yaml\n");
    stop(&place);
}

static void a_second_historian_is_refused(void **state)
{
    struct place place = start_at(*state);
    struct historian *second = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(historian_start(place.repository, place.event_fd, &second, &err), -EBUSY);
    stop(&place);
}

/* ---- a full disk ---- in a mount namespace of a child, with which it goes */

static int on_a_full_disk(const char *directory)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=4m") != 0)
        return 77;
    struct place place = start_at(directory);
    push(&place, 1, "alice", true, "p/a", "{\"size\":1}");
    wait_for(&place, 1);
    autofree char *ballast = path_format("%s/ballast", directory);
    autofree char *fill = path_format("dd if=/dev/zero of=%s bs=4k 2>/dev/null", ballast);
    assert_int_not_equal(system(fill), 0);
    for (int64_t version = 2; version < 20; version++)
        push(&place, version, "alice", true, "p/a", version % 2 != 0 ? "{\"size\":1}" : "{\"size\":2}");
    struct pollfd readable = {place.event_fd, POLLIN, 0};
    poll(&readable, 1, 300); /* time for a few attempts */
    assert_int_equal(historian_done(place.historian), 1);
    assert_int_equal(unlink(ballast), 0);
    wait_for(&place, 19);
    expect_git_says(place.repository, "rev-list --count main", "19\n");
    autofree char *repository = strdup(place.repository);
    stop(&place);
    expect_git_says(repository, "fsck --strict --no-progress --no-dangling", "");
    return 0;
}

static void a_full_disk_makes_changes_wait(void **state)
{
    pid_t child = fork();
    if (child == 0)
        _exit(on_a_full_disk(*state));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

#define in_scratch(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(each_change_of_a_person_is_a_commit),
        in_scratch(components_share_a_commit_and_come_before_the_person_after_them),
        in_scratch(what_the_repository_has_is_skipped),
        in_scratch(stopping_writes_what_waits),
        in_scratch(a_flood_of_persons_changes_is_followed),
        in_scratch(a_document_that_is_none_does_not_stop_the_others),
        in_scratch(a_second_historian_is_refused),
        in_scratch(a_full_disk_makes_changes_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
