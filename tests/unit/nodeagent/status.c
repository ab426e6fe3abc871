/* What is said of a pod. */
#include "nodeagent/status.h"
#include "lib/condition.h"
#include "tests/unit/lib/test.h"

#define NOW 1767225600000 /* 2026-01-01T00:00:00Z */

static struct doc *pod(const char *spec)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"metadata\":{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\"},\"spec\":{%s}}",
             spec);
    return must_parse(text.at);
}
#define TWO "\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\"}]"

#define INIT                                                                                                \
    "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"s\",\"restartPolicy\":\"Always\"},{\"name\":\"j\"}]," \
    "\"containers\":[{\"name\":\"a\"}]"

/* N: none yet, R: running, S: running and starting, U: running and unready, 0…9: ended with that exit code;
 * one letter per container. */
static void set_states(struct pod_record *record, const char *states)
{
    for (int i = 0; states[i] != '\0'; i++) {
        struct container_record *container = &record->containers[i];
        if (states[i] == 'N')
            continue;
        container->attempt = 0;
        container->started_ms = NOW - 5000;
        container->starting = states[i] == 'S';
        container->unready = states[i] == 'S' || states[i] == 'U';
        if (states[i] >= 'A')
            container->state = CONTAINER_RUNNING;
        else
            record_end(container, states[i] - '0', NOW - 1000, states[i] == '0' ? "Completed" : "Error",
                       NULL);
    }
}

static void test_phases_follow_from_containers_and_policy(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *states;
        bool over;
        const char *phase;
    } rows[] = {
        {"Always", "NN", false, "Pending"}, {"Always", "RN", false, "Pending"},
        {"Always", "RR", false, "Running"}, {"Always", "R1", false, "Running"},
        {"Always", "10", false, "Running"}, {"OnFailure", "01", false, "Running"},
        {"Never", "00", true, "Succeeded"}, {"OnFailure", "00", true, "Succeeded"},
        {"Never", "01", true, "Failed"},    {"Never", "R0", false, "Running"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf spec = {0};
        buf_addf(&spec, "\"restartPolicy\":\"%s\"," TWO, rows[i].policy);
        autodoc struct doc *doc = pod(spec.at), *status = doc_new();
        autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
        set_states(record, rows[i].states);
        record->over = rows[i].over;
        status_update(doc_root(status), doc_root(doc), record, "192.0.2.1", true, NOW);
        assert_str(value_str(value_at(doc_root(status), "phase")), rows[i].phase);
    }
}

static struct value container_status(struct doc *status)
{
    return value_element(value_at(doc_root(status), "containerStatuses"), 0);
}

/* "status reason message" of a condition. */
static void add_condition(struct buf *out, struct doc *status, const char *type)
{
    struct value condition = condition_find(value_at(doc_root(status), "conditions"), type);
    struct str reason = value_str(value_get(condition, STR("reason")));
    struct str message = value_str(value_get(condition, STR("message")));
    buf_addf(out, STR_FORMAT " " STR_FORMAT " " STR_FORMAT,
             STR_ARGS(value_str(value_get(condition, STR("status")))), STR_ARGS(reason), STR_ARGS(message));
}

/* What others say of the pod. */
static void say_conditions(struct doc *pod, const char *conditions)
{
    autodoc struct doc *status = must_parse(conditions);
    value_set_copy(value_set_object(doc_root(pod), STR("status")), STR("conditions"), doc_root(status));
}

