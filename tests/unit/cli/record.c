#include "cli/record.h"

#include "lib/identity.h"
#include "test.h"
#include <sys/stat.h>

static void fill(struct settings *settings, const char *run)
{
    settings->mount = str_dup(STR("/k8s with space"));
    settings->state = str_dup(STR("/var/lib/podtree"));
    settings->run = str_dup(str_of(run));
    settings->hollow = str_dup(STR("7"));
}

static void what_is_written_is_read_back(void **state)
{
    autosettings struct settings settings = {0};
    fill(&settings, *state);
    autofree struct child_identity *processes = memory_zeroed(component_count, sizeof(*processes));
    processes[0] = (struct child_identity){1234, 567890123456};
    processes[3] = (struct child_identity){99, 1};
    assert_int_equal(record_write(&settings, processes, NULL), 0);

    autorecord struct record record;
    record_init(&record);
    assert_int_equal(record_read(*state, &record, NULL), 1);
    assert_string_equal(record.settings.mount, "/k8s with space");
    assert_string_equal(record.settings.hollow, "7");
    assert_null(record.settings.node);
    assert_memory_equal(record.processes, processes, component_count * sizeof(*processes));
}

static void the_group_podtree_may_read_it(void **state)
{
    autosettings struct settings settings = {0};
    fill(&settings, *state);
    autofree struct child_identity *processes = memory_zeroed(component_count, sizeof(*processes));
    assert_int_equal(record_write(&settings, processes, NULL), 0);
    autofree char *path = path_format("%s/record", (char *)*state);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    gid_t group = identity_people();
    if (geteuid() == 0)
        assert_int_equal(status.st_gid, group != (gid_t)-1 ? group : 0);
}

static void without_a_record_there_is_none(void **state)
{
    autorecord struct record record;
    record_init(&record);
    assert_int_equal(record_read(*state, &record, NULL), 0);
}

static void a_removed_record_is_gone(void **state)
{
    autosettings struct settings settings = {0};
    fill(&settings, *state);
    autofree struct child_identity *processes = memory_zeroed(component_count, sizeof(*processes));
    assert_int_equal(record_write(&settings, processes, NULL), 0);
    record_remove(*state);
    autorecord struct record record;
    record_init(&record);
    assert_int_equal(record_read(*state, &record, NULL), 0);
}

static bool parse(const char *text, struct record *record)
{
    record_init(record);
    return record_parse(str_of(text), "this-boot", record);
}

static void a_record_of_another_boot_says_nothing(void **state)
{
    (void)state;
    autorecord struct record record;
    assert_false(parse("boot another\nmount /k8s\nprocess fsd 1 2\n", &record));
}

static void what_is_not_understood_is_left_out(void **state)
{
    (void)state;
    autorecord struct record record;
    assert_true(parse("boot this-boot\nmount /k8s\nflavour sweet\nprocess\nprocess fsd\nprocess fsd x y\n"
                      "process teapot 5 6\nprocess notifier 7 8\n\nnode",
                      &record));
    assert_int_equal(record.processes[COMPONENT_FSD].pid, 0);
    assert_int_equal(record.processes[1].pid, 7);
    assert_int_equal(record.processes[1].started, 8);
    assert_null(record.settings.node);
}

static void without_a_mount_it_is_no_record(void **state)
{
    (void)state;
    autorecord struct record record;
    assert_false(parse("boot this-boot\nprocess fsd 1 2\n", &record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(what_is_written_is_read_back),
        place_test(the_group_podtree_may_read_it),
        place_test(without_a_record_there_is_none),
        place_test(a_removed_record_is_gone),
        cmocka_unit_test(a_record_of_another_boot_says_nothing),
        cmocka_unit_test(what_is_not_understood_is_left_out),
        cmocka_unit_test(without_a_mount_it_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
