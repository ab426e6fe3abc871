#include "fsd/secret.h"
#include "fsd/merge.h"
#include "lib/base64.h"
#include "tests/unit/fsd/kinds.h"

static const struct secret_place here = {STR("uid-1"), STR("/data/password")};

static struct secret_key key_of(unsigned char first)
{
    unsigned char number[SECRET_KEY_BYTES] = {first};
    struct secret_key key;
    secret_key_derive(&key, number);
    return key;
}

static char *sealed(const struct secret_key *key, struct secret_place place, struct str value)
{
    struct buf out = {0};
    secret_seal(key, place, value, &out);
    return buf_take(&out);
}

static void assert_shut(const struct secret_key *key, struct secret_place place, struct str text)
{
    autobuf struct buf out = {0};
    assert_false(secret_open(key, place, text, &out));
    assert_int_equal(out.length, 0);
}

/* ---- values ---- */

static void a_value_opens_where_it_was_sealed(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1);
    static char bytes[5000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    static const size_t lengths[] = {0, 1, 30, 31, 32, 33, 63, 64, 5000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct str value = {bytes, lengths[i]};
        autofree char *text = sealed(&key, here, value);
        autobuf struct buf opened = {0};
        buf_add_text(&opened, "before");
        assert_true(secret_is_sealed(str_of(text)));
        assert_true(secret_open(&key, here, str_of(text), &opened));
        assert_true(str_equal(str_cut(buf_str(&opened), 6, opened.length), value));
    }
}

static void a_value_opens_nowhere_else(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1), other = key_of(2);
    autofree char *text = sealed(&key, here, STR("hunter2"));
    assert_shut(&other, here, str_of(text));
    assert_shut(&key, (struct secret_place){STR("uid-2"), here.path}, str_of(text));
    assert_shut(&key, (struct secret_place){here.uid, STR("/data/passwords")}, str_of(text));
    assert_shut(&key, (struct secret_place){STR("uid-1/data"), STR("/password")}, str_of(text));
    /* Nor with another key that has the name of the right one. */
    struct secret_key disguised = other;
    memcpy(disguised.name, key.name, sizeof(key.name));
    assert_shut(&disguised, here, str_of(text));
}

static void what_has_been_changed_does_not_open(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1);
    autofree char *text = sealed(&key, here, STR("hunter2"));
    for (size_t length = 0; text[length] != '\0'; length++) {
        assert_shut(&key, here, (struct str){text, length});
        char was = text[length];
        text[length] = was == 'A' ? 'B' : 'A';
        assert_shut(&key, here, str_of(text));
        text[length] = was;
    }
    assert_shut(&key, here, STR("aHVudGVyMg=="));
}

static void sealing_again_gives_the_same_text_and_another_value_another(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1), other = key_of(2);
    const struct secret_place there = {STR("uid-2"), here.path};
    autofree char *one = sealed(&key, here, STR("hunter2")), *again = sealed(&key, here, STR("hunter2")),
                  *changed = sealed(&key, here, STR("hunter3")),
                  *elsewhere = sealed(&key, there, STR("hunter2")),
                  *by_another = sealed(&other, here, STR("hunter2"));
    assert_string_equal(one, again);
    const char *const others[] = {changed, elsewhere, by_another};
    size_t head = SECRET_SEALED.length + SECRET_NAME_BYTES + 1;
    for (size_t i = 0; i < COUNT(others); i++)
        assert_string_not_equal(one + head, others[i] + head);
}

static void a_sealed_value_tells_neither_itself_nor_its_length(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1);
    autofree char *one = sealed(&key, here, STR("a")),
                  *longer = sealed(&key, here, STR("correct horse battery"));
    assert_int_equal(strlen(one), strlen(longer));
    assert_null(strstr(longer, "horse"));
    autobuf struct buf decoded = {0};
    assert_false(base64_decode(str_of(one), &decoded));
}

static void a_sealed_value_names_its_key(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1), other = key_of(2);
    autofree char *text = sealed(&key, here, STR("a"));
    assert_int_equal(strlen(key.name), SECRET_NAME_BYTES);
    assert_string_not_equal(key.name, other.name);
    assert_str(secret_key_name(str_of(text)), key.name);
    assert_int_equal(secret_key_name(STR("c2VhbGVk")).length, 0);
}

/* ---- documents ---- */

static const char manifest[] =
    "{kind: Secret, type: Opaque, metadata: {name: db, uid: uid-1, labels: {password: kept}}, data: "
    "{password: aHVudGVyMg==, user: cm9vdA==, none: ''}}";

