/* What is done next, from what is. */
#include "nodeagent/decide.h"
#include "lib/clock.h"
#include "tests/unit/lib/test.h"

#define NOW 1000000000

static const char *const action_names[] = {
    [ACTION_RUN_SANDBOX] = "run-sandbox",
    [ACTION_STOP_SANDBOX] = "stop-sandbox",
    [ACTION_REMOVE_SANDBOX] = "remove-sandbox",
    [ACTION_CREATE] = "create",
    [ACTION_START] = "start",
    [ACTION_POST_START] = "post-start",
    [ACTION_ASK] = "ask",
    [ACTION_CHANGE] = "change",
    [ACTION_PRE_STOP] = "pre-stop",
    [ACTION_SIGNAL] = "signal",
    [ACTION_KILL] = "kill",
    [ACTION_REMOVE] = "remove",
    [ACTION_REMOVE_VOLUMES] = "remove-volumes",
    [ACTION_FINISH] = "finish",
};

/* A pod with containers a and b; `more` goes into its document's metadata. */
static struct doc *pod(const char *policy, const char *more)
{
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"metadata\":{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\"%s},"
             "\"spec\":{\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"a\",\"image\":\"one\"},{"
             "\"name\":\"b\"}]}}",
             more, policy);
    return must_parse(text.at);
}
#define DELETED ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":5"

/* A pod with init containers i and j, a sidecar s between them, and containers a and b. */
static struct doc *pod_with_init(const char *policy, const char *more)
{
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"metadata\":{\"uid\":\"u\",\"namespace\":\"default\",\"name\":\"web\"%s},"
             "\"spec\":{\"restartPolicy\":\"%s\",\"initContainers\":[{\"name\":\"i\"},"
             "{\"name\":\"s\",\"restartPolicy\":\"Always\"},{\"name\":\"t\",\"restartPolicy\":\"Always\"},"
             "{\"name\":\"j\"}],"
             "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
             more, policy);
    return must_parse(text.at);
}

struct situation {
    struct doc *pod;
    struct pod_record *record;
};

static struct situation situation(const char *policy, const char *more, enum sandbox_state sandbox)
{
    struct situation s = {.pod = pod(policy, more)};
    s.record = record_new(doc_root(s.pod), NOW);
    s.record->sandbox = sandbox;
    s.record->grace_seconds = 30;
    return s;
}

static struct situation init_situation(const char *policy, const char *more)
{
    struct situation s = {.pod = pod_with_init(policy, more)};
    s.record = record_new(doc_root(s.pod), NOW);
    s.record->sandbox = SANDBOX_READY;
    s.record->grace_seconds = 30;
    return s;
}

static struct container_record *container(const struct situation *s, int i)
{
    return &s->record->containers[i];
}

static void runs(const struct situation *s, int i)
{
    container(s, i)->attempt++;
    container(s, i)->state = CONTAINER_RUNNING;
    container(s, i)->remains = true;
}

static void ended(const struct situation *s, int i, int exit_code, int64_t finished_ms)
{
    runs(s, i);
    record_end(container(s, i), exit_code, finished_ms, "Error", NULL);
    container(s, i)->remains = false;
}

/* It was asked then, and got the signal at once. */
static void asked(const struct situation *s, int i, int64_t ms)
{
    container(s, i)->asked_ms = container(s, i)->signalled_ms = ms;
}

/* One letter per container: N none yet, R running, S running and starting, 0 to 9 ended with that code. */
static void are(const struct situation *s, const char *states)
{
    for (int i = 0; states[i] != '\0'; i++) {
        if (states[i] == 'R' || states[i] == 'S')
            runs(s, i);
        else if (states[i] != 'N')
            ended(s, i, states[i] - '0', NOW);
        container(s, i)->starting = states[i] == 'S';
    }
}

