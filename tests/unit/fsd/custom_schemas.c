/* What objects may be like, as the schema of a CustomResourceDefinition says: a schema of `spec`, a spec, and
 * what is wrong with it, or how it is kept. */
#include "tests/unit/fsd/definitions.h"

struct row {
    const char *schema, *spec;
    const char *result; /* JSON of the spec as it is kept, or the findings without "spec" before each */
};

static struct kind_reading *read_definition(const char *schema, struct error **err)
{
    autofree char *whole = NULL;
    if (asprintf(&whole, "{type: object, properties: {spec: %s}}", schema) < 0)
        abort();
    autodoc struct doc *definition = must_definition(whole, "");
    autofree char *found = finding_of(doc_root(definition));
    if (found[0] != '\0')
        fail_msg("%s: %s", schema, found);
    return kind_reading_new(kinds, doc_root(definition), err);
}

static char *keep(const struct schema *schema, const char *spec)
{
    autofree char *text = NULL;
    if (asprintf(&text, "{apiVersion: example.org/v1, kind: Thing, metadata: {name: a}, spec: %s}", spec) < 0)
        abort();
    autodoc struct doc *doc = must_yaml(text);
    autoerror struct error *err = NULL;
    schema_prune_nulls(schema, doc_root(doc));
    schema_default(schema, doc_root(doc));
    if (schema_validate(schema, doc_root(doc), &err) < 0)
        return strdup(err->message);
    struct buf kept = {0};
    value_write(&kept, value_at(doc_root(doc), "spec"));
    return buf_take(&kept);
}

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        autoerror struct error *err = NULL;
        struct kind_reading *reading = read_definition(rows[i].schema, &err);
        if (reading == NULL)
            fail_msg("%s: %s", rows[i].schema, error_message(err));
        autofree char *kept = keep(kind_form(kind_reading_kind(reading))->schema, rows[i].spec);
        if (strcmp(kept, rows[i].result) != 0)
            fail_msg("%s\n%s\nis:  %s\nnot: %s", rows[i].schema, rows[i].spec, kept, rows[i].result);
        kind_reading_free(reading);
    }
}

#define OBJECT(properties) "{type: object, properties: {" properties "}}"

static void scalars_keep_to_their_bounds(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{type: integer, minimum: 1, exclusiveMinimum: true}", "2", "2"},
        {"{type: integer, minimum: 1, exclusiveMinimum: true}", "1", "spec: must be greater than 1, not 1"},
        {"{type: number, maximum: 2.5, exclusiveMaximum: true}", "2.5",
         "spec: must be less than 2.5, not 2.5"},
        {"{type: number, minimum: 1, maximum: 3}", "4", "spec: must be between 1 and 3, not 4"},
        {"{type: integer, multipleOf: 5}", "15", "15"},
        {"{type: integer, multipleOf: 5}", "16", "spec: must be a multiple of 5, not 16"},
        {"{type: number, multipleOf: 0.1}", "0.7", "0.7"},
        {"{type: integer, format: int64}", "4294967296", "4294967296"},
        {"{type: integer, format: int32}", "4294967296",
         "spec: must be between -2147483648 and 2147483647, not 4294967296"},
        {"{type: integer}", "1.0", "1.0"},
        {"{type: integer}", "1.5", "spec: must be an integer of at most 64 bits, not 1.5"},
        {"{x-kubernetes-int-or-string: true}", "4294967296", "4294967296"},
        {"{x-kubernetes-int-or-string: true, pattern: '^a', anyOf: [{type: integer}, {type: string}]}", "b",
         "spec: must be of the pattern ^a, not \"b\""},
        {"{x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: string}]}, {maximum: "
         "5}]}",
         "6", "spec: must be at most 5, not 6"},
        {"{x-kubernetes-int-or-string: true}", "[]", "spec: must be an integer or a string, not a list"},
        {"{type: string, enum: [a, b]}", "c", "spec: must be one of a, b, not \"c\""},
        {"{type: integer, enum: [301, 302]}", "302", "302"},
        {"{type: integer, enum: [301, 302]}", "303", "spec: must be one of 301, 302, not 303"},
        {"{type: boolean, enum: [true]}", "false", "spec: must be true, not false"},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true, enum: [{a: 1}, {}]}", "{a: 1}",
         "{\"a\":1}"},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true, enum: [{a: 1}, {}]}", "{a: 2}",
         "spec: must be one of {\"a\":1}, {}, not a mapping"},
        {"{type: string, pattern: '^\\d+$'}", "'12'", "\"12\""},
        {"{type: string, format: ipv4}", "a", "spec: must be an IPv4 address, not \"a\""},
        {"{type: string, format: date-time}", "now",
         "spec: must be a time as 2026-01-31T12:00:00Z, not \"now\""},
        {"{type: string, format: whatever}", "a", "\"a\""},
        {"{type: string, format: quantity}", "1024Mi", "\"1024Mi\""}, /* no format of theirs */
        {"{type: string, maxLength: 2}", "üü", "\"üü\""},
    };
    assert_rows(rows, COUNT(rows));
}

