#include "lib/file.h"
#include "tests/unit/fsd/kinds.h"

#include <errno.h>
#include <sys/stat.h>

static void the_built_in_kinds_are_found_by_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"namespaces",  "nodes",      "pods",  "replicasets",
                                        "deployments", "configmaps", "leases"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_str(must_kind(names[i])->plural, names[i]);
    assert_ptr_equal(must_kind("deployments.apps"), must_kind("deployments"));
    assert_ptr_equal(must_kind("pods.core"), must_kind("pods"));
    assert_null(kinds_by_directory(kinds, STR("deployments.core")));
    assert_null(kinds_by_directory(kinds, STR("flowschemas")));
    assert_str(must_kind("events")->directory, "events.core"); /* events is the tree's own */
    assert_null(kinds_by_directory(kinds, STR("pods.apps")));
    assert_null(kinds_by_directory(kinds, STR("")));
    for (size_t i = 0; i < kinds_count(kinds); i++)
        assert_int_equal(kinds_at(kinds, i)->index, i);
    assert_null(kinds_at(kinds, kinds_count(kinds)));
}

static void a_kind_says_what_its_file_says(void **state)
{
    (void)state;
    const struct kind *deployment = must_kind("deployments"), *config = must_kind("configmaps");
    assert_str(kind_form(deployment)->api_version, "apps/v1");
    assert_str(deployment->resource, "deployments.apps");
    assert_str(deployment->directory, "deployments");
    assert_str(config->resource, "configmaps");
    assert_str(must_kind("pods")->node_field, "nodeName");
    assert_int_equal(config->node_field.length, 0);
    assert_str(deployment->name, "Deployment");
    assert_str(kind_form(deployment)->short_names[0], "deploy");
    assert_true(deployment->namespaced && kind_form(deployment)->spec != NULL &&
                kind_form(deployment)->status != NULL);
    assert_false(deployment->live_when_empty || deployment->spread || deployment->memory_only);
    assert_str(deployment->verbs[0].name, "restart");
    assert_int_equal(deployment->verbs[0].annotations_depth, 4);
    assert_str(kind_form(config)->api_version, "v1");
    assert_true(config->live_when_empty);
    assert_false(kind_form(config)->spec != NULL || kind_form(config)->status != NULL);
    assert_true(must_kind("leases")->memory_only);
    assert_true(must_kind("pods")->spread);
    assert_true(kind_is_permanent(must_kind("namespaces"), STR("default")));
    assert_false(kind_is_permanent(must_kind("namespaces"), STR("mine")));
    assert_false(must_kind("nodes")->namespaced);
}

static void shared_definitions_exist_once(void **state)
{
    (void)state;
    const struct schema *deployment =
        schema_property(kind_form(must_kind("deployments"))->schema, STR("spec"));
    const struct schema *set = schema_property(kind_form(must_kind("replicasets"))->schema, STR("spec"));
    assert_ptr_equal(schema_property(deployment, STR("template")), schema_property(set, STR("template")));
    assert_ptr_equal(schema_property(kind_form(must_kind("nodes"))->schema, STR("metadata")),
                     schema_property(kind_form(must_kind("pods"))->schema, STR("metadata")));
    assert_null(schema_property(deployment, STR("replcas")));
    assert_null(schema_property(NULL, STR("replicas")));
}