/* Compares with "create a, kill b"; `wake_ms` 0: not at all. */
static void assert_decides_in(struct situation *s, const struct circumstances *is, const char *expected,
                              int64_t wake_ms)
{
    struct decision decision = {0};
    autobuf struct buf text = {0};
    decide(s->record, is, &decision);
    for (int i = 0; i < decision.count; i++) {
        buf_addf(&text, "%s%s", i > 0 ? ", " : "", action_names[decision.actions[i].kind]);
        if (decision.actions[i].container >= 0)
            buf_addf(&text, " %s", s->record->containers[decision.actions[i].container].name);
    }
    assert_string_equal(text.length != 0 ? text.at : "", expected);
    assert_int_equal(decision.wake_ms, wake_ms);
    decision_free(&decision);
    doc_free(s->pod);
    record_free(s->record);
}

static void assert_decides(struct situation *s, bool gone, const char *expected, int64_t wake_ms)
{
    struct circumstances is = {.pod = gone ? VALUE_ABSENT : doc_root(s->pod), .now_ms = NOW};
    assert_decides_in(s, &is, expected, wake_ms);
}

static void test_a_new_pod_gets_a_sandbox_first(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_NONE);
    assert_decides(&s, false, "run-sandbox", 0);
}

/* Of what runs already nothing is held back, nor is its end. */
static void test_a_pod_for_which_others_make_room_begins_when_they_have_ended(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_NONE);
    assert_decides_in(&s, &(struct circumstances){doc_root(s.pod), NOW, .held = true}, "", NOW + 100);
    s = situation("Always", "", SANDBOX_READY);
    assert_decides_in(&s, &(struct circumstances){doc_root(s.pod), NOW, .held = true}, "create a", 0);
    s = situation("Always", DELETED, SANDBOX_NONE);
    assert_decides_in(&s, &(struct circumstances){doc_root(s.pod), NOW, .held = true}, "finish", 0);
}

static void test_where_all_end_one_that_is_held_goes_on_until_its_turn(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    assert_decides_in(&s, &(struct circumstances){VALUE_ABSENT, NOW, .ending_all = true, .held = true}, "",
                      NOW + 100);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    assert_decides_in(&s, &(struct circumstances){VALUE_ABSENT, NOW, .ending_all = true}, "ask a", 0);
}

static void test_containers_start_one_after_another(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    assert_decides(&s, false, "create a", 0);
    s = situation("Always", "", SANDBOX_READY);
    container(&s, 0)->state = CONTAINER_CREATING;
    container(&s, 0)->busy = true;
    assert_decides(&s, false, "", 0);
    s = situation("Always", "", SANDBOX_READY);
    container(&s, 0)->state = CONTAINER_CREATED;
    assert_decides(&s, false, "start a", 0);
    s = situation("Always", "", SANDBOX_READY);
    container(&s, 0)->state = CONTAINER_CREATED;
    record_wait(container(&s, 0), "RunContainerError", "runtime was killed by signal 9", NOW);
    assert_decides(&s, false, "", NOW + 10000);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    assert_decides(&s, false, "create b", 0);
}

static void test_one_that_can_not_be_made_does_not_hold_the_others_back(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    record_wait(container(&s, 0), "ImagePullBackOff", "no such image", NOW);
    assert_decides(&s, false, "create b", NOW + 10000);
}

static void test_what_an_earlier_agent_was_about_to_make_is_removed_first(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    container(&s, 0)->state = CONTAINER_CREATING;
    container(&s, 0)->remains = true;
    assert_decides(&s, false, "remove a", 0);
}

static void test_the_first_restart_comes_at_once_and_the_next_waits(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 1);
    ended(&s, 0, 1, NOW);
    assert_decides(&s, false, "create a", 0);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 1);
    ended(&s, 0, 1, NOW - 2000);
    record_raise_backoff(container(&s, 0), NOW - 2000);
    ended(&s, 0, 1, NOW - 1000);
    assert_decides(&s, false, "", NOW - 1000 + 10000);
}