static void objects_have_the_members_that_they_may_have(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{type: object}", "{a: 1}", "unknown field \"spec.a\""},
        {"{type: object, additionalProperties: true}", "{a: 1}", "{\"a\":1}"},
        {"{type: object, additionalProperties: false}", "{a: 1}", "unknown field \"spec.a\""},
        {"{additionalProperties: {type: integer}, type: object}", "{a: b}",
         "spec[a]: must be an integer, not \"b\""},
        {"{type: string, additionalProperties: {type: integer}}", "a", "\"a\""},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true}", "{a: {b: 1}}", "{\"a\":{\"b\":1}}"},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true}", "[]",
         "spec: must be a mapping, not a list"},
        {"{x-kubernetes-preserve-unknown-fields: true}", "[1]", "[1]"},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer}}}",
         "{a: 1, b: 2}", "{\"a\":1,\"b\":2}"},
        {"{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer}}}",
         "{a: x}", "spec.a: must be an integer, not \"x\""},
        {"{x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer}}}", "{a: x}",
         "spec.a: must be an integer, not \"x\""},
        {"{x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer}}}", "text",
         "\"text\""},
        {"{type: object, maxProperties: 1, additionalProperties: {type: string}}", "{a: b, c: d}",
         "spec: must have at most 1 members, not 2"},
        {"{type: object, minProperties: 1, properties: {a: {type: string}}}", "{}",
         "spec: must have at least 1 members, not 0"},
        {"{type: object, required: [a, b], properties: {a: {type: string}}}", "{}",
         "spec.a: is required; spec.b: is required"},
        {"{type: array, items: {type: array, items: {type: integer}}}", "[[1], [x]]",
         "spec[1][0]: must be an integer, not \"x\""},
        {"{type: array, x-kubernetes-list-type: set, items: {type: integer}}", "[1, 2, 1]",
         "spec[2]: 1 is there already"},
        {"{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name, p], items: {type: "
         "object, "
         "required: [name], properties: {name: {type: string}, p: {type: string, default: TCP}}}}",
         "[{name: a}, {name: a, p: UDP}, {name: a, p: TCP}]", "spec[2].name: \"a\" is there already"},
        {"{type: array, minItems: 2, maxItems: 3, items: {type: string}}", "[a]",
         "spec: must have at least 2 elements, not 1"},
    };
    assert_rows(rows, COUNT(rows));
}

