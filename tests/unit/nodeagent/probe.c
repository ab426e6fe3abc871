/* When probes are tried, and what their results mean: Kubernetes' rules, by tables of times and results. */
#include "nodeagent/probe.h"
#include "tests/unit/lib/test.h"

#define BOOT  1000000000 /* the agent's start */
#define START 1000100000 /* the container's */

struct bench {
    struct probes probes;
    struct probe_container container;
};

static struct bench bench_since(const char *container_json, int64_t seen_ms, int random)
{
    autodoc struct doc *doc = must_parse(container_json);
    struct bench bench = {.container = {.running = true, .attempt = 0, .started_ms = START}};
    probes_init(&bench.probes, doc_root(doc), seen_ms, BOOT, (int[PROBE_KINDS]){random, random, random});
    probes_follow(&bench.probes, &bench.container);
    return bench;
}

static struct bench bench(const char *container_json)
{
    return bench_since(container_json, START, 999);
}

/* -1: due; 0: nothing to wait for; else seconds after the container's start. */
static int64_t due(struct bench *bench, enum probe_kind kind, int64_t seconds)
{
    int64_t wake = 0;
    probes_follow(&bench->probes, &bench->container);
    if (probes_due(&bench->probes, kind, &bench->container, START + seconds * 1000, &wake))
        return -1;
    return wake == 0 ? 0 : (wake - START) / 1000;
}

static bool end(struct bench *bench, enum probe_kind kind, enum probe_outcome outcome, const char *event)
{
    struct probe_event said = {0};
    bool changed = probes_end(&bench->probes, kind, bench->container.attempt, outcome, STR("because"), &said);
    autobuf struct buf text = {0};
    if (said.reason != NULL)
        buf_addf(&text, "%s: %s", said.reason, said.message);
    free(said.message);
    if (event != NULL)
        assert_string_equal(text.length != 0 ? text.at : "", event);
    return changed;
}

/* Tries it, and brings the result. */
static bool try(struct bench *bench, enum probe_kind kind, int64_t seconds, enum probe_outcome outcome)
{
    assert_int_equal(due(bench, kind, seconds), -1);
    probes_begin(&bench->probes, kind, START + seconds * 1000);
    assert_int_equal(due(bench, kind, seconds + 100), 0); /* never two at a time */
    return end(bench, kind, outcome, NULL);
}

#define assert_verdict(b, is_started, is_ready, has_failed)                        \
    do {                                                                           \
        assert_int_equal(probes_started(&(b).probes, &(b).container), is_started); \
        assert_int_equal(probes_ready(&(b).probes, &(b).container), is_ready);     \
        assert_int_equal(probes_failed(&(b).probes, &(b).container), has_failed);  \
    } while (0)

static void test_without_probes_a_container_that_runs_is_started_and_ready(void **state)
{
    (void)state;
    struct bench b = bench("{}");
    assert_verdict(b, true, true, PROBE_KINDS);
    for (enum probe_kind kind = 0; kind < PROBE_KINDS; kind++)
        assert_int_equal(due(&b, kind, 1000), 0);
    b.container.running = false;
    assert_verdict(b, false, false, PROBE_KINDS);
}

static void test_the_defaults_are_kubernetes(void **state)
{
    (void)state;
    struct bench b = bench("{\"livenessProbe\":{\"periodSeconds\":0}}");
    const struct probe_spec *spec = &b.probes.of[PROBE_LIVENESS].spec;
    assert_true(spec->present);
    assert_int_equal(spec->initial_delay_ms, 0);
    assert_int_equal(spec->period_ms, 10000);
    assert_int_equal(spec->timeout_ms, 1000);
    assert_int_equal(spec->success_threshold, 1);
    assert_int_equal(spec->failure_threshold, 3);
    assert_int_equal(spec->grace_seconds, -1);
    assert_false(b.probes.of[PROBE_READINESS].spec.present);
}

static void test_the_first_try_comes_after_the_delay_and_then_one_each_period(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{\"initialDelaySeconds\":7,\"periodSeconds\":3}}");
    assert_int_equal(due(&b, PROBE_READINESS, 0), 7);
    assert_int_equal(due(&b, PROBE_READINESS, 6), 7);
    try(&b, PROBE_READINESS, 7, PROBE_SUCCEEDED);
    assert_int_equal(due(&b, PROBE_READINESS, 7), 10);
    assert_int_equal(due(&b, PROBE_READINESS, 9), 10);
    try(&b, PROBE_READINESS, 10, PROBE_SUCCEEDED);
    assert_int_equal(due(&b, PROBE_READINESS, 11), 13);
    /* one that took longer than the period is followed by the next at once */
    assert_int_equal(due(&b, PROBE_READINESS, 15), -1);
}