static void test_remains_go_before_the_next_attempt(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 1);
    ended(&s, 0, 1, NOW);
    container(&s, 0)->remains = true;
    assert_decides(&s, false, "remove a", 0);
}

static void test_the_restart_policy_holds(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        int exit_code;
        const char *expected;
    } rows[] = {{"Always", 0, "create a"},    {"Always", 1, "create a"}, {"OnFailure", 0, ""},
                {"OnFailure", 1, "create a"}, {"Never", 0, ""},          {"Never", 1, ""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct situation s = situation(rows[i].policy, "", SANDBOX_READY);
        runs(&s, 1);
        ended(&s, 0, rows[i].exit_code, NOW);
        assert_decides(&s, false, rows[i].expected, 0);
    }
}

/* A situation where a, which was made of image two, is to be made of image one. */
static struct situation changed_image(const char *policy)
{
    struct situation s = situation(policy, "", SANDBOX_READY);
    record_set_image(container(&s, 0), STR("two"));
    runs(&s, 0);
    runs(&s, 1);
    return s;
}

static void test_a_container_whose_image_is_changed_is_ended_and_made_again(void **state)
{
    (void)state;
    static const char *const policies[] = {"Always", "OnFailure", "Never"};
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct situation s = changed_image(policies[i]);
        assert_decides(&s, false, "change a", 0);
        s = changed_image(policies[i]);
        container(&s, 0)->again = true;
        asked(&s, 0, NOW - 1000);
        assert_decides(&s, false, "", NOW - 1000 + 30000);
        s = changed_image(policies[i]);
        container(&s, 0)->again = true;
        asked(&s, 0, NOW - 30000);
        assert_decides(&s, false, "kill a", 0);
        s = changed_image(policies[i]);
        container(&s, 0)->again = true;
        record_end(container(&s, 0), 0, NOW, "Completed", NULL);
        container(&s, 0)->remains = false;
        assert_decides(&s, false, "create a", 0);
    }
}

static void test_a_change_that_was_begun_goes_on_when_it_is_taken_back(void **state)
{
    (void)state;
    struct situation s = changed_image("Never");
    record_set_image(container(&s, 0), STR("one"));
    container(&s, 0)->again = true;
    asked(&s, 0, NOW - 30000);
    assert_decides(&s, false, "kill a", 0);
}

static void test_one_that_waits_to_be_started_is_made_of_the_new_image(void **state)
{
    (void)state;
    struct situation s = changed_image("Always");
    container(&s, 0)->state = CONTAINER_CREATED;
    assert_decides(&s, false, "remove a", 0);
}

static void test_another_image_is_tried_at_once(void **state)
{
    (void)state;
    struct situation s = changed_image("Always");
    container(&s, 0)->state = CONTAINER_NONE;
    container(&s, 0)->remains = false;
    record_wait(container(&s, 0), "ImagePullBackOff", "no such image", NOW);
    assert_decides(&s, false, "create a", 0);
    s = changed_image("Always");
    record_end(container(&s, 0), 1, NOW - 1000, "Error", NULL);
    container(&s, 0)->remains = false;
    record_raise_backoff(container(&s, 0), NOW - 2000);
    assert_decides(&s, false, "create a", 0);
}

static void test_one_that_has_ended_for_good_is_not_run_again_for_another_image(void **state)
{
    (void)state;
    struct situation s = changed_image("Never");
    record_end(container(&s, 0), 0, NOW, "Completed", NULL);
    container(&s, 0)->remains = false;
    assert_decides(&s, false, "", 0);
}

static void test_an_image_that_is_not_known_is_not_another(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    runs(&s, 1);
    assert_decides(&s, false, "", 0);
}