static void conditions_hold_together(void **state)
{
    (void)state;
#define A_OR_B "properties: {a: {type: string}, b: {type: string}}"
    static const struct row rows[] = {
        {"{type: object, " A_OR_B ", oneOf: [{required: [a]}, {required: [b]}]}", "{a: x}", "{\"a\":\"x\"}"},
        {"{type: object, " A_OR_B ", oneOf: [{required: [a]}, {required: [b]}]}", "{a: x, b: z}",
         "spec: must fit exactly one branch of oneOf, not 2"},
        {"{type: object, " A_OR_B ", oneOf: [{required: [a]}, {required: [b]}]}", "{}",
         "spec: must fit exactly one branch of oneOf: (spec.a: is required) or (spec.b: is required)"},
        {"{type: object, " A_OR_B
         ", anyOf: [{required: [a]}, {properties: {b: {enum: [x]}}, required: [b]}]}",
         "{b: z}",
         "spec: must fit at least one branch of anyOf: (spec.a: is required) or (spec.b: must be x, not "
         "\"z\")"},
        {"{type: object, " A_OR_B ", not: {required: [a, b]}}", "{a: x, b: z}",
         "spec: must not fit the schema of not"},
        {"{type: object, " A_OR_B ", not: {required: [a, b]}}", "{a: x}", "{\"a\":\"x\"}"},
        {"{type: string, allOf: [{minLength: 2}, {pattern: '^a'}]}", "b",
         "spec: must have at least 2 characters, not 1; spec: must be of the pattern ^a, not \"b\""},
        {"{type: string, anyOf: [{format: ipv4}, {format: ipv6}]}", "'::1'", "\"::1\""},
        {"{type: array, items: {type: integer}, anyOf: [{items: {minimum: 5}}, {maxItems: 1}]}", "[1]",
         "[1]"},
        {"{type: array, items: {type: integer}, anyOf: [{items: {minimum: 5}}, {maxItems: 1}]}", "[1, 2]",
         "spec: must fit at least one branch of anyOf: (spec[0]: must be at least 5, not 1; spec[1]: must be "
         "at least 5, not 2) or (spec: must have at most 1 elements, not 2)"},
    };
    assert_rows(rows, COUNT(rows));
}

static void defaults_are_filled_in_at_any_depth(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {OBJECT("a: {type: integer, default: 5}"), "{}", "{\"a\":5}"},
        {OBJECT("a: {type: integer, default: 5}"), "{a: null}", "{\"a\":5}"},
        {OBJECT("a: {type: integer, default: 5}"), "{a: 0}", "{\"a\":0}"},
        {OBJECT("a: {type: integer, default: 5, nullable: true}"), "{a: null}", "{\"a\":null}"},
        {OBJECT("a: {type: integer}"), "{a: null}", "{}"},
        {OBJECT(
             "a: {type: object, default: {b: 1}, properties: {b: {type: integer}, c: {type: string, default: "
             "x}}}"),
         "{}", "{\"a\":{\"b\":1,\"c\":\"x\"}}"},
        {OBJECT("a: {type: object, properties: {b: {type: integer, default: 1}}}"), "{}", "{}"},
        {"{type: array, items: {type: object, properties: {a: {type: string, default: x}}}}", "[{}, {a: z}]",
         "[{\"a\":\"x\"},{\"a\":\"z\"}]"},
        {"{type: object, additionalProperties: {type: object, properties: {a: {type: string, default: x}}}}",
         "{k: {}}", "{\"k\":{\"a\":\"x\"}}"},
        {"{type: object, additionalProperties: {type: string}}", "{k: null, l: m}", "{\"l\":\"m\"}"},
        {"{type: object, additionalProperties: {type: string, default: x}}", "{k: null}", "{\"k\":\"x\"}"},
        {"{type: array, items: {type: string, default: x}}", "[null, z]", "[\"x\",\"z\"]"},
        {"{type: array, items: {type: string}}", "[null]", "spec[0]: must be a string, not null"},
        {"{x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer, default: 1}}}",
         "{b: null}", "{\"b\":null,\"a\":1}"},
        {OBJECT("a: {type: string, nullable: true, enum: [x]}"), "{a: null}", "spec.a: must be x, not null"},
    };
    assert_rows(rows, COUNT(rows));
}

