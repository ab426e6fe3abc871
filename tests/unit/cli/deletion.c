#include "cli/deletion.h"

#include "test.h"

#define OBJECT(finalizers)                                                                            \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"team\",\"uid\":\"u1\",\"resourceVersion\":\"7\"" \
    "," finalizers "}}"
#define ABOUT  "\"resource\":\"pods\",\"name\":\"web\",\"namespace\":\"team\",\"uid\":\"u1\""
#define DELETE "{\"op\":\"delete\"," ABOUT "}\n"
#define PATCH(list)                                                                                  \
    "{\"op\":\"atomic\"}\n{\"op\":\"patch\"," ABOUT ",\"merge\":{\"metadata\":{\"finalizers\":" list \
    "}},\"rv\":\"7\"}\n"

static void a_cascade_is_a_finalizer_in_the_same_change(void **state)
{
    (void)state;
    static const struct {
        enum cascade cascade;
        const char *object, *requests;
        size_t results;
    } rows[] = {
        {CASCADE_BACKGROUND, OBJECT("\"labels\":{}"), DELETE, 1},
        {CASCADE_BACKGROUND, OBJECT("\"finalizers\":[\"a\"]"), DELETE, 1},
        {CASCADE_FOREGROUND, OBJECT("\"labels\":{}"), PATCH("[\"foregroundDeletion\"]") DELETE, 2},
        {CASCADE_ORPHAN, OBJECT("\"labels\":{}"), PATCH("[\"orphan\"]") DELETE, 2},
        /* somebody else's stay, in their order */
        {CASCADE_ORPHAN, OBJECT("\"finalizers\":[\"b\",\"a\"]"), PATCH("[\"b\",\"a\",\"orphan\"]") DELETE, 2},
        /* what is there need not be asked for again */
        {CASCADE_ORPHAN, OBJECT("\"finalizers\":[\"orphan\",\"a\"]"), DELETE, 1},
        /* the last word counts */
        {CASCADE_ORPHAN, OBJECT("\"finalizers\":[\"foregroundDeletion\"]"), PATCH("[\"orphan\"]") DELETE, 2},
        {CASCADE_BACKGROUND, OBJECT("\"finalizers\":[\"orphan\",\"a\"]"), PATCH("[\"a\"]") DELETE, 2},
        {CASCADE_BACKGROUND, OBJECT("\"finalizers\":[\"foregroundDeletion\"]"), PATCH("[]") DELETE, 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *object = doc_parse(str_of(rows[i].object), NULL);
        autobuf struct buf requests = {0};
        const struct deletion deletion = {.cascade = rows[i].cascade, .grace = -1};
        assert_int_equal(deletion_write(&deletion, STR("pods"), doc_root(object), &requests),
                         rows[i].results);
        assert_string_equal(requests.at, rows[i].requests);
    }
}

static void the_grace_is_said_where_it_was_given(void **state)
{
    (void)state;
    autodoc struct doc *object = doc_parse(STR("{\"metadata\":{\"name\":\"n\",\"uid\":\"u\"}}"), NULL);
    autobuf struct buf requests = {0};
    const struct deletion deletion = {.cascade = CASCADE_BACKGROUND, .grace = 0};
    assert_int_equal(deletion_write(&deletion, STR("nodes"), doc_root(object), &requests), 1);
    assert_string_equal(
        requests.at, "{\"op\":\"delete\",\"resource\":\"nodes\",\"name\":\"n\",\"uid\":\"u\",\"grace\":0}\n");
}

static void the_one_that_was_refused_is_heard(void **state)
{
    (void)state;
#define DONE                    "{\"uid\":\"u1\",\"name\":\"web\",\"rv\":\"8\"}\n"
#define REFUSED(error, message) "{\"error\":\"" error "\",\"message\":\"" message "\"}\n"
    static const struct {
        struct str results;
        int result;
        const char *says;
    } rows[] = {
        {STR(DONE), 0, NULL},
        {STR(DONE DONE), 0, NULL},
        {STR(REFUSED("EAGAIN", "has changed") REFUSED("ECANCELED", "another")), -EAGAIN, "has changed"},
        {STR(REFUSED("ECANCELED", "another") REFUSED("EPERM", "belongs")), -EIO, "belongs"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        assert_int_equal(deletion_read(rows[i].results, &err), rows[i].result);
        if (rows[i].says != NULL)
            assert_string_equal(error_message(err), rows[i].says);
    }
    assert_true(deletion_read(STR("nonsense\n"), NULL) < 0);
}

static void there_are_three_words_for_a_cascade(void **state)
{
    (void)state;
    enum cascade cascade = CASCADE_BACKGROUND;
    assert_int_equal(cascade_parse("orphan", &cascade, NULL), 0);
    assert_int_equal(cascade, CASCADE_ORPHAN);
    assert_int_equal(cascade_parse("foreground", &cascade, NULL), 0);
    assert_int_equal(cascade, CASCADE_FOREGROUND);
    assert_int_equal(cascade_parse("background", &cascade, NULL), 0);
    assert_int_equal(cascade, CASCADE_BACKGROUND);
    autoerror struct error *err = NULL;
    assert_int_equal(cascade_parse("true", &cascade, &err), -EINVAL);
    assert_non_null(strstr(error_message(err), "background, foreground or orphan, not true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cascade_is_a_finalizer_in_the_same_change),
        cmocka_unit_test(the_grace_is_said_where_it_was_given),
        cmocka_unit_test(the_one_that_was_refused_is_heard),
        cmocka_unit_test(there_are_three_words_for_a_cascade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
