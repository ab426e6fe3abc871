/* What is used, from what was used before. */
#include "nodeagent/usage.h"

#include "lib/doc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *note(struct usage *usage, const char *name, int64_t cpu_us, int64_t memory)
{
    static char said[128];
    autodoc struct doc *doc = doc_new();
    autobuf struct buf text = {0};
    struct usage_sample sample = {cpu_us, memory};
    if (!usage_note(usage, str_of(name), &sample, doc_root(doc)))
        return "nothing";
    value_write(&text, doc_root(doc));
    memcpy(said, text.at, text.length + 1);
    return said;
}

static void test_use_is_what_was_added_over_the_window(void **state)
{
    (void)state;
    struct usage *usage = usage_new();
    usage_begin(usage, 5000);
    assert_string_equal(note(usage, "a", 1000000, 2048), "nothing");
    assert_int_equal(usage_end(usage), 0);
    usage_begin(usage, 15000);
    /* five seconds of processor time in ten are half a core */
    assert_string_equal(note(usage, "a", 6000000, 10 * 1024 * 1024),
                        "{\"cpu\":\"500000000n\",\"memory\":\"10240Ki\"}");
    assert_string_equal(note(usage, "b", 7, 0), "nothing");
    assert_int_equal(usage_end(usage), 10000);
    usage_begin(usage, 17000);
    assert_string_equal(note(usage, "b", 9, 1023), "{\"cpu\":\"1000n\",\"memory\":\"0Ki\"}");
    assert_int_equal(usage_end(usage), 2000);
    usage_begin(usage, 18000);
    assert_string_equal(note(usage, "a", 7000000, 0), "nothing"); /* it was away */
    assert_string_equal(note(usage, "b", 5, 0), "{\"cpu\":\"0n\",\"memory\":\"0Ki\"}");
    usage_end(usage);
    usage_free(usage);
}

static void test_the_machine_s_use_is_read_from_proc(void **state)
{
    (void)state;
    struct usage_sample sample;
    struct str stat = STR("cpu  100 1 200 5000 300 10 20 30 40 0\ncpu0 1 2\n");
    struct str memory = STR("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:     400 kB\n");
    assert_true(usage_of_machine(stat, memory, &sample));
    assert_int_equal(sample.cpu_us, 361 * (1000000 / sysconf(_SC_CLK_TCK)));
    assert_int_equal(sample.memory, 600 * 1024);
    assert_false(usage_of_machine(STR("cpu 1 2"), memory, &sample));
    assert_false(usage_of_machine(stat, STR("MemTotal: 7 kB\n"), &sample));
    assert_false(usage_of_machine(STR(""), STR(""), &sample));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_use_is_what_was_added_over_the_window),
        cmocka_unit_test(test_the_machine_s_use_is_read_from_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