/* A row for what the status of the pod with init containers says when they are so. */
static void test_a_pod_with_init_containers_says_how_far_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *states;
        bool over;
        const char *phase, *initialized, *ready;
    } rows[] = {
        {"Always", "NNNN", false, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [i s j]",
         "False ContainersNotReady containers with unready status: [s a]"},
        {"Always", "RNNN", false, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [i s j]",
         "False ContainersNotReady containers with unready status: [s a]"},
        {"Always", "0SNN", false, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [s j]",
         "False ContainersNotReady containers with unready status: [s a]"},
        {"Always", "0URN", false, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [j]",
         "False ContainersNotReady containers with unready status: [s a]"},
        {"Always", "0R1N", false, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [j]",
         "False ContainersNotReady containers with unready status: [a]"},
        {"Never", "0R1N", true, "Pending",
         "False ContainersNotInitialized containers with incomplete status: [j]",
         "False ContainersNotReady containers with unready status: [a]"},
        {"Never", "011N", true, "Failed",
         "False ContainersNotInitialized containers with incomplete status: [s j]", "False PodFailed "},
        {"Always", "0R0S", false, "Running", "True  ",
         "False ContainersNotReady containers with unready status: [a]"},
        {"Always", "0R0U", false, "Running", "True  ",
         "False ContainersNotReady containers with unready status: [a]"},
        {"Always", "0R0R", false, "Running", "True  ", "True  "},
        {"Always", "010R", false, "Running", "True  ",
         "False ContainersNotReady containers with unready status: [s]"},
        {"Never", "0R00", true, "Running", "True  ",
         "False ContainersNotReady containers with unready status: [a]"},
        {"Never", "0900", true, "Succeeded", "True PodCompleted ", "False PodCompleted "},
        {"Never", "0901", true, "Failed", "True  ", "False PodFailed "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf spec = {0}, initialized = {0}, ready = {0};
        buf_addf(&spec, "\"restartPolicy\":\"%s\"," INIT, rows[i].policy);
        autodoc struct doc *doc = pod(spec.at), *status = doc_new();
        autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
        set_states(record, rows[i].states);
        record->over = rows[i].over;
        status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
        assert_str(value_str(value_at(doc_root(status), "phase")), rows[i].phase);
        add_condition(&initialized, status, "Initialized");
        assert_string_equal(initialized.at, rows[i].initialized);
        add_condition(&ready, status, "Ready");
        assert_string_equal(ready.at, rows[i].ready);
    }
}

static void test_mounts_are_said_with_what_has_become_of_them(void **state)
{
    (void)state;
#define MOUNT(name, more) "{\"name\":\"" name "\",\"mountPath\":\"/" name "\"" more "}"
#define READ_ONLY(how)    ",\"readOnly\":true,\"recursiveReadOnly\":\"" how "\""
    autodoc struct doc *doc =
        pod("\"containers\":[{\"name\":\"a\",\"volumeMounts\":[" MOUNT("w", "") "," MOUNT(
            "r",
            ",\"readOnly\":true") "," MOUNT("d",
                                            READ_ONLY("Disabled")) "," MOUNT("i",
                                                                             READ_ONLY("IfPossible")) "]}]");
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    for (int recursive = 0; recursive < 2; recursive++) {
        autodoc struct doc *status = doc_new();
        autobuf struct buf said = {0}, expected = {0};
        status_update(doc_root(status), doc_root(doc), record, NULL, recursive, NOW);
        struct value first = value_element(value_at(doc_root(status), "containerStatuses"), 0);
        value_write(&said, value_get(first, STR("volumeMounts")));
        buf_addf(&expected,
                 "[" MOUNT("w", "") "," MOUNT("r", READ_ONLY("Disabled")) "," MOUNT(
                     "d", READ_ONLY("Disabled")) "," MOUNT("i", READ_ONLY("%s")) "]",
                 recursive ? "Enabled" : "Disabled");
        assert_string_equal(said.at, expected.at);
    }
}

static void test_init_containers_are_ready_when_done_and_sidecars_when_they_serve(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod(INIT), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    static const char *const expected[] = {"true false", "false true"};
    set_states(record, "0UR");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    struct value list = value_at(doc_root(status), "initContainerStatuses");
    assert_int_equal(value_count(list), 3);
    for (size_t i = 0; i < 2; i++) {
        struct value part = value_element(list, i);
        autobuf struct buf text = {0};
        buf_addf(&text, STR_FORMAT " " STR_FORMAT, STR_ARGS(value_str(value_get(part, STR("ready")))),
                 STR_ARGS(value_str(value_get(part, STR("started")))));
        assert_string_equal(text.at, expected[i]);
    }
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"PodInitializing\"}}");
}

/* In Kubernetes a container doesn't count as running before its hook has ended. */
static void test_a_container_with_post_start_runs_when_that_has_ended(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    set_states(record, "R");
    record->containers[0].post_start_due = true;
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Pending");
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"ContainerCreating\"}}");
    record->containers[0].post_start_due = false;
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Running");
}

