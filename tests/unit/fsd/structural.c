#include "fsd/structural.h"
#include "tests/unit/fsd/definitions.h"

struct row {
    const char *schema, *sentence; /* behind the path of the schema */
};

#define AT "spec.versions[0].schema.openAPIV3Schema"

static void assert_rows(const struct row *rows, size_t count, const char *version)
{
    for (size_t i = 0; i < count; i++) {
        autodoc struct doc *doc = must_definition(rows[i].schema, version);
        autofree char *found = finding_of(doc_root(doc));
        if (strcmp(found, rows[i].sentence) != 0)
            fail_msg("%s\nis:  %s\nnot: %s", rows[i].schema, found, rows[i].sentence);
    }
}

#define OBJECT(properties) "{type: object, properties: {" properties "}}"

static void every_field_has_a_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {OBJECT("a: {type: string}"), ""},
        {"{properties: {}}", AT ".type: must not be empty at the root"},
        {"{type: array, items: {type: string}}", AT ".type: must be object at the root, not \"array\""},
        {OBJECT("a: {}"), AT ".properties[a].type: must not be empty for specified object fields"},
        {OBJECT("a: {type: array, items: {}}"),
         AT ".properties[a].items.type: must not be empty for specified array items"},
        {OBJECT("a: {type: array}"), AT ".properties[a].items: is required"},
        {OBJECT("a: {type: null}"), AT ".properties[a].type: must not be empty for specified object fields"},
        {OBJECT("a: {type: 'null'}"), AT ".properties[a].type: can't be null, use nullable"},
        {OBJECT("a: {type: text}"), AT
         ".properties[a].type: must be one of array, boolean, integer, number, object, string, not \"text\""},
        {OBJECT("a: {x-kubernetes-preserve-unknown-fields: true}"), ""},
        {OBJECT("a: {x-kubernetes-preserve-unknown-fields: false, type: object}"),
         AT ".properties[a].x-kubernetes-preserve-unknown-fields: must be true or not there"},
        {OBJECT("a: {x-kubernetes-int-or-string: true}"), ""},
        {OBJECT("a: {x-kubernetes-int-or-string: true, x-kubernetes-preserve-unknown-fields: true}"),
         AT ".properties[a].x-kubernetes-preserve-unknown-fields: must not be true if "
            "x-kubernetes-int-or-string is"},
        {OBJECT("a: {type: object, additionalProperties: true}"), ""},
        {OBJECT("a: {type: object, additionalProperties: {type: integer}}"), ""},
        {OBJECT("a: {type: object, additionalProperties: {type: integer}, properties: {b: {type: string}}}"),
         AT ".properties[a].additionalProperties: and properties exclude each other"},
        {"{type: object, additionalProperties: {type: string}}",
         AT ".additionalProperties: must not be used at the root"},
        {"{type: object, nullable: true}", AT ".nullable: can't be true at the root"},
    };
    assert_rows(rows, COUNT(rows), "");
}

static void a_keyword_that_is_not_one_is_found_at_any_depth(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {OBJECT("a: {typ: string}"), "unknown field \"" AT ".properties[a].typ\": did you mean \"type\"?"},
        {OBJECT("a: {type: array, items: {type: string, x-podtree-secret: true}}"),
         "unknown field \"" AT ".properties[a].items.x-podtree-secret\""},
        {OBJECT("a: {type: string, minLength: many}"),
         AT ".properties[a].minLength: must be an integer, not \"many\""},
        {OBJECT("a: 5"), AT ".properties[a]: must be a mapping, not 5"},
        {OBJECT("a: {type: object, additionalProperties: {type: string, xyz: 1}}"),
         AT ".properties[a].additionalProperties: must fit at least one branch of anyOf: (" AT
            ".properties[a].additionalProperties: must be true or false, not a mapping) or (unknown field "
            "\"" AT ".properties[a].additionalProperties.xyz\")"},
        {OBJECT("a: {type: array, items: [{type: string}]}"),
         AT ".properties[a].items: must be a mapping, not a list"},
        {OBJECT("a: {$ref: '#/b', type: string}"), AT ".properties[a].$ref: is not supported"},
        {"{type: object, id: x}", AT ".id: is not supported"},
        {"{type: object, definitions: {a: {type: string}}}", AT ".definitions: is not supported"},
        {"{type: object, patternProperties: {a: {type: string}}}", AT ".patternProperties: is not supported"},
        {OBJECT("a: {type: array, uniqueItems: true, items: {type: string}}"),
         AT ".properties[a].uniqueItems: can't be true: it takes the square of the list's length "
            "(x-kubernetes-list-type: set does it)"},
    };
    assert_rows(rows, COUNT(rows), "");
}

