/* What is said of a pod. */
#include "nodeagent/status.h"
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

/* N: none yet, R: running, 0…9: ended with that exit code, one letter per container. */
static void set_states(struct pod_record *record, const char *states)
{
    for (int i = 0; states[i] != '\0'; i++) {
        struct container_record *container = &record->containers[i];
        if (states[i] == 'N')
            continue;
        container->attempt = 0;
        container->started_ms = NOW - 5000;
        if (states[i] == 'R')
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
        status_update(doc_root(status), doc_root(doc), record, "192.0.2.1", NOW);
        assert_str(value_str(value_at(doc_root(status), "phase")), rows[i].phase);
    }
}

static struct value container_status(struct doc *status)
{
    return value_element(value_at(doc_root(status), "containerStatuses"), 0);
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
    status_update(doc_root(status), doc_root(doc), record, "192.0.2.1", NOW);
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
    status_update(doc_root(status), doc_root(doc), record, NULL, NOW);
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 10s restarting failed "
                "container=a pod=web_default(u)\"}}");
    assert_json(value_at(container_status(status), "lastState", "terminated", "exitCode"), "1");
    record_wait(&record->containers[0], "ImagePullBackOff", "no such image", NOW);
    status_update(doc_root(status), doc_root(doc), record, NULL, NOW);
    assert_json(value_get(container_status(status), STR("state")),
                "{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":\"no such image\"}}");
}

static void test_conditions_keep_their_time_until_they_turn_and_others_stay(void **state)
{
    (void)state;
    autodoc struct doc *doc = pod("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    autodoc struct doc *status =
        must_parse("{\"conditions\":[{\"type\":\"example.com/own\",\"status\":\"True\"}]}");
    autorecord struct pod_record *record = record_new(doc_root(doc), NOW);
    status_update(doc_root(status), doc_root(doc), record, NULL, NOW);
    set_states(record, "R");
    status_update(doc_root(status), doc_root(doc), record, NULL, NOW + 5000);
    status_update(doc_root(status), doc_root(doc), record, NULL, NOW + 9000);
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

static void test_what_is_not_supported_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *sentence;
    } rows[] = {
        {"\"hostNetwork\":false,\"securityContext\":{},\"volumes\":[],\"containers\":[{\"name\":\"a\"}]",
         NULL},
        {"\"runtimeClassName\":\"x\",\"containers\":[]",
         "spec.runtimeClassName is not supported by this node yet"},
        {"\"containers\":[{\"name\":\"a\",\"livenessProbe\":{\"periodSeconds\":1}}]",
         "spec.containers[a].livenessProbe is not supported by this node yet"},
        {"\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\",\"valueFrom\":{\"fieldRef\":{}}}]}]",
         NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = pod(rows[i].spec);
        autofree char *sentence = status_unsupported(doc_root(doc));
        if (rows[i].sentence == NULL)
            assert_null(sentence);
        else
            assert_string_equal(sentence, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_follow_from_containers_and_policy),
        cmocka_unit_test(test_a_running_container_is_ready_and_remembers_its_last_end),
        cmocka_unit_test(test_a_container_between_attempts_says_why_it_waits),
        cmocka_unit_test(test_conditions_keep_their_time_until_they_turn_and_others_stay),
        cmocka_unit_test(test_only_what_differs_has_to_be_said),
        cmocka_unit_test(test_what_is_not_supported_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