static void test_gates_keep_a_pod_from_being_ready(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        pod("\"readinessGates\":[{\"conditionType\":\"x/one\"},{\"conditionType\":\"x/two\"}],"
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    autodoc struct doc *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    set_states(record, "R");
    say_conditions(doc, "[{\"type\":\"x/one\",\"status\":\"False\"}]");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    autobuf struct buf ready = {0}, containers = {0}, now = {0};
    add_condition(&ready, status, "Ready");
    assert_string_equal(
        ready.at,
        "False ReadinessGatesNotReady the status of pod readiness gate \"x/one\" is not \"True\", but "
        "False, corresponding condition of pod readiness gate \"x/two\" does not exist.");
    add_condition(&containers, status, "ContainersReady");
    assert_string_equal(containers.at, "True  ");
    say_conditions(doc,
                   "[{\"type\":\"x/one\",\"status\":\"True\"},{\"type\":\"x/two\",\"status\":\"True\"}]");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    add_condition(&now, status, "Ready");
    assert_string_equal(now.at, "True  ");
}

static void test_a_pod_that_has_failed_for_a_reason_says_so_when_nothing_runs_any_more(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    record->admitted = true;
    set_states(record, "R");
    record_fail(record, "DeadlineExceeded", "too long");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Running");
    assert_false(value_exists(value_at(doc_root(status), "reason")));
    record_end(&record->containers[0], 143, NOW, "Error", NULL);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Failed");
    assert_str(value_str(value_at(doc_root(status), "reason")), "DeadlineExceeded");
    assert_str(value_str(value_at(doc_root(status), "message")), "too long");
}

/* Who waits for it learns that nothing comes any more, also where a finalizer keeps the object. */
static void test_a_pod_that_is_deleted_before_it_has_run_has_failed(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod(INIT), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    record->admitted = true;
    set_states(record, "R");
    value_set_str(value_get(doc_root(doc), STR("metadata")), STR("deletionTimestamp"),
                  STR("2026-01-01T00:00:30Z"));
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Pending");
    record_end(&record->containers[0], 143, NOW, "Error", NULL);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Failed");
}

static void test_a_pod_that_is_refused_says_nothing_of_containers(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod(INIT), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    record_fail(record, "OutOfcpu", "there is none");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_str(value_str(value_at(doc_root(status), "phase")), "Failed");
    assert_str(value_str(value_at(doc_root(status), "reason")), "OutOfcpu");
    assert_false(value_exists(value_at(doc_root(status), "containerStatuses")));
    assert_false(value_exists(value_at(doc_root(status), "initContainerStatuses")));
    autobuf struct buf ready = {0};
    add_condition(&ready, status, "Ready");
    assert_string_equal(ready.at, "False PodFailed ");
}

static void test_a_running_container_is_ready_and_remembers_its_last_end(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    set_states(record, "3");
    record->containers[0].attempt = 1;
    record->containers[0].state = CONTAINER_RUNNING;
    record->containers[0].started_ms = NOW;
    status_update(doc_root(status), doc_root(doc), record, "192.0.2.1", true, NOW);
    assert_json(value_get(container_status(status), STR("state")),
                "{\"running\":{\"startedAt\":\"2026-01-01T00:00:00Z\"}}");
    assert_json(value_get(container_status(status), STR("lastState")),
                "{\"terminated\":{\"exitCode\":3,\"reason\":\"Error\",\"startedAt\":\"2025-12-31T23:59:55Z\","
                "\"finishedAt\":\"2025-12-31T23:59:59Z\",\"containerID\":\"podtree://u.a.0\"}}");
    assert_json(value_get(container_status(status), STR("restartCount")), "1");
    assert_json(value_get(container_status(status), STR("ready")), "true");
    assert_str(value_str(value_at(doc_root(status), "hostIP")), "192.0.2.1");
}

static void test_a_container_between_attempts_says_why_it_waits(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"), *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    set_states(record, "1");
    record_raise_backoff(&record->containers[0], NOW - 2000);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 10s restarting failed "
                "container=a pod=web_default(u)\"}}");
    assert_json(value_at(container_status(status), "lastState", "terminated", "exitCode"), "1");
    record_wait(&record->containers[0], "ImagePullBackOff", "no such image", NOW);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":\"no such image\"}}");
}

static void assert_state(struct doc *pod_doc, const struct pod_record *record, int64_t now_ms,
                         const char *expected)
{
    autodoc struct doc *status = doc_new();
    status_update(doc_root(status), doc_root(pod_doc), record, NULL, true, now_ms);
    assert_json(value_get(container_status(status), STR("state")), expected);
}