static void a_resource_inside_another_says_what_it_is(void **state)
{
    (void)state;
#define EMBEDDED \
    "type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true"
    static const struct row rows[] = {
        {"{" EMBEDDED "}", "{apiVersion: v1, kind: Pod, metadata: {labels: {a: b}}, spec: {x: 1}}",
         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"x\":1}"
         "}"},
        {"{" EMBEDDED "}", "{metadata: {labels: {a: 'b c'}}}",
         "spec.metadata.labels[a]: must be empty or at most 63 of letters, digits, -, _ and ., beginning and "
         "ending with a letter or digit, not \"b c\"; spec.apiVersion: is required; spec.kind: is required"},
        {"{" EMBEDDED "}", "{apiVersion: v1, kind: A_B}",
         "spec.kind: must be at most 63 of letters, digits and -, beginning with a letter and ending with a "
         "letter or digit, not \"A_B\""},
        {"{" EMBEDDED ", properties: {kind: {type: string, enum: [Pod]}, metadata: {type: object, required: "
         "[name]}}}",
         "{apiVersion: v1, kind: Job, metadata: {}}",
         "spec.kind: must be Pod, not \"Job\"; spec.metadata.name: is required"},
    };
    assert_rows(rows, COUNT(rows));
}

/* The root's own metadata may be narrowed. */
static void the_name_of_objects_may_be_narrowed(void **state)
{
    (void)state;
    autodoc struct doc *definition = must_definition(
        "{type: object, properties: {metadata: {type: object, properties: {name: {type: string, maxLength: "
        "3}}}}}",
        "");
    struct kind_reading *reading = kind_reading_new(kinds, doc_root(definition), NULL);
    assert_non_null(reading);
    autodoc struct doc *object =
        must_yaml("{apiVersion: example.org/v1, kind: Thing, metadata: {name: long, labels: {a: b}}}");
    struct error *err = NULL;
    int result = schema_validate(kind_form(kind_reading_kind(reading))->schema, doc_root(object), &err);
    assert_error(result, EINVAL, err, "metadata.name: must have at most 3 characters, not 4");
    error_free(err);
    kind_reading_free(reading);
}

static void a_schema_that_can_not_be_read_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *sentence;
    } rows[] = {
        {"{type: string, pattern: '(?=a)'}",
         "pattern: \"(?=a)\" is no regular expression: a group that isn't known, at character 1"},
        {"{type: integer, default: x}", "default: must be an integer, not \"x\""},
        {"{type: object, default: {b: 1}, properties: {a: {type: string}}}", "default: unknown field \"b\""},
        {"{type: object, default: {}, required: [a], properties: {a: {type: string, default: x}}}",
         "default: a: is required"},
        {"{type: number, multipleOf: 0}", "multipleOf: must be a number greater than 0"},
        {"{type: string, minLength: -1}", "minLength: must be a whole number, not negative"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        assert_null(read_definition(rows[i].schema, &err));
        autobuf struct buf wanted = {0};
        buf_addf(&wanted, "spec.versions[0]: schema: properties: spec: %s", rows[i].sentence);
        assert_string_equal(err->message, wanted.at);
    }
}

/* What is missing in a draft may be what makes a condition fit. */
static void a_condition_that_a_draft_does_not_fit_is_missing(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    struct kind_reading *reading =
        read_definition("{type: object, " A_OR_B ", oneOf: [{required: [a]}, {required: [b]}]}", &err);
    assert_non_null(reading);
    const struct kind *kind = kind_reading_kind(reading);
    autodoc struct doc *object =
        must_yaml("{apiVersion: example.org/v1, kind: Thing, metadata: {name: a}, spec: {}}");
    assert_int_equal(object_validate(kind, doc_root(object), true, &err), 0);
    autobuf struct buf missing = {0};
    object_missing(kind, doc_root(object), &missing);
    assert_string_equal(missing.at, "spec");
    kind_reading_free(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_keep_to_their_bounds),
        cmocka_unit_test(objects_have_the_members_that_they_may_have),
        cmocka_unit_test(conditions_hold_together),
        cmocka_unit_test(defaults_are_filled_in_at_any_depth),
        cmocka_unit_test(a_resource_inside_another_says_what_it_is),
        cmocka_unit_test(the_name_of_objects_may_be_narrowed),
        cmocka_unit_test(a_schema_that_can_not_be_read_is_refused),
        cmocka_unit_test(a_condition_that_a_draft_does_not_fit_is_missing),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