static void conditions_have_no_structure_of_their_own(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, "
         "{required: [b]}]}",
         ""},
        {"{type: object, properties: {a: {type: integer}}, anyOf: [{properties: {a: {minimum: 5}}}]}", ""},
        {"{type: object, properties: {a: {type: integer}}, anyOf: [{properties: {b: {minimum: 5}}}]}",
         AT ".anyOf[0].properties[b]: must be specified outside of the condition, too"},
        {OBJECT("a: {type: string, anyOf: [{type: string, description: x}]}"),
         AT ".properties[a].anyOf[0].type: must not be there in a condition; " AT
            ".properties[a].anyOf[0].description: must not be there in a condition"},
        {OBJECT("a: {type: string, not: {default: x, nullable: true}}"),
         AT ".properties[a].not.default: must not be there in a condition; " AT
            ".properties[a].not.nullable: must not be true in a condition"},
        {"{type: object, not: {properties: {metadata: {required: [labels]}}}}",
         AT ".not.properties[metadata]: must not be there in a condition; " AT
            ".not.properties[metadata]: must be specified outside of the condition, too"},
        {OBJECT("a: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}"), ""},
        {OBJECT("a: {x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: string}]}, "
                "{pattern: a}]}"),
         ""},
        {OBJECT("a: {x-kubernetes-int-or-string: true, allOf: [{pattern: a}, {anyOf: [{type: integer}, "
                "{type: string}]}]}"),
         AT ".properties[a].allOf[1].anyOf[0].type: must not be there in a condition; " AT
            ".properties[a].allOf[1].anyOf[1].type: must not be there in a condition"},
        {OBJECT("a: {x-kubernetes-int-or-string: true, anyOf: [{type: string}, {type: integer}]}"),
         AT ".properties[a].anyOf[0].type: must not be there in a condition; " AT
            ".properties[a].anyOf[1].type: must not be there in a condition"},
    };
    assert_rows(rows, COUNT(rows), "");
    static const struct row with_status[] = {
        {"{type: object, required: [a]}", ""},
        {"{type: object, oneOf: [{required: [a]}]}",
         AT ".oneOf: must not be there at the root if there is the subresource status"},
    };
    assert_rows(with_status, COUNT(with_status), ", subresources: {status: {}}");
}

static void lists_have_keys_in_every_element(void **state)
{
    (void)state;
#define LIST(more, items) OBJECT("a: {type: array, " more ", items: {" items "}}")
#define MAP               "x-kubernetes-list-type: map, x-kubernetes-list-map-keys: "
    static const struct row rows[] = {
        {LIST(MAP "[name]", "type: object, required: [name], properties: {name: {type: string}}"), ""},
        {LIST(MAP "[name]", "type: object, properties: {name: {type: string, default: ''}}"), ""},
        {LIST(MAP "[name]", "type: object, properties: {name: {type: string}}"),
         AT ".properties[a].items.properties[name].default: is required, as a key of the list that isn't "
            "required"},
        {LIST(MAP "[m]", "type: object, properties: {name: {type: string}}"),
         AT ".properties[a].x-kubernetes-list-map-keys: must all be names of properties of the items"},
        {LIST(MAP "[name, name]", "type: object, required: [name], properties: {name: {type: string}}"),
         AT ".properties[a].x-kubernetes-list-map-keys: must not contain duplicate entries"},
        {LIST(MAP "[name]", "type: object, required: [name], properties: {name: {type: object}}"),
         AT ".properties[a].items.properties[name].type: must be a scalar, as a key of the list"},
        {LIST(MAP "[name]", "type: string"),
         AT ".properties[a].items.type: must be object, as the list has keys"},
        {LIST("x-kubernetes-list-type: map", "type: object"),
         AT ".properties[a].x-kubernetes-list-map-keys: must not be empty if x-kubernetes-list-type is map"},
        {LIST("x-kubernetes-list-map-keys: [name]", "type: object"),
         AT ".properties[a].x-kubernetes-list-type: must be map if x-kubernetes-list-map-keys is not empty"},
        {LIST("x-kubernetes-list-type: set", "type: string"), ""},
        {LIST("x-kubernetes-list-type: set", "type: string, nullable: true"),
         AT ".properties[a].items.nullable: can't be true in a set or a list with keys"},
        {LIST("x-kubernetes-list-type: set", "type: object"),
         AT ".properties[a].items.x-kubernetes-map-type: must be atomic, as an item of a set"},
        {LIST("x-kubernetes-list-type: heap", "type: string"),
         AT ".properties[a].x-kubernetes-list-type: must be one of atomic, set, map, not \"heap\""},
        {OBJECT("a: {type: string, x-kubernetes-map-type: atomic}"),
         AT ".properties[a].type: must be object if x-kubernetes-map-type is there"},
    };
    assert_rows(rows, COUNT(rows), "");
}