static void test_the_wake_time_only_comes_forward(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{\"initialDelaySeconds\":7}}");
    int64_t wake = START + 5000;
    assert_false(probes_due(&b.probes, PROBE_READINESS, &b.container, START, &wake));
    assert_int_equal(wake, START + 5000);
    wake = START + 9000;
    assert_false(probes_due(&b.probes, PROBE_READINESS, &b.container, START, &wake));
    assert_int_equal(wake, START + 7000);
}

static void test_a_clock_that_is_set_back_does_not_stop_the_probes(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{}}");
    try(&b, PROBE_READINESS, 5, PROBE_SUCCEEDED);
    assert_int_equal(due(&b, PROBE_READINESS, -4000), -1);
}

/* Runs a word of results, one each period: + succeeded, - failed, ! could not be made (three times). After
 * each the verdict is compared: g good, b bad, u unknown, h bad and at rest. */
static void run_word(const char *json, enum probe_kind kind, const char *results, const char *verdicts)
{
    struct bench b = bench(json);
    for (int i = 0; results[i] != '\0'; i++) {
        const struct probe *probe = &b.probes.of[kind];
        enum probe_verdict before = probe->verdict;
        bool changed = false;
        if (results[i] == '!')
            for (int again = 0; again < 3; again++)
                assert_false(try(&b, kind, i * 10, PROBE_ERRED));
        else
            changed = try(&b, kind, i * 10, results[i] == '+' ? PROBE_SUCCEEDED : PROBE_FAILED);
        assert_int_equal(changed, before != probe->verdict);
        char verdict = probe->hold ? 'h' : "ugb"[probe->verdict];
        if (verdict != verdicts[i])
            fail_msg("%s: %s: after result %d the verdict is %c, not %c", json, results, i + 1, verdict,
                     verdicts[i]);
    }
}

