#include "fixture.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/discard.h"
#include "nodeagent/image.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

static char sentence[4096];

bool file_has(const char *path, const char *text)
{
    autobuf struct buf bytes = {0};
    return file_read(path, &bytes, NULL) == 0 && bytes.length != 0 && strstr(bytes.at, text) != NULL;
}

/* All this can be tried with another OCI runtime, too. */
static const char *runtime(void)
{
    const char *other = getenv("PODTREE_TEST_RUNTIME");
    return other != NULL ? other : "runc";
}

bool fixture_must_skip(void)
{
    const char *const argv[] = {runtime(), "--version", NULL};
    struct process_plan plan = {.argv = argv};
    if (geteuid() == 0 && process_run(&plan, NULL, NULL) == 0)
        return false;
    print_message("skipped: real containers need root and runc\n");
    return true;
}

static void on_sandbox_ended(void *context, const char *uid)
{
    struct fixture *fixture = context;
    (void)uid;
    fixture->sandbox_ended = true;
}

static void on_container_ended(void *context, const char *uid, const char *name, int attempt,
                               const struct runtime_end *end)
{
    struct fixture *fixture = context;
    (void)uid;
    (void)name;
    fixture->container_ended = true;
    fixture->ended_attempt = attempt;
    fixture->end = *end;
}

static void on_images_changed(void *context)
{
    ((struct fixture *)context)->images_changed = true;
}

static void open_runtime(struct fixture *fixture)
{
    struct runtime_listener listener = {on_sandbox_ended, on_container_ended, on_images_changed, fixture};
    fixture->loop = loop_new(NULL);
    assert_non_null(fixture->loop);
    fixture->runtime = runtime_open(fixture->loop, &fixture->place, &listener, NULL);
    assert_non_null(fixture->runtime);
}

static void import_demo(const char *state)
{
    const char *source = getenv("srcdir") != NULL ? getenv("srcdir") : ".";
    autofree char *script = path_format("%s/examples/images/build-demo.sh", source);
    const char *const argv[] = {script, "--state", state, NULL};
    struct process_plan plan = {.argv = argv};
    setenv("PODTREE_IMAGE", "libexec/podtree/podtree-image", 0);
    autoerror struct error *error = NULL;
    if (process_run(&plan, NULL, &error) < 0)
        fail_msg("%s", error_message(error));
}

/* Tests lie elsewhere than the programs do. */
static void find_program(char **path, const char *name)
{
    autofree char *built = path_format("libexec/podtree/%s", name);
    free(*path);
    *path = realpath(built, NULL);
    assert_non_null(*path);
}

void fixture_open(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    strcpy(fixture->directory, "/tmp/podtree-test.XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    autofree char *state = path_format("%s/state", fixture->directory);
    autofree char *run = path_format("%s/run", fixture->directory);
    autoerror struct error *error = NULL;
    if (place_open(&fixture->place, state, run, runtime(), &error) < 0)
        fail_msg("%s", error_message(error));
    find_program(&fixture->place.pause, "podtree-pause");
    find_program(&fixture->place.exec, "podtree-exec");
    find_program(&fixture->place.image, "podtree-image");
    import_demo(state);
    fixture->image = image_find(state, "podtree/demo:1", NULL);
    assert_non_null(fixture->image);
    open_runtime(fixture);
}

static void close_runtime(struct fixture *fixture)
{
    runtime_close(fixture->runtime);
    loop_free(fixture->loop);
}

void fixture_restart(struct fixture *fixture)
{
    close_runtime(fixture);
    open_runtime(fixture);
}

static void count_found(void *context, const char *uid, const char *name, int attempt)
{
    int *count = context;
    print_error("left over: %s %s %d\n", uid, name != NULL ? name : "(sandbox)", attempt);
    ++*count;
}

void fixture_close(struct fixture *fixture)
{
    int count = 0;
    runtime_list(fixture->runtime, count_found, &count);
    assert_int_equal(count, 0);
    assert_false(file_has("/proc/self/mounts", fixture->directory));
    struct cgroups *cgroups = cgroups_open(NULL);
    assert_int_equal(cgroups_kill(cgroups, fixture->place.cgroup), 0);
    assert_int_equal(cgroups_remove(cgroups, fixture->place.cgroup, NULL), 0);
    cgroups_close(cgroups);
    discard_wait();
    close_runtime(fixture);
    doc_free(fixture->image);
    doc_free(fixture->pod);
    place_close(&fixture->place);
    assert_int_equal(directory_remove(fixture->directory, NULL), 0);
}

static void on_done(void *context, struct error *error)
{
    snprintf(sentence, sizeof(sentence), "%s", error != NULL ? error_message(error) : "");
    *(bool *)context = true;
}

void fixture_wait(struct fixture *fixture, const bool *flag)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!*flag) {
        assert_true(clock_ms() < until);
        assert_int_equal(loop_turn(fixture->loop, 100, NULL), 0);
    }
}

void fixture_wait_for_text(struct fixture *fixture, const char *path, const char *text)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!file_has(path, text)) {
        if (clock_ms() >= until)
            fail_msg("%s does not come to say \"%s\"", path, text);
        assert_int_equal(loop_turn(fixture->loop, 5, NULL), 0);
    }
}

const char *fixture_run_sandbox(struct fixture *fixture, const char *uid)
{
    bool done = false;
    autosysctls struct sysctls sysctls = {0};
    assert_int_equal(sysctls_of_pod(&sysctls, doc_root(fixture->pod), NULL), 0);
    struct sandbox_config config = {.uid = uid,
                                    .title = "default/test",
                                    .namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
                                    .hostname = "test-host",
                                    .hosts = STR("127.0.0.1\tlocalhost\n127.0.1.1\ttest-host\n"),
                                    .resolver = STR(""),
                                    .sysctls = sysctls};
    runtime_run_sandbox(fixture->runtime, &config, on_done, &done);
    fixture_wait(fixture, &done);
    return sentence;
}

const char *fixture_create(struct fixture *fixture, const char *uid, const char *name, int attempt,
                           const char *spec)
{
    bool done = false;
    autodoc struct doc *doc = doc_parse(str_of(spec), NULL);
    assert_non_null(doc);
    struct runtime_container container = {.uid = uid,
                                          .name = name,
                                          .attempt = attempt,
                                          .pod = doc_root(fixture->pod),
                                          .spec = doc_root(doc),
                                          .image = doc_root(fixture->image),
                                          .hostname = "test-host"};
    fixture->container_ended = false;
    autoerror struct error *error = NULL;
    if (runtime_create_container(fixture->runtime, &container, on_done, &done, &error) < 0)
        on_done(&done, error);
    fixture_wait(fixture, &done);
    return sentence;
}

const char *fixture_start(struct fixture *fixture, const char *uid, const char *name, int attempt)
{
    bool done = false;
    runtime_start_container(fixture->runtime, uid, name, attempt, on_done, &done);
    fixture_wait(fixture, &done);
    return sentence;
}

const char *fixture_remove(struct fixture *fixture, const char *uid, const char *name, int attempt)
{
    bool done = false;
    runtime_remove_container(fixture->runtime, uid, name, attempt, on_done, &done);
    fixture_wait(fixture, &done);
    return sentence;
}

void fixture_end_sandbox(struct fixture *fixture, const char *uid)
{
    fixture->sandbox_ended = false;
    assert_true(runtime_stop_sandbox(fixture->runtime, uid));
    fixture_wait(fixture, &fixture->sandbox_ended);
    autoerror struct error *error = NULL;
    if (runtime_remove_sandbox(fixture->runtime, uid, &error) < 0)
        fail_msg("%s", error_message(error));
}
