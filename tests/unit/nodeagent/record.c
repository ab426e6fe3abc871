/* What is kept of a pod, and the pauses between attempts. */
#include "nodeagent/record.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"
#include <signal.h>

#define POD                                                                     \
    "{\"metadata\":{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\"}," \
    "\"spec\":{\"containers\":[{\"name\":\"a\"}]}"

static struct place place;

static int begin(void **state)
{
    (void)state;
    static char directory[] = "/tmp/podtree-test.XXXXXX";
    memcpy(strrchr(directory, '.'), ".XXXXXX", 7);
    place.state = directory;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return directory_remove(place.state, NULL);
}

/* What an agent that starts would know of it. */
static struct pod_record *reload(const struct pod_record *record)
{
    assert_int_equal(record_save(&place, record, NULL), 0);
    struct pod_record *loaded = record_load(&place, record->uid, NULL);
    assert_non_null(loaded);
    return loaded;
}

/* Writes the file of the pod with uid u. */
static void write_file(const char *text)
{
    autofree char *below = place_pod_state(&place, "u"), *path = path_format("%s/pod.json", below);
    assert_int_equal(directory_make(below, 0700, NULL), 0);
    assert_int_equal(file_write(path, str_of(text), 0600, NULL), 0);
}

static void test_what_is_saved_is_loaded(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse(POD "}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 5);
    record->grace_seconds = 7;
    struct container_record *a = record_container(record, "a");
    a->attempt = 2;
    a->started_ms = 100;
    record_end(a, 3, 200, "Error", "a \"sentence\"");
    a->attempt = 3;
    a->state = CONTAINER_RUNNING;
    a->image_id = str_dup(STR("sha256:1"));
    a->stop_signal = SIGQUIT;
    record_set_image(a, STR("demo:1"));
    record_raise_backoff(a, 300);

    autorecord struct pod_record *loaded = reload(record);
    struct container_record *b = record_container(loaded, "a");
    assert_string_equal(loaded->name, "web");
    assert_int_equal(loaded->grace_seconds, 7);
    assert_int_equal(b->state, CONTAINER_RUNNING);
    assert_int_equal(b->attempt, 3);
    assert_string_equal(b->image_id, "sha256:1");
    assert_int_equal(b->stop_signal, SIGQUIT);
    assert_string_equal(b->image, "demo:1");
    assert_false(b->again);
    assert_true(b->end.valid);
    assert_int_equal(b->end.attempt, 2);
    assert_int_equal(b->end.exit_code, 3);
    assert_int_equal(b->end.started_ms, 100);
    assert_int_equal(b->end.finished_ms, 200);
    assert_string_equal(b->end.reason, "Error");
    assert_string_equal(b->end.message, "a \"sentence\"");
    assert_false(b->previous_end.valid);
    assert_int_equal(record_backoff_until(b), 200 + 10000);
    assert_null(record_container(loaded, "b"));
}

static void test_a_record_that_can_not_be_read_is_none(void **state)
{
    (void)state;
    assert_null(record_load(&place, "u", NULL));
    write_file("{\"uid\":\"u\",\"contai");
    autoerror struct error *error = NULL;
    assert_null(record_load(&place, "u", &error));
    assert_non_null(strstr(error_message(error), "pods/u/pod.json"));
}

static void test_pauses_double_up_to_five_minutes_and_begin_again_after_ten(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse(POD "}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 0);
    struct container_record *a = record_container(record, "a");
    int64_t now = 1000000;
    static const int seconds[] = {0, 10, 20, 40, 80, 160, 300, 300};
    for (size_t i = 0; i < COUNT(seconds); i++) {
        record_end(a, 1, now, "Error", NULL);
        int64_t until = record_backoff_until(a);
        assert_int_equal(until == 0 ? 0 : until - now, seconds[i] * 1000);
        now += seconds[i] * 1000;
        record_raise_backoff(a, now);
    }
    now += 10 * 60 * 1000 + 1;
    record_end(a, 1, now, "Error", NULL);
    assert_int_equal(record_backoff_until(a), 0);
    record_raise_backoff(a, now);
    assert_int_equal(a->backoff_ms, 10000);
}

static void test_another_image_begins_from_the_beginning(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse(
        "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"two\"}]}}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 0);
    struct container_record *a = record_container(record, "a");
    assert_false(record_asks_other_image(a, doc_root(pod)));
    record_set_image(a, STR("one"));
    assert_false(a->again);
    assert_true(record_asks_other_image(a, doc_root(pod)));
    record_end(a, 1, 1000, "Error", NULL);
    record_raise_backoff(a, 1000);
    record_wait(a, "ImagePullBackOff", "no such image", 1000);
    assert_int_equal(record_backoff_until(a), 1000 + 10000);
    record_set_image(a, STR("one"));
    assert_string_equal(a->waiting_reason, "ImagePullBackOff");
    record_set_image(a, STR("two"));
    assert_false(record_asks_other_image(a, doc_root(pod)));
    assert_null(a->waiting_reason);
    assert_int_equal(a->retry_ms, 0);
    assert_int_equal(record_backoff_until(a), 0);
    record_raise_backoff(a, 2000);
    a->again = false;
    record_end(a, 1, 3000, "Error", NULL);
    assert_int_equal(record_backoff_until(a), 0);
}

/* An older version's, which says nothing of images, is read too. */
static void test_a_record_without_an_image_is_read(void **state)
{
    (void)state;
    write_file("{\"uid\":\"u\",\"containers\":[{\"name\":\"a\",\"state\":\"running\",\"attempt\":1}]}");
    autodoc struct doc *pod = must_parse(POD "}");
    autorecord struct pod_record *record = record_load(&place, "u", NULL);
    assert_non_null(record);
    struct container_record *a = record_container(record, "a");
    assert_int_equal(a->state, CONTAINER_RUNNING);
    assert_null(a->image);
    assert_false(a->again);
    assert_false(record_asks_other_image(a, doc_root(pod)));
    autodoc struct doc *seen =
        must_parse("{\"spec\":{\"terminationGracePeriodSeconds\":7,\"hostNetwork\":true,"
                   "\"containers\":[{\"name\":\"a\",\"image\":\"one\"}]}}");
    record_learn(record, doc_root(seen));
    assert_string_equal(a->image, "one");
    assert_false(a->again);
    assert_int_equal(record->grace_seconds, 7);
    assert_true(record->host_network);
}

/* One that an earlier version wrote: whom that had asked, it had signalled; what it ran, it had admitted. */
static void test_an_older_record_becomes_one_of_a_pod_with_init_containers(void **state)
{
    (void)state;
    write_file("{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\",\"containers\":["
               "{\"name\":\"a\",\"state\":\"running\",\"attempt\":1,\"asked\":77}]}");
    autodoc struct doc *pod =
        must_parse("{\"metadata\":{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\"},\"spec\":{"
                   "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"s\",\"restartPolicy\":\"Always\"}],"
                   "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}");
    autorecord struct pod_record *record = record_load(&place, "u", NULL);
    assert_non_null(record);
    assert_true(record->admitted);
    assert_int_equal(record->containers[0].signalled_ms, 77);
    record_add_remains(record, "z", 0);
    for (int again = 0; again < 2; again++) {
        record_identify(record, doc_root(pod), 5);
        static const char *const names[] = {"i", "s", "a", "b", "z"};
        static const enum container_role roles[] = {ROLE_INIT, ROLE_SIDECAR, ROLE_ORDINARY, ROLE_ORDINARY,
                                                    ROLE_ORDINARY};
        assert_int_equal(record->container_count, 5);
        for (int i = 0; i < 5; i++) {
            assert_string_equal(record->containers[i].name, names[i]);
            assert_int_equal(record->containers[i].role, roles[i]);
        }
        assert_int_equal(record->containers[2].state, CONTAINER_RUNNING);
        assert_int_equal(record->containers[0].attempt, -1);
    }
}

static void test_what_init_containers_and_hooks_have_done_is_kept(void **state)
{
    (void)state;
    autodoc struct doc *pod =
        must_parse("{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"initContainers\":[{\"name\":\"i\"}],"
                   "\"containers\":[{\"name\":\"a\"}]}}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 5);
    struct container_record *i = record_container(record, "i"), *a = record_container(record, "a");
    assert_false(record_is_initialized(record));
    i->attempt = a->attempt = 0;
    record_end(i, 0, 200, "Completed", NULL);
    assert_true(record_is_initialized(record));
    a->state = CONTAINER_RUNNING;
    a->post_start_due = a->pre_stop_due = true;
    a->asked_ms = 100;
    a->grace_seconds = 3;
    record_fail(record, "Evicted", "why");
    record->failure_grace_seconds = 1;
    autorecord struct pod_record *loaded = reload(record);
    assert_false(loaded->admitted);
    assert_true(record_is_initialized(loaded));
    assert_int_equal(loaded->containers[0].role, ROLE_INIT);
    struct container_record *b = record_container(loaded, "a");
    assert_true(b->post_start_due && b->pre_stop_due);
    assert_int_equal(b->asked_ms, 100);
    assert_int_equal(b->signalled_ms, 0);
    assert_int_equal(b->grace_seconds, 3);
    assert_false(record_runs(b));
    assert_true(loaded->over);
    assert_string_equal(loaded->failure_reason, "Evicted");
    assert_string_equal(loaded->failure_message, "why");
    assert_int_equal(loaded->failure_grace_seconds, 1);
    record_set_unfit(b, "one", 1);
    record_set_unfit(b, "two", 2);
    assert_string_equal(b->unfit, "one");
    record_end(b, 0, 300, "Completed", NULL);
    assert_null(b->unfit);
    assert_int_equal(b->grace_seconds, -1);
    record_renew_sandbox(loaded);
    assert_false(record_is_initialized(loaded));
    assert_true(loaded->containers[0].again);
}

/* Every member of the file, none of them as it is by itself. */
static void test_each_member_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const char text[] =
        "{\"uid\":\"u\",\"namespace\":\"far\",\"name\":\"web\",\"graceSeconds\":7,\"priority\":5,"
        "\"hostNetwork\":true,"
        "\"admitted\":false,\"static\":true,\"failureReason\":\"r\",\"failureMessage\":\"m\","
        "\"failureGraceSeconds\":8,\"saidInVain\":\"spec.x "
        "(y)\\n\",\"containers\":[{\"name\":\"a\",\"role\":\"sidecar\",\"state\":"
        "\"created\","
        "\"attempt\":3,\"remains\":true,\"startAsked\":true,\"started\":4,\"image\":\"i\",\"imageID\":\"d\","
        "\"stopSignal\":3,\"end\":{\"attempt\":2,\"exitCode\":5,\"started\":6,\"finished\":7,\"reason\":"
        "\"x\","
        "\"message\":\"y\"},\"previousEnd\":{\"attempt\":1,\"exitCode\":9,\"started\":10,\"finished\":11},"
        "\"backoff\":12,\"backoffSince\":13,\"done\":true,\"postStartDue\":true,\"asked\":14,"
        "\"preStopDue\":true,\"signalled\":15,\"graceSeconds\":16,\"killed\":true,\"again\":true,"
        "\"atEnd\":{\"ports\":[1]}}]}\n";
    write_file(text);
    autorecord struct pod_record *record = record_load(&place, "u", NULL);
    assert_non_null(record);
    assert_int_equal(record_save(&place, record, NULL), 0);
    autofree char *path = path_format("%s/pods/u/pod.json", place.state);
    autobuf struct buf written = {0};
    assert_int_equal(file_read(path, &written, NULL), 0);
    assert_string_equal(written.at, text);
    const struct container_record *a = record_container(record, "a");
    assert_int_equal(a->role, ROLE_SIDECAR);
    assert_int_equal(a->state, CONTAINER_CREATED);
    assert_true(a->start_asked && a->killed && a->again && record->is_static);
    assert_int_equal(a->signalled_ms, 15);
    assert_int_equal(a->previous_end.exit_code, 9);
}

static void test_what_the_end_of_a_container_needs_is_kept(void **state)
{
    (void)state;
    autodoc struct doc *pod =
        must_parse("{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{"
                   "\"name\":\"web\"}],"
                   "\"lifecycle\":{\"postStart\":{\"sleep\":{}},\"preStop\":{\"sleep\":{\"seconds\":1}}}},"
                   "{\"name\":\"b\",\"ports\":[{\"name\":\"web\"}]}]}}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 5);
    record->host_network = true;
    for (int i = 0; i < 2; i++)
        record_keep_for_end(&record->containers[i], record_spec(&record->containers[i], doc_root(pod)));
    autorecord struct pod_record *loaded = reload(record);
    assert_true(loaded->host_network);
    assert_json(doc_root(loaded->containers[0].at_end),
                "{\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":1}}},\"ports\":[{\"name\":\"web\"}]}");
    assert_null(loaded->containers[1].at_end);
    record_keep_for_end(&loaded->containers[0], VALUE_ABSENT);
    assert_null(loaded->containers[0].at_end);
}

static void test_an_attempt_that_never_was_is_not_counted(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse(POD "}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 0);
    struct container_record *a = record_container(record, "a");
    record_begin(a, VALUE_ABSENT, "sha256:1", SIGTERM, 1);
    assert_int_equal(a->state, CONTAINER_CREATING);
    assert_true(a->remains);
    record_undo_attempt(a);
    assert_int_equal(a->attempt, -1);
    assert_int_equal(a->state, CONTAINER_NONE);
    assert_false(a->remains);
    a->attempt = 0;
    record_end(a, 0, 5, "Completed", NULL);
    record_begin(a, VALUE_ABSENT, "sha256:1", SIGTERM, 10);
    assert_int_equal(a->attempt, 1);
    assert_int_equal(a->backoff_ms, 10000);
    record_undo_attempt(a);
    assert_true(a->again); /* it had been decided that it runs again */
}

static void test_what_the_tree_says_of_lost_containers_is_taken_over(void **state)
{
    (void)state;
    autodoc struct doc *pod =
        must_parse(POD ",\"status\":{\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":4,"
                       "\"state\":{\"running\":{\"startedAt\":\"2026-01-01T00:00:00Z\"}}}]}}");
    autorecord struct pod_record *record = record_new(doc_root(pod), 77);
    struct container_record *a = record_container(record, "a");
    assert_int_equal(a->attempt, 4);
    assert_int_equal(a->state, CONTAINER_NONE);
    assert_false(a->remains);
    assert_int_equal(a->end.exit_code, 137);
    assert_int_equal(a->end.finished_ms, 77);
    assert_string_equal(a->end.reason, "ContainerStatusUnknown");
}

static void test_remains_become_a_pod_to_be_ended(void **state)
{
    (void)state;
    autorecord struct pod_record *record = record_stray("u");
    record_add_remains(record, "a", 3);
    record_add_remains(record, "a", 2);
    assert_int_equal(record->container_count, 1);
    assert_int_equal(record->containers[0].attempt, 3);
    assert_true(record->containers[0].remains);
}

/* The agent was killed when it had made the pod's directory, and not yet written its record. */
static void test_a_lost_record_is_made_again_of_what_the_tree_says(void **state)
{
    (void)state;
    autodoc struct doc *pod =
        must_parse("{\"metadata\":{\"uid\":\"u\",\"namespace\":\"far\",\"name\":\"web\"},"
                   "\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}");
    autorecord struct pod_record *record = record_stray("u");
    record_add_remains(record, "a", 3);
    for (int again = 0; again < 2; again++) {
        record_identify(record, doc_root(pod), 77);
        assert_string_equal(record->name, "web");
        assert_string_equal(record->namespace, "far");
        assert_int_equal(record->container_count, 2);
        assert_int_equal(record_container(record, "a")->attempt, 3);
        assert_true(record_container(record, "a")->remains);
        assert_int_equal(record_container(record, "b")->attempt, -1);
    }
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(test_what_is_saved_is_loaded),
        WITH_PLACE(test_a_record_that_can_not_be_read_is_none),
        cmocka_unit_test(test_pauses_double_up_to_five_minutes_and_begin_again_after_ten),
        cmocka_unit_test(test_another_image_begins_from_the_beginning),
        WITH_PLACE(test_a_record_without_an_image_is_read),
        WITH_PLACE(test_an_older_record_becomes_one_of_a_pod_with_init_containers),
        WITH_PLACE(test_what_init_containers_and_hooks_have_done_is_kept),
        WITH_PLACE(test_each_member_is_read_as_it_was_written),
        WITH_PLACE(test_what_the_end_of_a_container_needs_is_kept),
        cmocka_unit_test(test_an_attempt_that_never_was_is_not_counted),
        cmocka_unit_test(test_what_the_tree_says_of_lost_containers_is_taken_over),
        cmocka_unit_test(test_remains_become_a_pod_to_be_ended),
        cmocka_unit_test(test_a_lost_record_is_made_again_of_what_the_tree_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