static void test_verdicts_change_at_the_thresholds(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum probe_kind kind;
        const char *results, *verdicts;
    } rows[] = {
        {"{\"readinessProbe\":{}}", PROBE_READINESS, "--+--+---+", "bbggggggbg"},
        {"{\"readinessProbe\":{\"successThreshold\":3}}", PROBE_READINESS, "++-+++---++", "bbbbbgggbbb"},
        {"{\"readinessProbe\":{\"failureThreshold\":1}}", PROBE_READINESS, "+-+-", "gbgb"},
        {"{\"readinessProbe\":{\"failureThreshold\":2}}", PROBE_READINESS, "+-!-", "gggb"},
        {"{\"readinessProbe\":{\"failureThreshold\":2}}", PROBE_READINESS, "+!!!!-", "gggggg"},
        {"{\"livenessProbe\":{}}", PROBE_LIVENESS, "--+---", "gggggh"},
        {"{\"livenessProbe\":{\"failureThreshold\":1}}", PROBE_LIVENESS, "+-", "gh"},
        {"{\"startupProbe\":{\"failureThreshold\":4}}", PROBE_STARTUP, "----", "uuuh"},
        {"{\"startupProbe\":{}}", PROBE_STARTUP, "--+", "uug"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        run_word(rows[i].json, rows[i].kind, rows[i].results, rows[i].verdicts);
}

#define ALL                                                           \
    "{\"startupProbe\":{\"failureThreshold\":2,\"periodSeconds\":5}," \
    "\"livenessProbe\":{\"failureThreshold\":1},\"readinessProbe\":{\"initialDelaySeconds\":8}}"

static void test_liveness_and_readiness_wait_for_startup(void **state)
{
    (void)state;
    struct bench b = bench(ALL);
    assert_int_equal(due(&b, PROBE_LIVENESS, 100), 0);
    assert_int_equal(due(&b, PROBE_READINESS, 100), 0);
    assert_verdict(b, false, false, PROBE_KINDS);
    assert_false(try(&b, PROBE_STARTUP, 0, PROBE_FAILED));
    assert_verdict(b, false, false, PROBE_KINDS);
    assert_true(try(&b, PROBE_STARTUP, 5, PROBE_SUCCEEDED));
    assert_verdict(b, true, false, PROBE_KINDS);
    assert_int_equal(due(&b, PROBE_STARTUP, 100), 0); /* it has done its work */
    assert_int_equal(due(&b, PROBE_READINESS, 5), 8);
    assert_true(try(&b, PROBE_READINESS, 8, PROBE_SUCCEEDED));
    assert_verdict(b, true, true, PROBE_KINDS);
    assert_false(try(&b, PROBE_LIVENESS, 5, PROBE_SUCCEEDED)); /* it counted as good all the time */
    assert_true(try(&b, PROBE_LIVENESS, 15, PROBE_FAILED));
    assert_verdict(b, true, true, PROBE_LIVENESS);
}

static void test_a_failed_startup_ends_the_container(void **state)
{
    (void)state;
    struct bench b = bench(ALL);
    try(&b, PROBE_STARTUP, 0, PROBE_FAILED);
    assert_true(try(&b, PROBE_STARTUP, 5, PROBE_FAILED));
    assert_verdict(b, false, false, PROBE_STARTUP);
    for (enum probe_kind kind = 0; kind < PROBE_KINDS; kind++)
        assert_int_equal(due(&b, kind, 100), 0);
}

static void test_a_container_that_is_run_again_begins_anew(void **state)
{
    (void)state;
    struct bench b = bench("{\"livenessProbe\":{\"failureThreshold\":1,\"initialDelaySeconds\":5},"
                           "\"readinessProbe\":{}}");
    try(&b, PROBE_READINESS, 0, PROBE_SUCCEEDED);
    try(&b, PROBE_LIVENESS, 5, PROBE_FAILED);
    assert_verdict(b, true, true, PROBE_LIVENESS);
    assert_int_equal(due(&b, PROBE_LIVENESS, 50), 0);
    b.container.running = false;
    assert_int_equal(due(&b, PROBE_READINESS, 50), 0);
    assert_verdict(b, false, false, PROBE_KINDS);
    /* between the new attempt's start and the news of it nothing old is said of it */
    b.container = (struct probe_container){.running = true, .attempt = 1, .started_ms = START + 60000};
    assert_verdict(b, true, false, PROBE_KINDS);
    assert_int_equal(due(&b, PROBE_LIVENESS, 60), 65);
    assert_int_equal(due(&b, PROBE_READINESS, 60), -1);
    assert_verdict(b, true, false, PROBE_KINDS);
}

static void test_the_result_of_an_older_attempt_is_dropped(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{}}");
    struct probe_event event = {0};
    probes_begin(&b.probes, PROBE_READINESS, START);
    b.container.attempt = 1;
    probes_follow(&b.probes, &b.container);
    assert_int_equal(due(&b, PROBE_READINESS, 0), -1);
    probes_begin(&b.probes, PROBE_READINESS, START);
    assert_false(probes_end(&b.probes, PROBE_READINESS, 0, PROBE_FAILED, STR("late"), &event));
    assert_null(event.reason);
    assert_true(b.probes.of[PROBE_READINESS].trying);
    assert_true(end(&b, PROBE_READINESS, PROBE_SUCCEEDED, ""));
    assert_verdict(b, true, true, PROBE_KINDS);
}

static void test_a_pod_that_is_deleted_keeps_readiness_only(void **state)
{
    (void)state;
    struct bench b = bench("{\"livenessProbe\":{\"failureThreshold\":1},"
                           "\"readinessProbe\":{\"failureThreshold\":1}}");
    try(&b, PROBE_READINESS, 0, PROBE_SUCCEEDED);
    probes_begin(&b.probes, PROBE_LIVENESS, START);
    b.container.pod_deleted = true;
    probes_follow(&b.probes, &b.container);
    assert_false(end(&b, PROBE_LIVENESS, PROBE_FAILED, "")); /* was under way: quietly dropped */
    assert_verdict(b, true, true, PROBE_KINDS);
    assert_int_equal(due(&b, PROBE_LIVENESS, 100), 0);
    assert_true(try(&b, PROBE_READINESS, 10, PROBE_FAILED));
    assert_verdict(b, true, false, PROBE_KINDS);
}