/* In Kubernetes it is said when the hook has failed, then for as long as the kubelet doesn't look again. */
static void test_a_container_whose_hook_has_failed_says_so_before_it_says_what_it_waits_for(void **state)
{
    (void)state;
    static const char failed[] =
        "{\"waiting\":{\"reason\":\"PostStartHookError\",\"message\":\"no greeting\"}}";
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    struct container_record *container = &record->containers[0];
    set_states(record, "1");
    record_raise_backoff(container, NOW);
    container->backoff_ms = 20000;
    container->attempt = 1;
    container->state = CONTAINER_RUNNING;
    container->post_start_due = true;
    record_fail_hook(container, "FailedPostStartHook", "no greeting");
    assert_state(doc, record, NOW, failed);
    record_end(container, 143, NOW, "Error", NULL);
    assert_state(doc, record, NOW + 9999, failed);
    assert_state(doc, record, NOW + 10000,
                 "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 20s restarting failed "
                 "container=a pod=web_default(u)\"}}");
    container->attempt = 2;
    container->state = CONTAINER_CREATING;
    record_stop_waiting(container);
    assert_state(doc, record, NOW, "{\"waiting\":{\"reason\":\"ContainerCreating\"}}");
}

static void test_one_whose_hook_has_failed_and_that_is_not_run_again_has_ended(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        pod("\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    autodoc struct doc *status = doc_new();
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    set_states(record, "R");
    record_fail_hook(&record->containers[0], "FailedPostStartHook", "no greeting");
    record_end(&record->containers[0], 143, NOW, "Error", NULL);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    assert_json(value_at(container_status(status), "state", "terminated", "reason"), "\"Error\"");
}

static void test_conditions_keep_their_time_until_they_turn_and_others_stay(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    autodoc struct doc *status =
        must_parse("{\"conditions\":[{\"type\":\"example.com/own\",\"status\":\"True\"}]}");
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW);
    set_states(record, "R");
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW + 5000);
    status_update(doc_root(status), doc_root(doc), record, NULL, true, NOW + 9000);
    struct value conditions = value_at(doc_root(status), "conditions");
    assert_str(value_str(value_get(value_element(conditions, 0), STR("type"))), "example.com/own");
    value_each (condition, conditions) {
        if (value_is(value_get(condition, STR("type")), "Ready"))
            assert_json(
                condition,
                "{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-01T00:00:05Z\"}");
        if (value_is(value_get(condition, STR("type")), "Initialized"))
            assert_str(value_str(value_get(condition, STR("lastTransitionTime"))), "2026-01-01T00:00:00Z");
    }
}

static void test_only_what_differs_has_to_be_said(void **state)
{
    (void)state;
    autodoc struct doc *a = must_parse("{\"phase\":\"Running\",\"reason\":\"x\",\"list\":[1]}");
    autodoc struct doc *b = must_parse("{\"phase\":\"Failed\",\"list\":[1]}");
    autodoc struct doc *merge = doc_new(), *nothing = doc_new();
    assert_true(status_difference(doc_root(merge), doc_root(a), doc_root(b)));
    assert_json(doc_root(merge), "{\"phase\":\"Failed\",\"reason\":null}");
    assert_false(status_difference(doc_root(nothing), doc_root(b), doc_root(b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_follow_from_containers_and_policy),
        cmocka_unit_test(test_a_pod_with_init_containers_says_how_far_it_is),
        cmocka_unit_test(test_mounts_are_said_with_what_has_become_of_them),
        cmocka_unit_test(test_init_containers_are_ready_when_done_and_sidecars_when_they_serve),
        cmocka_unit_test(test_a_container_with_post_start_runs_when_that_has_ended),
        cmocka_unit_test(test_gates_keep_a_pod_from_being_ready),
        cmocka_unit_test(test_a_pod_that_has_failed_for_a_reason_says_so_when_nothing_runs_any_more),
        cmocka_unit_test(test_a_pod_that_is_deleted_before_it_has_run_has_failed),
        cmocka_unit_test(test_a_pod_that_is_refused_says_nothing_of_containers),
        cmocka_unit_test(test_a_running_container_is_ready_and_remembers_its_last_end),
        cmocka_unit_test(test_a_container_between_attempts_says_why_it_waits),
        cmocka_unit_test(test_a_container_whose_hook_has_failed_says_so_before_it_says_what_it_waits_for),
        cmocka_unit_test(test_one_whose_hook_has_failed_and_that_is_not_run_again_has_ended),
        cmocka_unit_test(test_conditions_keep_their_time_until_they_turn_and_others_stay),
        cmocka_unit_test(test_only_what_differs_has_to_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