static void only_secret_values_of_a_document_are_sealed(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1);
    const struct schema *schema = kind_form(must_kind("secrets"))->schema;
    autodoc struct doc *doc = must_yaml(manifest), *plain = must_yaml(manifest);
    secrets_seal_all(&key, schema, doc_root(doc));
    value_each (entry, value_at(doc_root(doc), "data"))
        assert_true(secret_is_sealed(value_str(entry)));
    assert_str(value_str(value_at(doc_root(doc), "metadata", "labels", "password")), "kept");
    assert_str(value_str(value_at(doc_root(doc), "type")), "Opaque");
    /* What is sealed stays as it is, and all of it opens. */
    autodoc struct doc *once = doc_copy(doc_root(doc));
    secrets_seal_all(&key, schema, doc_root(doc));
    assert_true(value_equal(doc_root(once), doc_root(doc)));
    struct str blame;
    assert_int_equal(secrets_open_all(&key, 1, schema, doc_root(doc), &blame), 0);
    assert_true(value_equal(doc_root(plain), doc_root(doc)));
}

static void what_can_t_be_opened_is_counted_and_stays(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1), other = key_of(2);
    const struct schema *schema = kind_form(must_kind("secrets"))->schema;
    autodoc struct doc *doc = must_yaml(manifest);
    struct str blame;
    secrets_seal_all(&key, schema, doc_root(doc));
    autodoc struct doc *before = doc_copy(doc_root(doc));
    assert_int_equal(secrets_open_all(&other, 1, schema, doc_root(doc), &blame), 3);
    assert_str(blame, key.name);
    assert_int_equal(secrets_open_all(NULL, 0, schema, doc_root(doc), &blame), 3);
    assert_true(value_equal(doc_root(before), doc_root(doc)));
}

static void a_document_without_secrets_is_left_alone(void **state)
{
    (void)state;
    const struct secret_key key = key_of(1);
    autodoc struct doc *doc = must_yaml("{data: {a: b}, metadata: {uid: u}}"),
                       *before = doc_copy(doc_root(doc));
    secrets_seal_all(&key, kind_form(must_kind("configmaps"))->schema, doc_root(doc));
    assert_true(value_equal(doc_root(before), doc_root(doc)));
    /* Whatever has the wrong type is nobody's secret yet. */
    autodoc struct doc *odd = must_yaml("{data: [a], stringData: b}"), *same = doc_copy(doc_root(odd));
    secrets_seal_all(&key, kind_form(must_kind("secrets"))->schema, doc_root(odd));
    assert_true(value_equal(doc_root(same), doc_root(odd)));
}

static void expect_applied(const char *text, const char *left)
{
    const struct schema *schema = kind_form(must_kind("secrets"))->schema;
    autodoc struct doc *doc = must_yaml("{annotations: {other: stays}}");
    value_set_str(value_at(doc_root(doc), "annotations"), STR(MERGE_LAST_APPLIED), str_of(text));
    secrets_blank_applied(schema, doc_root(doc));
    struct value applied = value_at(doc_root(doc), "annotations", MERGE_LAST_APPLIED);
    assert_int_equal(value_exists(applied), left != NULL);
    if (left != NULL)
        assert_str(value_str(applied), left);
    assert_str(value_str(value_at(doc_root(doc), "annotations", "other")), "stays");
}

static void the_annotation_of_apply_keeps_keys_and_no_values(void **state)
{
    (void)state;
    expect_applied("{\"data\":{\"a\":\"aHVudGVyMg==\"},\"stringData\":{\"b\":\"hunter2\"},\"type\":\"x\"}",
                   "{\"data\":{\"a\":\"\"},\"stringData\":{\"b\":\"\"},\"type\":\"x\"}");
    expect_applied("hunter2 and no JSON", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_opens_where_it_was_sealed),
        cmocka_unit_test(a_value_opens_nowhere_else),
        cmocka_unit_test(what_has_been_changed_does_not_open),
        cmocka_unit_test(sealing_again_gives_the_same_text_and_another_value_another),
        cmocka_unit_test(a_sealed_value_tells_neither_itself_nor_its_length),
        cmocka_unit_test(a_sealed_value_names_its_key),
        cmocka_unit_test(only_secret_values_of_a_document_are_sealed),
        cmocka_unit_test(what_can_t_be_opened_is_counted_and_stays),
        cmocka_unit_test(a_document_without_secrets_is_left_alone),
        cmocka_unit_test(the_annotation_of_apply_keeps_keys_and_no_values),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