static void test_a_pod_that_is_deleted_while_it_starts_counts_as_started(void **state)
{
    (void)state;
    struct bench b = bench(ALL);
    b.container.pod_deleted = true;
    assert_int_equal(due(&b, PROBE_STARTUP, 100), 0);
    assert_verdict(b, true, false, PROBE_KINDS);
    assert_int_equal(due(&b, PROBE_READINESS, 8), -1);
    b = bench(ALL); /* but not one whose startup has failed before */
    try(&b, PROBE_STARTUP, 0, PROBE_FAILED);
    try(&b, PROBE_STARTUP, 5, PROBE_FAILED);
    b.container.pod_deleted = true;
    assert_verdict(b, false, false, PROBE_KINDS);
}

static void test_errors_are_tried_again_at_once_three_times(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{}}");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(due(&b, PROBE_READINESS, 0), -1);
        probes_begin(&b.probes, PROBE_READINESS, START);
        assert_false(end(&b, PROBE_READINESS, PROBE_ERRED,
                         i < 2 ? ""
                               : "Unhealthy: Readiness probe errored and resulted in unknown state: "
                                 "because"));
    }
    assert_int_equal(due(&b, PROBE_READINESS, 1), 10);
}

static void test_tries_after_an_error_belong_to_the_same_period(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{}}");
    try(&b, PROBE_READINESS, 0, PROBE_ERRED);
    assert_int_equal(due(&b, PROBE_READINESS, 2), -1);
    try(&b, PROBE_READINESS, 2, PROBE_SUCCEEDED);
    assert_int_equal(due(&b, PROBE_READINESS, 3), 10);
}

static void test_what_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum probe_kind kind;
        enum probe_outcome outcome;
        const char *event;
    } rows[] = {
        {"{\"readinessProbe\":{}}", PROBE_READINESS, PROBE_FAILED,
         "Unhealthy: Readiness probe failed: because"},
        {"{\"livenessProbe\":{}}", PROBE_LIVENESS, PROBE_FAILED, "Unhealthy: Liveness probe failed: because"},
        {"{\"startupProbe\":{}}", PROBE_STARTUP, PROBE_FAILED, "Unhealthy: Startup probe failed: because"},
        {"{\"livenessProbe\":{}}", PROBE_LIVENESS, PROBE_WARNED,
         "ProbeWarning: Liveness probe warning: because"},
        {"{\"livenessProbe\":{}}", PROBE_LIVENESS, PROBE_SUCCEEDED, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b = bench(rows[i].json);
        probes_begin(&b.probes, rows[i].kind, START);
        end(&b, rows[i].kind, rows[i].outcome, rows[i].event);
    }
    autofree char *again = probe_killing(PROBE_LIVENESS, "web", true);
    autofree char *last = probe_killing(PROBE_STARTUP, "web", false);
    assert_string_equal(again, "Container web failed liveness probe, will be restarted");
    assert_string_equal(last, "Container web failed startup probe");
}

static char *complaint(struct bench *bench, int64_t seconds, struct str output)
{
    struct probe_event said = {0};
    probes_follow(&bench->probes, &bench->container);
    probes_begin(&bench->probes, PROBE_READINESS, START + seconds * 1000);
    probes_end(&bench->probes, PROBE_READINESS, bench->container.attempt, PROBE_FAILED, output, &said);
    return said.message;
}

static void test_what_is_said_again_and_again_is_said_less_and_less_often(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{\"periodSeconds\":1}}");
    static const struct {
        int64_t second;
        struct str output;
        const char *event;
    } rows[] = {
        {0, STR("a"), "Readiness probe failed: a"},
        {1, STR("a"), "Readiness probe failed: a (x2 over 1s)"},
        {2, STR("a"), NULL},
        {3, STR("a"), "Readiness probe failed: a (x4 over 3s)"},
        {4, STR("b"), NULL},                                       /* too soon */
        {13, STR("b"), "Readiness probe failed: b (x6 over 13s)"}, /* new */
        {14, STR("a"), NULL},
        {15, STR("b"), "Readiness probe failed: b (x8 over 15s)"},
        {16, STR("b"), NULL},
        {617, STR("b"), "Readiness probe failed: b"}, /* another story */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *event = complaint(&b, rows[i].second, rows[i].output);
        if (rows[i].event == NULL)
            assert_null(event);
        else
            assert_string_equal(event != NULL ? event : "", rows[i].event);
    }
    b.container.attempt++;
    autofree char *event = complaint(&b, 618, STR("b"));
    assert_string_equal(event, "Readiness probe failed: b");
}