static void what_every_object_has_is_not_said_again(void **state)
{
    (void)state;
#define EMBEDDED "type: object, x-kubernetes-embedded-resource: true"
    static const struct row rows[] = {
        {OBJECT("apiVersion: {type: string}, kind: {type: string}, metadata: {type: object}"), ""},
        {OBJECT("metadata: {type: object, properties: {name: {type: string, maxLength: 10}}}"), ""},
        {OBJECT("metadata: {type: object, properties: {labels: {type: object}}}"),
         AT ".properties[metadata]: must not specify anything but name and generateName: the rest is known"},
        {OBJECT("kind: {type: integer}"), AT ".properties[kind].type: must be string, not \"integer\""},
        {OBJECT("kind: {type: string, default: Thing}"),
         AT ".properties[kind].default: must not be there in what every object has"},
        {OBJECT("a: {" EMBEDDED ", x-kubernetes-preserve-unknown-fields: true}"), ""},
        {OBJECT("a: {" EMBEDDED "}"),
         AT ".properties[a].properties: must not be empty if x-kubernetes-embedded-resource is true without "
            "x-kubernetes-preserve-unknown-fields"},
        {OBJECT("a: {x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}"),
         AT ".properties[a].type: must be object if x-kubernetes-embedded-resource is true"},
    };
    assert_rows(rows, COUNT(rows), "");
}

static void rules_in_cel_are_counted_and_not_carried_out(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{type: object, x-kubernetes-validations: [{rule: 'true'}]}", ""},
        {"{type: object, x-kubernetes-validations: [{message: x}]}",
         AT ".x-kubernetes-validations[0].rule: is required"},
        {"{type: object, x-kubernetes-validations: [{rule: \"a\\n&& b\"}]}",
         AT ".x-kubernetes-validations[0].message: is required when the rule contains line breaks"},
        {"{type: object, x-kubernetes-validations: [{rule: a, reason: Because}]}",
         AT ".x-kubernetes-validations[0].reason: must be one of FieldValueDuplicate, FieldValueForbidden, "
            "FieldValueInvalid, FieldValueRequired, not \"Because\""},
    };
    assert_rows(rows, COUNT(rows), "");
    autodoc struct doc *doc =
        must_yaml("{type: object, properties: {x-kubernetes-validations: {type: array, items: {type: object, "
                  "x-kubernetes-validations: [{rule: a}, {rule: b}]}}, c: {x-kubernetes-validations: [{rule: "
                  "d}], type: string}}}");
    autobuf struct buf where = {0};
    assert_int_equal(structural_validations(NULL, doc_root(doc), &where), 3);
    assert_string_equal(where.at, "properties[x-kubernetes-validations].items.x-kubernetes-validations");
}

/* ---- the definition around it ---- */

#define NAMES "names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}"
#define V1    "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}"
#define SPEC(group, names, versions)                                           \
    "spec: {group: " group ", scope: Cluster, " names ", versions: [" versions \
    "], conversion: {strategy: None}}"
#define NAMED(name, spec)                                                              \
    "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: " \
    "{name: " name "}, " spec "}"
#define V1_WITH(more) \
    "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}, " more "}"
#define WITH(more) NAMED("things.example.org", SPEC("example.org", NAMES, V1_WITH(more)))
#define CONVERSION(by)                                                                                       \
    NAMED("things.example.org", "spec: {group: example.org, scope: Cluster, " NAMES ", versions: [" V1 "], " \
                                "conversion: {" by "}}")