static void an_unknown_kind_is_told_with_what_comes_near(void **state)
{
    (void)state;
    static const struct {
        const char *manifest, *sentence;
    } rows[] = {
        {"kind: Pod", "apiVersion: is required"},
        {"apiVersion: v1", "kind: is required"},
        {"{apiVersion: v1, kind: }", "kind: is required"},
        {"[]", "a manifest must be a mapping with apiVersion and kind"},
        {"{apiVersion: apps/v1, kind: Deploymnet}",
         "no kind \"Deploymnet\" in \"apps/v1\": did you mean \"Deployment\" (apps/v1)?"},
        {"{apiVersion: extensions/v1beta1, kind: Deployment}",
         "no kind \"Deployment\" in \"extensions/v1beta1\": its apiVersion is apps/v1"},
        {"{apiVersion: x.io/v1, kind: FlowSchema}",
         "no kind \"FlowSchema\" in \"x.io/v1\": api/ has those that there are"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_yaml(rows[i].manifest);
        autoerror struct error *err = NULL;
        assert_null(kinds_by_manifest(kinds, doc_root(doc), &err));
        assert_string_equal(error_message(err), rows[i].sentence);
    }
    autodoc struct doc *doc = must_yaml("{apiVersion: apps/v1, kind: ReplicaSet}");
    assert_ptr_equal(kinds_by_manifest(kinds, doc_root(doc), NULL), must_kind("replicasets"));
}

/* ---- files that are wrong ---- */

#define HEAD_OF(group)                                                                                       \
    "kind: CustomResourceDefinition\n"                                                                       \
    "spec:\n  group: " group                                                                                 \
    "\n  scope: Namespaced\n  names: {kind: Thing, plural: things, singular: thing}\n"                       \
    "  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n " \
    "       type: object\n"
#define HEAD  HEAD_OF("x.io")
#define TYPES "{\"meta/v1.ObjectMeta\": {\"type\": \"object\"}"
#define TYPE  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}"

/* The three files of a directory: NULL for what there always is. */
struct files {
    const char *types, *rules, *kind;
};

/* How they are called, and what they need. */
static const struct file {
    const char *path, *text;
} file_rows[] = {{"types/meta-v1.json", TYPES "}"}, {"rules/meta-v1.yaml", "{}"}, {"things.yaml", HEAD}};

static void write_files(const char *directory, const struct files *files)
{
    const char *const texts[] = {files->types, files->rules, files->kind};
    for (size_t i = 0; i < COUNT(file_rows); i++) {
        autofree char *path = path_format("%s/%s", directory, file_rows[i].path);
        autofree char *folder = str_dup((struct str){path, (size_t)(strrchr(path, '/') - path)});
        assert_true(mkdir(folder, 0700) == 0 || errno == EEXIST);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(texts[i] != NULL ? texts[i] : file_rows[i].text, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
}

static void remove_files(const char *directory)
{
    static const char *const folders[] = {"types", "rules", "."};
    for (size_t i = 0; i < COUNT(file_rows); i++) {
        autofree char *path = path_format("%s/%s", directory, file_rows[i].path);
        assert_int_equal(remove(path), 0);
    }
    for (size_t i = 0; i < COUNT(folders); i++) {
        autofree char *path = path_format("%s/%s", directory, folders[i]);
        rmdir(path);
    }
    rmdir(directory);
}

/* Loads a directory with these files; its name, which is random, is cut off the sentence. */
static char *load_error(const struct files *files)
{
    char directory[] = "/tmp/podtree-kinds-XXXXXX";
    assert_non_null(mkdtemp(directory));
    write_files(directory, files);
    autoerror struct error *err = NULL;
    struct kinds *made = NULL;
    int result = kinds_load(directory, &made, &err);
    remove_files(directory);
    kinds_free(made);
    if (result == 0)
        return NULL;
    assert_true(strncmp(err->message, directory, strlen(directory)) == 0);
    return strdup(err->message + strlen(directory));
}

static void a_wrong_file_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        struct files files;
        const char *sentence;
    } rows[] = {
        {{.kind = "kind: Foo\n"}, "/things.yaml: kind must be CustomResourceDefinition"},
        {{.kind = "a: [\n"}, NULL},
        {{.types = "{"}, NULL},
        {{.kind = HEAD "        properties: {a: {type: strin}}\n"},
         "/things.yaml: spec.versions[0]: schema: properties: a: type: must be string, integer, number, "
         "boolean, object or array"},
        {{.kind = HEAD "        properties: {a: {type: string, tpye: x}}\n"},
         "/things.yaml: spec.versions[0]: schema: properties: a: tpye: is not a keyword of schemas that "
         "podtree knows"},
        {{.kind = HEAD "        properties: {a: {x-podtree-ref: Nothing}}\n"},
         "/things.yaml: spec.versions[0]: schema: properties: a: there is no definition Nothing"},
        {{.kind = HEAD "        properties: {a: {type: object, x-podtree-rules: [nothing]}}\n"},
         "/things.yaml: spec.versions[0]: schema: properties: a: x-podtree-rules: there is no rule "
         "nothing"},
        {{.kind = HEAD "        required: [b]\n        properties: {a: {type: string}}\n"},
         "/things.yaml: spec.versions[0]: schema: required: b is no property"},
        {{.kind = HEAD "        properties: {a: {type: string, pattern: \"[\"}}\n"}, NULL},
        {{.kind = HEAD
          "        properties: {a: {type: array, x-kubernetes-list-type: map, items: {type: object}}}\n"},
         "/things.yaml: spec.versions[0]: schema: properties: a: a list of type map needs "
         "x-kubernetes-list-map-keys"},
        {{.kind = HEAD "    additionalPrinterColumns: [{name: A, type: string, jsonPath: \".a[\"}]\n"},
         "/things.yaml: spec.versions[0]: additionalPrinterColumns[0]: jsonPath is not understood"},
        {{.kind = HEAD_OF("core")}, "/things.yaml: spec: group: \"core\" stands for no group"},
        {{.types = TYPES ", \"Other\": {}}"}, ": Other: a schema needs a type"},
        {{.rules = "Loop: {type: object, properties: {a: {x-podtree-ref: Loop, nullable: true}}}\n"},
         ": Loop: properties: a: Loop refers to itself, and says more"},
        {{.rules = "Loop: {type: object, properties: {a: {x-podtree-ref: Loop}, b: {type: string, default: "
                   "c}}}\n"},
         ": Loop: what refers to itself can have no defaults, secrets or fields that can't be changed"},
        {{.rules = "Thing: {required: [a]}\n"}, "/rules/meta-v1.yaml: Thing: there is no such type"},
        {{.types = TYPES ", \"meta/v1.Thing\": " TYPE "}", .rules = "Thing: {properties: {b: {}}}\n"},
         "/rules/meta-v1.yaml: Thing: b: there is no such field"},
        {{.types = TYPES ", \"meta/v1.Thing\": " TYPE "}",
          .rules = "Thing: {properties: {a: {minLength: x}}}\n"},
         ": meta/v1.Thing: properties: a: minLength: must be a whole number, not negative"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *sentence = load_error(&rows[i].files);
        assert_non_null(sentence);
        if (rows[i].sentence != NULL)
            assert_string_equal(sentence, rows[i].sentence);
    }
    assert_null(load_error(&(struct files){0}));
}

static void a_missing_directory_is_an_error(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    struct kinds *made = NULL;
    assert_int_equal(kinds_load("/nowhere/at/all", &made, &err), -ENOENT);
    assert_null(made);
}

/* ---- kinds that come and go ---- */

#define DEFINITION(plural, kind, more)                                                                   \
    "kind: CustomResourceDefinition\nspec:\n  group: x.io\n  scope: Namespaced\n"                        \
    "  names: {kind: " kind ", plural: " plural ", singular: " plural "1" more "}\n"                     \
    "  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, " \
    "properties: {a: {type: string}}}}}\n"                                                               \
    "  - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}\n"     \
    "  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}\n"

static struct kind_reading *must_define(const char *definition)
{
    autodoc struct doc *doc = must_yaml(definition);
    autoerror struct error *err = NULL;
    struct kind_reading *reading = kind_reading_new(kinds, doc_root(doc), &err);
    if (reading == NULL)
        fail_msg("%s", error_message(err));
    return reading;
}

static void a_kind_that_is_defined_is_found_like_others(void **state)
{
    (void)state;
    size_t count = kinds_count(kinds);
    bool is_new;
    const struct kind *kind = kinds_put(kinds, must_define(DEFINITION("tabs", "Tab", "")), &is_new);
    assert_true(is_new && kind->custom && kind_form(kind)->generations);
    assert_int_equal(kinds_count(kinds), count + 1);
    assert_ptr_equal(kinds_by_directory(kinds, STR("tabs")), kind);
    assert_ptr_equal(kinds_by_directory(kinds, STR("tabs.x.io")), kind);
    assert_int_equal(kind_form(kind)->version_count, 2);
    assert_str(kind_form(kind)->api_version, "x.io/v1");
    assert_non_null(schema_property(kind_form(kind)->schema, STR("metadata")));
    autodoc struct doc *older = must_yaml("{apiVersion: x.io/v1beta1, kind: Tab}"),
                       *oldest = must_yaml("{apiVersion: x.io/v1alpha1, kind: Tab}");
    assert_ptr_equal(kinds_by_manifest(kinds, doc_root(older), NULL), kind);
    assert_null(kinds_by_manifest(kinds, doc_root(oldest), NULL));
    kinds_remove(kinds, kind);
    assert_int_equal(kinds_count(kinds), count);
    assert_null(kinds_by_directory(kinds, STR("tabs")));
}

static void a_kind_that_comes_again_is_the_same_one_with_another_form(void **state)
{
    (void)state;
    const struct kind *kind = kinds_put(kinds, must_define(DEFINITION("tabs", "Tab", "")), NULL);
    const struct kind_form *before = kind_form(kind);
    bool is_new = true;
    assert_ptr_equal(kinds_put(kinds, must_define(DEFINITION("tabs", "Tab", ", shortNames: [t]")), &is_new),
                     kind);
    assert_false(is_new);
    assert_ptr_not_equal(kind_form(kind), before);
    assert_int_equal(kind_form(kind)->short_name_count, 1);
    assert_int_equal(before->short_name_count, 0); /* who has it keeps it */
    kinds_remove(kinds, kind);
    assert_ptr_equal(kinds_put(kinds, must_define(DEFINITION("tabs", "Tab", "")), &is_new), kind);
    assert_true(is_new);
    kinds_remove(kinds, kind);
    const struct kind *other = kinds_put(kinds, must_define(DEFINITION("tabs", "Other", "")), NULL);
    assert_ptr_not_equal(other, kind);
    assert_true(other->index != kind->index && other->index < kinds_numbers(kinds));
    kinds_remove(kinds, other);
}

static void a_bare_plural_that_is_taken_leads_to_the_first(void **state)
{
    (void)state;
    const struct kind *kind = kinds_put(kinds, must_define(DEFINITION("pods", "Pod", "")), NULL);
    assert_str(kind->directory, "pods.x.io");
    assert_ptr_not_equal(kinds_by_directory(kinds, STR("pods")), kind);
    assert_ptr_equal(kinds_by_directory(kinds, STR("pods.x.io")), kind);
    kinds_remove(kinds, kind);
}

static void names_belong_to_one_kind_of_a_group(void **state)
{
    (void)state;
    static const struct {
        const char *definition, *sentence;
    } rows[] = {
        {DEFINITION("tabs", "Tab", ", shortNames: [t]"), NULL},
        {DEFINITION("others", "Tab", ""), "spec.names.kind: \"Tab\" is a name of tabs.x.io"},
        {DEFINITION("others", "Other", ", shortNames: [t]"),
         "spec.names.shortNames: \"t\" is a name of tabs.x.io"},
        {DEFINITION("others", "Other", ", shortNames: [tabs1]"),
         "spec.names.shortNames: \"tabs1\" is a name of tabs.x.io"},
        {DEFINITION("others", "Other", ""), NULL},
    };
    const struct kind *kind = kinds_put(kinds, must_define(rows[0].definition), NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        struct kind_reading *reading = must_define(rows[i].definition);
        assert_int_equal(kinds_check_names(kinds, kind_reading_kind(reading), &err),
                         rows[i].sentence != NULL ? -EEXIST : 0);
        if (rows[i].sentence != NULL)
            assert_string_equal(error_message(err), rows[i].sentence);
        kind_reading_free(reading);
    }
    kinds_remove(kinds, kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_kinds_are_found_by_directory),
        cmocka_unit_test(a_kind_says_what_its_file_says),
        cmocka_unit_test(shared_definitions_exist_once),
        cmocka_unit_test(an_unknown_kind_is_told_with_what_comes_near),
        cmocka_unit_test(a_wrong_file_is_told_with_its_place),
        cmocka_unit_test(a_missing_directory_is_an_error),
        cmocka_unit_test(a_kind_that_is_defined_is_found_like_others),
        cmocka_unit_test(a_kind_that_comes_again_is_the_same_one_with_another_form),
        cmocka_unit_test(a_bare_plural_that_is_taken_leads_to_the_first),
        cmocka_unit_test(names_belong_to_one_kind_of_a_group),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