static void test_a_warning_counts_as_success(void **state)
{
    (void)state;
    struct bench b = bench("{\"readinessProbe\":{}}");
    assert_true(try(&b, PROBE_READINESS, 0, PROBE_WARNED));
    assert_verdict(b, true, true, PROBE_KINDS);
}

static void test_an_agent_that_has_just_started_spreads_its_first_tries(void **state)
{
    (void)state;
    static const struct {
        int64_t seen_ms;
        int random;
        int64_t due;
    } rows[] = {
        {BOOT, 0, -1},    /* no delay was drawn */
        {START, 500, -1}, /* the agent is older than the period */
        {START + 0, 999, -1},
    };
    const char *json = "{\"livenessProbe\":{}}";
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b = bench_since(json, rows[i].seen_ms, rows[i].random);
        assert_int_equal(due(&b, PROBE_LIVENESS, 0), rows[i].due);
    }
    /* half of 200 s from when it was seen, 1 s before the container's start */
    struct bench b = bench_since("{\"livenessProbe\":{\"periodSeconds\":200}}", START - 1000, 500);
    assert_int_equal(due(&b, PROBE_LIVENESS, 0), 99);
    assert_int_equal(due(&b, PROBE_LIVENESS, 99), -1);
    /* a clock that is set back after that doesn't make it longer */
    assert_int_equal(due(&b, PROBE_LIVENESS, -500), -1);
    /* initialDelaySeconds that are longer stay what counts */
    b = bench_since("{\"livenessProbe\":{\"periodSeconds\":200,\"initialDelaySeconds\":120}}", START - 1000,
                    500);
    assert_int_equal(due(&b, PROBE_LIVENESS, 0), 120);
}

static void test_the_probe_s_own_grace_goes_before_the_pod_s_but_not_before_a_deletion_s(void **state)
{
    (void)state;
    static const struct {
        const char *probe, *pod;
        int64_t seconds;
    } rows[] = {
        {"{\"livenessProbe\":{}}", "{}", 30},
        {"{\"livenessProbe\":{}}", "{\"spec\":{\"terminationGracePeriodSeconds\":60}}", 60},
        {"{\"livenessProbe\":{\"terminationGracePeriodSeconds\":5}}",
         "{\"spec\":{\"terminationGracePeriodSeconds\":60}}", 5},
        {"{\"livenessProbe\":{\"terminationGracePeriodSeconds\":5}}",
         "{\"metadata\":{\"deletionGracePeriodSeconds\":20}}", 20},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b = bench(rows[i].probe);
        autodoc struct doc *pod = must_parse(rows[i].pod);
        assert_int_equal(probes_grace_seconds(&b.probes, PROBE_LIVENESS, doc_root(pod)), rows[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_probes_a_container_that_runs_is_started_and_ready),
        cmocka_unit_test(test_the_defaults_are_kubernetes),
        cmocka_unit_test(test_the_first_try_comes_after_the_delay_and_then_one_each_period),
        cmocka_unit_test(test_the_wake_time_only_comes_forward),
        cmocka_unit_test(test_a_clock_that_is_set_back_does_not_stop_the_probes),
        cmocka_unit_test(test_verdicts_change_at_the_thresholds),
        cmocka_unit_test(test_liveness_and_readiness_wait_for_startup),
        cmocka_unit_test(test_a_failed_startup_ends_the_container),
        cmocka_unit_test(test_a_container_that_is_run_again_begins_anew),
        cmocka_unit_test(test_the_result_of_an_older_attempt_is_dropped),
        cmocka_unit_test(test_a_pod_that_is_deleted_keeps_readiness_only),
        cmocka_unit_test(test_a_pod_that_is_deleted_while_it_starts_counts_as_started),
        cmocka_unit_test(test_errors_are_tried_again_at_once_three_times),
        cmocka_unit_test(test_tries_after_an_error_belong_to_the_same_period),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_what_is_said_again_and_again_is_said_less_and_less_often),
        cmocka_unit_test(test_a_warning_counts_as_success),
        cmocka_unit_test(test_an_agent_that_has_just_started_spreads_its_first_tries),
        cmocka_unit_test(test_the_probe_s_own_grace_goes_before_the_pod_s_but_not_before_a_deletion_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