static void a_definition_is_whole(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NAMED("things.example.org", SPEC("example.org", NAMES, V1)), ""},
        {NAMED("thing.example.org", SPEC("example.org", NAMES, V1)),
         "metadata.name: must be spec.names.plural and spec.group with a dot between them: "
         "things.example.org"},
        {NAMED("things.org", SPEC("org", NAMES, V1)),
         "spec.group: must be a domain with at least one dot, not \"org\""},
        {NAMED("things.a.k8s.io", SPEC("a.k8s.io", NAMES, V1)),
         "metadata.annotations[api-approved.kubernetes.io]: is required in the group a.k8s.io"},
        {NAMED("things.a.k8s.io, annotations: {api-approved.kubernetes.io: https://github.com/a/pull/1}",
               SPEC("a.k8s.io", NAMES, V1)),
         ""},
        {NAMED("things.a.k8s.io, annotations: {api-approved.kubernetes.io: soon}",
               SPEC("a.k8s.io", NAMES, V1)),
         "metadata.annotations[api-approved.kubernetes.io]: must be a URL, or a reason that begins with "
         "\"unapproved\""},
        {NAMED("things.example.org",
               SPEC("example.org", "names: {plural: things, kind: Thing, listKind: Thing}", V1)),
         "spec.names.listKind: must differ from kind"},
        {NAMED("things.example.org", SPEC("example.org", "names: {plural: things}", V1)),
         "spec.names.kind: is required"},
        {NAMED("things.example.org",
               SPEC("example.org", "names: {plural: things, kind: Thing, shortNames: [T]}", V1)),
         "spec.names.shortNames[0]: must be a DNS-1035 label: at most 63 of a-z, 0-9 and -, beginning with a "
         "letter and ending with a letter or digit, not \"T\""},
        {NAMED("things.example.org", SPEC("example.org", NAMES, V1 ", " V1)),
         "spec.versions: must have names that differ; spec.versions: must have exactly one with storage: "
         "true, "
         "not 2"},
        {NAMED("things.example.org", SPEC("example.org", NAMES, "{name: v1, served: true, storage: true}")),
         "spec.versions[0].schema: is required"},
        {WITH(
             "subresources: {scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .spec.replicas}}"),
         "spec.versions[0].subresources.scale.statusReplicasPath: must be of the pattern ^\\.status\\., not "
         "\".spec.replicas\""},
        {WITH("additionalPrinterColumns: [{name: A, type: text, jsonPath: .a}, {name: B, type: date, "
              "jsonPath: "
              "a}]"),
         "spec.versions[0].additionalPrinterColumns[0].type: must be one of boolean, date, integer, number, "
         "string, not \"text\"; spec.versions[0].additionalPrinterColumns[1].jsonPath: must be of the "
         "pattern "
         "^\\., not \"a\""},
        {WITH("deprecationWarning: old"),
         "spec.versions[0].deprecationWarning: can only be there for a version that is deprecated"},
        {WITH("selectableFields: [{jsonPath: .spec.color}]"),
         "spec.versions[0].selectableFields[0].jsonPath: must be the path of a string, boolean or integer "
         "outside of metadata, not \".spec.color\""},
        {CONVERSION("strategy: Webhook"), "spec.conversion.webhook: is required when strategy is Webhook"},
        {CONVERSION("strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: "
                    "'https://a/b'}}"),
         ""},
        {CONVERSION("strategy: Webhook, webhook: {conversionReviewVersions: [v7], clientConfig: {url: "
                    "'http://a/b'}}"),
         "spec.conversion.webhook.clientConfig.url: must be a URL that begins with https://, without user, "
         "query or fragment, not \"http://a/b\"; spec.conversion.webhook.conversionReviewVersions: must have "
         "at least one of v1, v1beta1"},
        {CONVERSION("strategy: None, webhook: {conversionReviewVersions: [v1]}"),
         "spec.conversion.webhook: must not be there when strategy is not Webhook"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_yaml(rows[i].schema);
        autofree char *found = finding_of(doc_root(doc));
        if (strcmp(found, rows[i].sentence) != 0)
            fail_msg("%s\nis:  %s\nnot: %s", rows[i].schema, found, rows[i].sentence);
    }
}

static void what_objects_are_found_by_stays(void **state)
{
    (void)state;
    static const struct {
        const char *change, *established, *sentence;
    } rows[] = {
        {"{spec: {group: example.com}}", "False", "spec.group: can't be changed, it is \"example.org\""},
        {"{spec: {names: {plural: objects}}}", "False",
         "spec.names.plural: can't be changed, it is \"things\""},
        {"{spec: {scope: Cluster, names: {kind: Object}}}", "False", ""},
        {"{spec: {scope: Cluster, names: {kind: Object}}}", "True",
         "spec.scope: can't be changed, it is \"Namespaced\"; spec.names.kind: can't be changed, it is "
         "\"Thing\""},
        {"{spec: {names: {singular: object}}}", "True", ""},
    };
    const struct kind *kind = must_kind("customresourcedefinitions");
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *before = must_definition("{type: object}", "");
        struct value conditions =
            value_set_array(value_set_object(doc_root(before), STR("status")), STR("conditions"));
        struct value condition = value_append_object(conditions);
        value_setf(condition, STR("type"), "Established");
        value_setf(condition, STR("status"), "%s", rows[i].established);
        autodoc struct doc *after = doc_copy(doc_root(before)), *change = must_yaml(rows[i].change);
        value_merge(doc_root(after), doc_root(change));
        autoerror struct error *err = NULL;
        int result = object_validate_update(kind, doc_root(before), doc_root(after), &err);
        assert_string_equal(result == 0 ? "" : err->message, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_type),
        cmocka_unit_test(a_keyword_that_is_not_one_is_found_at_any_depth),
        cmocka_unit_test(conditions_have_no_structure_of_their_own),
        cmocka_unit_test(lists_have_keys_in_every_element),
        cmocka_unit_test(what_every_object_has_is_not_said_again),
        cmocka_unit_test(rules_in_cel_are_counted_and_not_carried_out),
        cmocka_unit_test(a_definition_is_whole),
        cmocka_unit_test(what_objects_are_found_by_stays),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