static void test_when_all_have_ended_for_good_sandbox_and_volumes_go_and_the_object_stays(void **state)
{
    (void)state;
    struct situation s = situation("Never", "", SANDBOX_READY);
    ended(&s, 0, 0, NOW);
    ended(&s, 1, 1, NOW);
    assert_decides(&s, false, "stop-sandbox", 0);
    s = situation("Never", "", SANDBOX_NONE);
    ended(&s, 0, 0, NOW);
    ended(&s, 1, 1, NOW);
    assert_decides(&s, false, "remove-volumes", 0);
    s = situation("Never", "", SANDBOX_NONE);
    ended(&s, 0, 0, NOW);
    ended(&s, 1, 1, NOW);
    s.record->volumes_gone = true;
    assert_decides(&s, false, "", 0);
}

static void test_an_evicted_pod_gets_little_grace(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    record_fail(s.record, "Evicted", "it took too much");
    s.record->failure_grace_seconds = 1;
    asked(&s, 0, NOW - 900);
    assert_decides(&s, false, "", NOW + 100);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    record_fail(s.record, "Evicted", "it took too much");
    s.record->failure_grace_seconds = 1;
    asked(&s, 0, NOW - 1000);
    assert_decides(&s, false, "kill a", 0);
}

static void test_a_deleted_pod_is_asked_and_killed_after_its_grace(void **state)
{
    (void)state;
    struct situation s = situation("Always", DELETED, SANDBOX_READY);
    runs(&s, 0);
    runs(&s, 1);
    assert_decides(&s, false, "ask a, ask b", 0);
    s = situation("Always", DELETED, SANDBOX_READY);
    runs(&s, 0);
    asked(&s, 0, NOW - 1000);
    assert_decides(&s, false, "", NOW + 4000);
    s = situation("Always", DELETED, SANDBOX_READY);
    runs(&s, 0);
    asked(&s, 0, NOW - 5000);
    assert_decides(&s, false, "kill a", 0);
    s = situation("Always", DELETED, SANDBOX_READY);
    runs(&s, 0);
    asked(&s, 0, NOW - 6000);
    container(&s, 0)->killed = true;
    assert_decides(&s, false, "", 0);
}

static void test_a_deleted_pod_goes_piece_by_piece(void **state)
{
    (void)state;
    struct situation s = situation("Always", DELETED, SANDBOX_READY);
    ended(&s, 0, 143, NOW);
    container(&s, 0)->remains = true;
    assert_decides(&s, false, "remove a", 0);
    s = situation("Always", DELETED, SANDBOX_READY);
    ended(&s, 0, 143, NOW);
    assert_decides(&s, false, "stop-sandbox", 0);
    s = situation("Always", DELETED, SANDBOX_ENDED);
    assert_decides(&s, false, "remove-sandbox", 0);
    s = situation("Always", DELETED, SANDBOX_NONE);
    assert_decides(&s, false, "finish", 0);
}

static void test_a_pod_that_was_deleted_by_force_is_killed_at_once(void **state)
{
    (void)state;
    struct situation s = situation(
        "Always", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":0",
        SANDBOX_READY);
    runs(&s, 0);
    asked(&s, 0, NOW - 1);
    assert_decides(&s, false, "kill a", 0);
}

