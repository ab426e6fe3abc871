/* What commits say, in words. */
#include "fsd/summary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ENTRIES_MOST 200

struct change {
    const char *author, *subject; /* its object is what stands before the colon */
};

static void summarize(struct buf *message, const struct change *changes, size_t count)
{
    struct history_entry entries[ENTRIES_MOST] = {0};
    const struct history_entry *pointers[ENTRIES_MOST];
    assert_in_range(count, 1, ENTRIES_MOST);
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_of(changes[i].subject);
        entries[i].version = (int64_t)i + 1;
        entries[i].author = str_of(changes[i].author);
        entries[i].subject = rest;
        str_split(&rest, ':', &entries[i].path);
        pointers[i] = &entries[i];
    }
    summary_write(message, pointers, count);
}

static void expect_subject(const struct change *changes, size_t count, const char *expected)
{
    autobuf struct buf message = {0};
    summarize(&message, changes, count);
    struct str rest = buf_str(&message), subject = STR_NONE;
    str_split(&rest, '\n', &subject);
    autofree char *text = str_dup(subject);
    assert_string_equal(text, expected);
}
#define EXPECT_SUBJECT(expected, ...)                     \
    do {                                                  \
        static const struct change row[] = {__VA_ARGS__}; \
        expect_subject(row, COUNT(row), expected);        \
    } while (0)

static void one_change_speaks_for_itself_and_says_who_did_it(void **state)
{
    (void)state;
    const struct change change = {"root", "deployments/web: replicas 2 -> 3"};
    autobuf struct buf message = {0};
    summarize(&message, &change, 1);
    assert_string_equal(message.at, "deployments/web: replicas 2 -> 3 (root)");
    EXPECT_SUBJECT("configmaps/a: created (uid 1234)", {"uid 1234", "configmaps/a: created"});
}

static void an_object_is_told_by_what_has_become_of_it(void **state)
{
    (void)state;
    EXPECT_SUBJECT(
        "pods/web-1: Running ready=1/1 restarts=0; deployments/web: 3/3 ready (nodeagent, workloads)",
        {"nodeagent", "pods/web-1: Pending"}, {"workloads", "deployments/web: 2/3 ready"},
        {"nodeagent", "pods/web-1: Running ready=1/1 restarts=0"},
        {"workloads", "deployments/web: 3/3 ready"});
    EXPECT_SUBJECT("pods/a: created, Running ready=1/1 (workloads, scheduler, nodeagent)",
                   {"workloads", "pods/a: created"}, {"scheduler", "pods/a: nodeName n1"},
                   {"nodeagent", "pods/a: Running ready=1/1"});
    EXPECT_SUBJECT("pods/a: created (workloads)", {"workloads", "pods/a: deleted"},
                   {"workloads", "pods/a: created"});
    EXPECT_SUBJECT("pods/a in prod: deleted (gc, nodeagent)", {"gc", "pods/a in prod: deletion begun"},
                   {"nodeagent", "pods/a in prod: deleted"});
}

static void where_room_is_short_objects_are_told_in_brief(void **state)
{
    (void)state;
    EXPECT_SUBJECT(
        "pods/web-678d599d6b-smqdd: Running ready=1/1; deployments/web: 6/6 ready updated=6 (nodeagent)",
        {"nodeagent", "pods/web-678d599d6b-smqdd: Running ready=1/1 restarts=0 ip=10.0.0.169 node=a"},
        {"nodeagent", "deployments/web: 6/6 ready updated=6 available=6"});
    /* Without words in front a status line stays whole. */
    EXPECT_SUBJECT(
        "replicasets/web-678d599d6b: desired=3 current=3 ready=3; pods/web-smqdd: Running ready=1/1 (x)",
        {"x", "replicasets/web-678d599d6b: desired=3 current=3 ready=3"},
        {"x", "pods/web-smqdd: Running ready=1/1 restarts=0 ip=10.0.0.169 node=a"});
    /* What was and what is stay together. */
    EXPECT_SUBJECT("pods/web-1: Running ready=1/1; configmaps/c: data/a=b x=y z=z -> k=v k=v, … (x)",
                   {"x", "pods/web-1: Running ready=1/1 restarts=0 ip=10.0.0.169 node=a"},
                   {"x", "configmaps/c: data/a=b x=y z=z -> k=v k=v, data/b 1 -> 2"});
    EXPECT_SUBJECT("pods/web-1: Running ready=1/1; configmaps/c: data/a=b x=y z=z -> k=v k=v (x)",
                   {"x", "pods/web-1: Running ready=1/1 restarts=0 ip=10.0.0.169 node=a-long-name"},
                   {"x", "configmaps/c: data/a=b x=y z=z -> k=v k=v"});
}

