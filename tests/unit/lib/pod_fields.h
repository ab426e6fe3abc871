/* The tables of doc/pod-fields.md, for the tests that hold them against the schema of pods and against what
 * nodes make of them. */
#ifndef PODTREE_TEST_POD_FIELDS_H
#define PODTREE_TEST_POD_FIELDS_H

#include "lib/file.h"
#include "tests/unit/lib/test.h"

/* The sections, and where in a pod the fields stand of which their rows are. */
static const struct field_section {
    const char *title;
    const char *places[2];
} field_sections[] = {
    {"PodSpec", {"spec"}},
    {"Container", {"spec.containers"}},
    {"securityContext, of pod and container", {"spec.securityContext", "spec.containers.securityContext"}},
    {"Volumes", {"spec.volumes"}},
};

/* What becomes of a field: the word with which the second cell begins. */
enum field_fate { FATE_YES, FATE_PARTLY, FATE_SAID, FATE_REFUSED, FATE_STORED, FATES };
static const char *const fate_words[FATES] = {"yes", "partly", "said", "refused", "stored"};

/* One field of a row that may be about several. */
struct field_row {
    const struct field_section *section;
    struct str name; /* "resources.limits" */
    enum field_fate fate;
    struct str tests;
};

static inline char *read_pod_fields(void)
{
    const char *source = getenv("srcdir");
    autofree char *path = path_format("%s/doc/pod-fields.md", source != NULL ? source : ".");
    struct buf text = {0};
    autoerror struct error *error = NULL;
    if (file_read(path, &text, &error) < 0)
        fail_msg("%s", error_message(error));
    return buf_take(&text);
}

static inline struct str field_rows_of(const char *text, const struct field_section *section)
{
    autofree char *head = path_format("\n## %s\n", section->title);
    const char *begin = strstr(text, head);
    if (begin == NULL)
        fail_msg("there is no section \"%s\"", section->title);
    begin += strlen(head);
    const char *end = strstr(begin, "\n## ");
    return (struct str){begin, end != NULL ? (size_t)(end - begin) : strlen(begin)};
}

static inline enum field_fate fate_of(struct str cell)
{
    struct str word = str_cut(cell, 0, strspn(cell.at, "abcdefghijklmnopqrstuvwxyz"));
    enum field_fate fate = FATE_YES;
    while (fate < FATES && !str_is(word, fate_words[fate]))
        fate++;
    if (fate == FATES)
        fail_msg("\"" STR_FORMAT "\" doesn't begin with what becomes of the field", STR_ARGS(cell));
    return fate;
}

/* Calls for each field of each row. */
static inline void each_field_row(const char *text, void (*call)(void *context, const struct field_row *row),
                                  void *context)
{
    for (size_t i = 0; i < COUNT(field_sections); i++) {
        struct str rest = field_rows_of(text, &field_sections[i]), line, empty, names, says;
        while (str_split(&rest, '\n', &line)) {
            struct field_row row = {.section = &field_sections[i]};
            if (!str_starts(line, STR("| ")) || str_starts(line, STR("| ---")) ||
                str_starts(line, STR("| field ")) || str_starts(line, STR("| source ")))
                continue;
            assert_true(str_split(&line, '|', &empty) && str_split(&line, '|', &names) &&
                        str_split(&line, '|', &says) && str_split(&line, '|', &row.tests));
            row.fate = fate_of(str_trim(says));
            while (str_split(&names, ',', &row.name)) {
                row.name = str_trim(row.name);
                call(context, &row);
            }
        }
    }
}

#endif