static void test_init_containers_come_first_and_one_after_another(void **state)
{
    (void)state;
    static const struct {
        const char *states, *expected;
    } rows[] = {
        {"NNNNNN", "create i"}, {"RNNNNN", ""},         {"0NNNNN", "create s"}, {"0SNNNN", ""},
        {"0RNNNN", "create t"}, {"0RRNNN", "create j"}, {"0RRRNN", ""},         {"0RR0NN", "create a"},
        {"0RR0RN", "create b"}, {"0RR0RR", ""},         {"1NNNNN", "create i"}, {"0RR1NN", "create j"},
        {"0RR01R", "create a"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct situation s = init_situation("Always", "");
        are(&s, rows[i].states);
        assert_decides(&s, false, rows[i].expected, 0);
    }
}

static void test_an_init_container_that_fails_waits_as_others_do(void **state)
{
    (void)state;
    struct situation s = init_situation("OnFailure", "");
    ended(&s, 0, 1, NOW - 2000);
    record_raise_backoff(container(&s, 0), NOW - 2000);
    ended(&s, 0, 1, NOW - 1000);
    assert_decides(&s, false, "", NOW - 1000 + 10000);
}

static void test_a_pod_that_never_restarts_is_over_when_an_init_container_fails(void **state)
{
    (void)state;
    struct situation s = init_situation("Never", "");
    are(&s, "0RR3");
    assert_decides(&s, false, "ask s, ask t", 0);
    s = init_situation("Never", "");
    are(&s, "3");
    assert_decides(&s, false, "stop-sandbox", 0);
}

static void test_a_sidecar_is_run_again_and_holds_nobody_back_a_second_time(void **state)
{
    (void)state;
    static const char *const policies[] = {"Always", "OnFailure", "Never"};
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct situation s = init_situation(policies[i], "");
        are(&s, "0RR0RN");
        container(&s, 1)->done = container(&s, 2)->done = true;
        record_end(container(&s, 1), 0, NOW, "Completed", NULL);
        container(&s, 1)->remains = false;
        assert_decides(&s, false, "create s", 0);
        s = init_situation(policies[i], "");
        are(&s, "0SR0RN");
        container(&s, 1)->done = container(&s, 2)->done = true;
        assert_decides(&s, false, "create b", 0);
    }
}

static void test_a_new_sandbox_is_initialized_anew(void **state)
{
    (void)state;
    struct situation s = init_situation("OnFailure", "");
    are(&s, "0RR0RN");
    record_renew_sandbox(s.record);
    for (int i = 1; i < 5; i++)
        if (container(&s, i)->state == CONTAINER_RUNNING) {
            record_end(container(&s, i), 137, NOW, "Error", NULL);
            container(&s, i)->remains = false;
        }
    assert_decides(&s, false, "create i", 0);
}