static void then_kinds_are_counted_and_as_much_as_fits_is_told(void **state)
{
    (void)state;
    EXPECT_SUBJECT(
        "pods/web-678d599d6b-smqdd: created, Running ready=1/1; deployments/web: 3/3 ready updated=3"
        " and 1 more (workloads, nodeagent)",
        {"workloads", "replicasets/web-678d599d6b: desired=3 current=3 ready=3"},
        {"workloads", "pods/web-678d599d6b-smqdd: created"},
        {"nodeagent", "pods/web-678d599d6b-smqdd: Running ready=1/1 restarts=0 ip=10.0.0.169 node=a"},
        {"workloads", "deployments/web: 3/3 ready updated=3 available=3"});
    EXPECT_SUBJECT("replicasets/web-678d599d6b: deleted; pods: 3 deleted (gc, nodeagent)",
                   {"gc", "replicasets/web-678d599d6b: deleted"},
                   {"gc", "pods/web-678d599d6b-4dnjq: deletion begun"},
                   {"gc", "pods/web-678d599d6b-dsqfv: deletion begun"},
                   {"nodeagent", "pods/web-678d599d6b-4dnjq: deleted"},
                   {"nodeagent", "pods/web-678d599d6b-dsqfv: deleted"},
                   {"nodeagent", "pods/web-678d599d6b-4mn8h: deleted"});
    EXPECT_SUBJECT("pods: 1 created and Running, 2 created, 1 being deleted, 1 changed (x)",
                   {"x", "pods/web-678d599d6b-4dnjq: created"}, {"x", "pods/web-678d599d6b-dsqfv: created"},
                   {"x", "pods/web-678d599d6b-4mn8h: created"},
                   {"x", "pods/web-678d599d6b-4dnjq: Running ready=1/1 restarts=0"},
                   {"x", "pods/web-678d599d6b-dsqfv: nodeName n1"},
                   {"x", "pods/web-678d599d6b-r8kcd: deletion begun"},
                   {"x", "pods/web-678d599d6b-nhtzr: nodeName n1"});
}

/* An object that changed a hundred times is one that changed. */
static void objects_are_counted_and_not_changes(void **state)
{
    (void)state;
    struct change changes[106] = {{"x", "pods/web-d8859cc78-44j48: created"},
                                  {"x", "pods/web-d8859cc78-55j48: created"},
                                  {"x", "pods/web-d8859cc78-66j48: created"},
                                  {"x", "replicasets/web-d8859cc78: created"}};
    for (size_t i = 4; i < 106; i++)
        changes[i] = (struct change){"x", "pods/web-d8859cc78-44j48: Running"};
    expect_subject(changes, 106,
                   "pods: 1 created and Running, 2 created; replicasets/web-d8859cc78: created (x)");
}

static void the_body_has_all_and_says_of_each_who_did_it(void **state)
{
    (void)state;
    static const struct change several[] = {{"scheduler", "pods/a: bound"}, {"nodeagent", "pods/a: Running"}};
    autobuf struct buf message = {0};
    summarize(&message, several, 2);
    assert_string_equal(message.at, "pods/a: Running (scheduler, nodeagent)\n\n- scheduler: pods/a: bound\n"
                                    "- nodeagent: pods/a: Running\n");
    static const struct change one[] = {{"gc", "pods/a: deleted"}, {"gc", "pods/b: deleted"}};
    buf_clear(&message);
    summarize(&message, one, 2);
    assert_string_equal(message.at,
                        "pods/a: deleted; pods/b: deleted (gc)\n\n- pods/a: deleted\n- pods/b: deleted\n");
}

static void a_long_list_is_counted(void **state)
{
    (void)state;
    char subjects[150][60];
    struct change changes[150];
    for (int i = 0; i < 150; i++) {
        snprintf(subjects[i], sizeof(subjects[i]), "pods/web-%d: Running ready=1/1\nSeq: 99", i);
        changes[i] = (struct change){"nodeagent", subjects[i]};
    }
    autobuf struct buf message = {0};
    summarize(&message, changes, 150);
    assert_true(str_starts(buf_str(&message), STR("pods: 150 Running (nodeagent)\n\n- pods/web-0: ")));
    assert_true(str_ends(buf_str(&message), STR("\n- and 51 more\n")));
    size_t lines = 0;
    for (const char *c = message.at; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 102);
}

#define EIGHT "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"

static void what_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    EXPECT_SUBJECT("a" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT
                   "\xc3\xa4… and 1 more (x)",
                   {"x", "a" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT},
                   {"x", "b" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT});
}

static void a_subject_is_one_line_whatever_is_in_a_name(void **state)
{
    (void)state;
    EXPECT_SUBJECT("configmaps/a: data/x y 1 -> 2 (al ice)", {"al\nice", "configmaps/a: data/x\ny 1 -> 2"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_speaks_for_itself_and_says_who_did_it),
        cmocka_unit_test(an_object_is_told_by_what_has_become_of_it),
        cmocka_unit_test(where_room_is_short_objects_are_told_in_brief),
        cmocka_unit_test(then_kinds_are_counted_and_as_much_as_fits_is_told),
        cmocka_unit_test(objects_are_counted_and_not_changes),
        cmocka_unit_test(the_body_has_all_and_says_of_each_who_did_it),
        cmocka_unit_test(a_long_list_is_counted),
        cmocka_unit_test(what_is_too_long_is_cut_between_characters),
        cmocka_unit_test(a_subject_is_one_line_whatever_is_in_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
