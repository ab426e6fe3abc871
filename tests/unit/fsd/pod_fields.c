/* doc/pod-fields.md, which says what nodes make of each field of a pod, against the schema of pods: it has a
 * row for every field, none for another, and names tests that there are. */
#include "lib/file.h"
#include "tests/unit/fsd/kinds.h"

/* The sections, and whose fields the rows of each are. */
static const struct section {
    const char *title;
    const char *paths[2];
    const char *left_out; /* a field that is said elsewhere */
} sections[] = {
    {"PodSpec", {"spec"}, NULL},
    {"Container", {"spec.containers"}, "securityContext"},
    {"securityContext, of pod and container",
     {"spec.securityContext", "spec.containers.securityContext"},
     NULL},
    {"Volumes", {"spec.volumes"}, "name"},
};

static char *read_source(const char *path)
{
    const char *source = getenv("srcdir");
    autofree char *whole = path_format("%s/%s", source != NULL ? source : ".", path);
    struct buf text = {0};
    autoerror struct error *error = NULL;
    if (file_read(whole, &text, &error) < 0)
        fail_msg("%s", error_message(error));
    return buf_take(&text);
}

/* Lists are stepped over: "spec.containers.image". NULL: there is no such field. */
static const struct schema *find_schema(const struct schema *schema, struct str path)
{
    struct str name;
    while (schema != NULL && str_split(&path, '.', &name)) {
        schema = schema_property(schema, name);
        if (schema != NULL && schema->type == SCHEMA_ARRAY)
            schema = schema->items;
    }
    return schema;
}

static const struct schema *schema_of(const struct section *section, size_t i)
{
    const char *path = section->paths[i];
    return path != NULL ? find_schema(kind_form(must_kind("pods"))->schema, str_of(path)) : NULL;
}

/* ---- the rows ---- */

static struct str rows_of(const char *text, const struct section *section)
{
    autofree char *head = path_format("\n## %s\n", section->title);
    const char *begin = strstr(text, head);
    if (begin == NULL)
        fail_msg("there is no section \"%s\"", section->title);
    begin += strlen(head);
    const char *end = strstr(begin, "\n## ");
    return (struct str){begin, end != NULL ? (size_t)(end - begin) : strlen(begin)};
}

/* The next row's cell, counted from 0; rows that only look like one are passed over. */
static bool next_cell(struct str *rows, int which, struct str *cell)
{
    struct str line;
    while (str_split(rows, '\n', &line)) {
        if (!str_starts(line, STR("| ")) || str_starts(line, STR("| ---")) ||
            str_starts(line, STR("| field ")) || str_starts(line, STR("| source ")))
            continue;
        for (int i = -1; i <= which; i++)
            assert_true(str_split(&line, '|', cell));
        *cell = str_trim(*cell);
        return true;
    }
    return false;
}

/* Adds each word as a line. */
static void collect(struct str rows, int cell, struct buf *words)
{
    struct str list, word;
    while (next_cell(&rows, cell, &list))
        while (str_split(&list, ',', &word))
            buf_addf(words, STR_FORMAT "\n", STR_ARGS(str_trim(word)));
}

/* The field, or something of it ("resources.limits"). */
static bool has_row(struct str fields, struct str name)
{
    struct str field, first;
    while (str_split(&fields, '\n', &field)) {
        str_split(&field, '.', &first);
        if (str_equal(first, name))
            return true;
    }
    return false;
}

static void each_field_has_a_row_and_each_row_is_of_a_field(void **state)
{
    (void)state;
    autofree char *text = read_source("doc/pod-fields.md");
    for (size_t i = 0; i < COUNT(sections); i++) {
        const struct section *section = &sections[i];
        autobuf struct buf fields = {0};
        struct str rest, field;
        collect(rows_of(text, section), 0, &fields);
        for (size_t k = 0; k < COUNT(section->paths); k++) {
            const struct schema *schema = schema_of(section, k);
            for (size_t p = 0; schema != NULL && p < schema->property_count; p++) {
                struct str name = schema->properties[p].name;
                if (!has_row(buf_str(&fields), name) && !str_equal(name, str_of(section->left_out)))
                    fail_msg("%s: no row for " STR_FORMAT, section->title, STR_ARGS(name));
            }
        }
        for (rest = str_trim(buf_str(&fields)); str_split(&rest, '\n', &field);)
            if (find_schema(schema_of(section, 0), field) == NULL &&
                (section->paths[1] == NULL || find_schema(schema_of(section, 1), field) == NULL))
                fail_msg("%s: there is no field " STR_FORMAT, section->title, STR_ARGS(field));
    }
}

static bool is_there(const char *format, struct str name)
{
    const char *source = getenv("srcdir");
    autofree char *text = str_dup(name), *path = path_format(format, source != NULL ? source : ".", text);
    return access(path, F_OK) == 0;
}

static void the_tests_that_it_names_are_there(void **state)
{
    (void)state;
    autofree char *text = read_source("doc/pod-fields.md");
    for (size_t i = 0; i < COUNT(sections); i++) {
        autobuf struct buf tests = {0};
        struct str rest, test;
        collect(rows_of(text, &sections[i]), 2, &tests);
        for (rest = str_trim(buf_str(&tests)); str_split(&rest, '\n', &test);)
            if (test.length != 0 && !is_there("%s/tests/%s", test) &&
                !is_there("%s/tests/unit/nodeagent/%s.c", test) &&
                !is_there("%s/tests/unit/reconcilers/%s.c", test))
                fail_msg("%s: there is no test " STR_FORMAT, sections[i].title, STR_ARGS(test));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_a_row_and_each_row_is_of_a_field),
        cmocka_unit_test(the_tests_that_it_names_are_there),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