static void test_sidecars_end_after_the_others_the_last_one_first(void **state)
{
    (void)state;
    static const struct {
        const char *states, *expected;
    } rows[] = {{"0RR0RR", "signal a, signal b"},
                {"0RR00R", "signal b"},
                {"0RR000", "signal t"},
                {"0R0000", "signal s"},
                {"0RRR", "signal t, signal j"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct situation s = init_situation("Never", DELETED);
        are(&s, rows[i].states);
        for (int c = 0; c < s.record->container_count; c++)
            container(&s, c)->asked_ms = container(&s, c)->state == CONTAINER_RUNNING ? NOW - 1000 : 0;
        bool waits = strcmp(rows[i].expected, "signal s") != 0;
        assert_decides(&s, false, rows[i].expected, waits ? NOW + 4000 : 0);
    }
}

static void test_a_sidecar_whose_turn_does_not_come_has_two_seconds_left(void **state)
{
    (void)state;
    struct situation s = init_situation("Never", DELETED);
    are(&s, "0R00R0");
    asked(&s, 4, NOW - 5000);
    container(&s, 4)->killed = true;
    container(&s, 1)->asked_ms = NOW - 5000;
    assert_decides(&s, false, "signal s", 0);
    s = init_situation("Never", DELETED);
    are(&s, "0R0000");
    container(&s, 1)->asked_ms = NOW - 6000;
    container(&s, 1)->signalled_ms = NOW - 1000;
    assert_decides(&s, false, "", NOW + 1000);
}

static void test_sidecars_end_when_the_ordinary_ones_have(void **state)
{
    (void)state;
    struct situation s = init_situation("OnFailure", "");
    are(&s, "0RR000");
    assert_decides(&s, false, "ask s, ask t", 0);
    s = init_situation("OnFailure", "");
    are(&s, "0RR001");
    container(&s, 1)->done = container(&s, 2)->done = true;
    assert_decides(&s, false, "create b", 0);
}

static void test_post_start_holds_the_others_back(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    container(&s, 0)->post_start_due = true;
    assert_decides(&s, false, "post-start a", 0);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    container(&s, 0)->post_start_due = container(&s, 0)->hooking = true;
    assert_decides(&s, false, "", 0);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    container(&s, 0)->post_start_due = true;
    record_fail_hook(container(&s, 0), "FailedPostStartHook", "no greeting");
    assert_decides(&s, false, "ask a", 0);
}

/* The pause is longer than it is said that the hook has failed: somebody has to say what it waits for then.
 */
static void test_what_is_said_of_a_failed_hook_is_looked_at_again(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    record_raise_backoff(container(&s, 0), NOW - 1000);
    container(&s, 0)->backoff_ms = 20000;
    record_fail_hook(container(&s, 0), "FailedPostStartHook", "no greeting");
    record_end(container(&s, 0), 143, NOW - 1000, "Error", NULL);
    container(&s, 0)->remains = false;
    assert_decides(&s, false, "create b", NOW + 9000);
}

static void test_pre_stop_runs_before_the_signal_and_takes_of_the_grace(void **state)
{
    (void)state;
    static const struct {
        bool hooking;
        int64_t asked_ms;
        const char *expected;
        int64_t wake_ms;
    } rows[] = {{false, NOW, "pre-stop a", NOW + 5000},
                {true, NOW - 4999, "", NOW + 1},
                {true, NOW - 5000, "signal a", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct situation s = situation("Always", DELETED, SANDBOX_READY);
        runs(&s, 0);
        container(&s, 0)->pre_stop_due = true;
        container(&s, 0)->hooking = rows[i].hooking;
        container(&s, 0)->asked_ms = rows[i].asked_ms;
        assert_decides(&s, false, rows[i].expected, rows[i].wake_ms);
    }
}

static void test_one_that_fails_its_probe_is_ended_with_the_grace_that_it_names(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    record_set_unfit(container(&s, 0), "Container a failed liveness probe", 7);
    runs(&s, 1);
    assert_decides(&s, false, "ask a", 0);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    runs(&s, 1);
    asked(&s, 0, NOW);
    container(&s, 0)->grace_seconds = 7;
    assert_decides(&s, false, "", NOW + 7000);
}

static void test_a_pod_that_was_active_for_too_long_is_ended(void **state)
{
    (void)state;
    static const struct {
        int seconds;
        const char *expected;
        int64_t wake_ms;
    } rows[] = {{10, "", NOW + 5000}, {5, "ask a, ask b", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct situation s = situation("Always", "", SANDBOX_READY);
        char started[CLOCK_TEXT];
        clock_format(NOW - 5000, started);
        value_set_int(value_at(doc_root(s.pod), "spec"), STR("activeDeadlineSeconds"), rows[i].seconds);
        value_set_str(value_set_object(doc_root(s.pod), STR("status")), STR("startTime"), str_of(started));
        are(&s, "RR");
        assert_decides(&s, false, rows[i].expected, rows[i].wake_ms);
    }
}

static void test_a_pod_that_is_not_in_the_tree_is_ended(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    assert_decides(&s, true, "ask a", 0);
    s = situation("Always", "", SANDBOX_READY);
    runs(&s, 0);
    asked(&s, 0, NOW);
    assert_decides(&s, true, "", NOW + 2000);
    s = situation("Always", "", SANDBOX_NONE);
    assert_decides(&s, true, "finish", 0);
}

static void test_a_pod_that_has_ended_is_not_run_again_by_an_agent_that_knows_nothing(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_NONE);
    value_set_str(value_set_object(doc_root(s.pod), STR("status")), STR("phase"), STR("Failed"));
    assert_decides(&s, false, "remove-volumes", 0);
}

static void test_without_its_sandbox_a_pod_is_ended_and_made_anew(void **state)
{
    (void)state;
    struct situation s = situation("Always", "", SANDBOX_ENDED);
    runs(&s, 0);
    assert_decides(&s, false, "kill a", 0);
    s = situation("Always", "", SANDBOX_ENDED);
    ended(&s, 0, 137, NOW);
    container(&s, 0)->remains = true;
    assert_decides(&s, false, "remove a", 0);
    s = situation("Always", "", SANDBOX_ENDED);
    ended(&s, 0, 137, NOW);
    assert_decides(&s, false, "remove-sandbox", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_pod_gets_a_sandbox_first),
        cmocka_unit_test(test_a_pod_for_which_others_make_room_begins_when_they_have_ended),
        cmocka_unit_test(test_where_all_end_one_that_is_held_goes_on_until_its_turn),
        cmocka_unit_test(test_containers_start_one_after_another),
        cmocka_unit_test(test_one_that_can_not_be_made_does_not_hold_the_others_back),
        cmocka_unit_test(test_what_an_earlier_agent_was_about_to_make_is_removed_first),
        cmocka_unit_test(test_the_first_restart_comes_at_once_and_the_next_waits),
        cmocka_unit_test(test_remains_go_before_the_next_attempt),
        cmocka_unit_test(test_the_restart_policy_holds),
        cmocka_unit_test(test_a_container_whose_image_is_changed_is_ended_and_made_again),
        cmocka_unit_test(test_a_change_that_was_begun_goes_on_when_it_is_taken_back),
        cmocka_unit_test(test_one_that_waits_to_be_started_is_made_of_the_new_image),
        cmocka_unit_test(test_another_image_is_tried_at_once),
        cmocka_unit_test(test_one_that_has_ended_for_good_is_not_run_again_for_another_image),
        cmocka_unit_test(test_an_image_that_is_not_known_is_not_another),
        cmocka_unit_test(test_when_all_have_ended_for_good_sandbox_and_volumes_go_and_the_object_stays),
        cmocka_unit_test(test_an_evicted_pod_gets_little_grace),
        cmocka_unit_test(test_a_deleted_pod_is_asked_and_killed_after_its_grace),
        cmocka_unit_test(test_a_deleted_pod_goes_piece_by_piece),
        cmocka_unit_test(test_a_pod_that_was_deleted_by_force_is_killed_at_once),
        cmocka_unit_test(test_init_containers_come_first_and_one_after_another),
        cmocka_unit_test(test_an_init_container_that_fails_waits_as_others_do),
        cmocka_unit_test(test_a_pod_that_never_restarts_is_over_when_an_init_container_fails),
        cmocka_unit_test(test_a_sidecar_is_run_again_and_holds_nobody_back_a_second_time),
        cmocka_unit_test(test_a_new_sandbox_is_initialized_anew),
        cmocka_unit_test(test_sidecars_end_after_the_others_the_last_one_first),
        cmocka_unit_test(test_a_sidecar_whose_turn_does_not_come_has_two_seconds_left),
        cmocka_unit_test(test_sidecars_end_when_the_ordinary_ones_have),
        cmocka_unit_test(test_post_start_holds_the_others_back),
        cmocka_unit_test(test_what_is_said_of_a_failed_hook_is_looked_at_again),
        cmocka_unit_test(test_pre_stop_runs_before_the_signal_and_takes_of_the_grace),
        cmocka_unit_test(test_one_that_fails_its_probe_is_ended_with_the_grace_that_it_names),
        cmocka_unit_test(test_a_pod_that_was_active_for_too_long_is_ended),
        cmocka_unit_test(test_a_pod_that_is_not_in_the_tree_is_ended),
        cmocka_unit_test(test_a_pod_that_has_ended_is_not_run_again_by_an_agent_that_knows_nothing),
        cmocka_unit_test(test_without_its_sandbox_a_pod_is_ended_and_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
