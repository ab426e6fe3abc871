/* What kinds say of themselves: their schemas, the sentences about their fields, and their templates. */
#include "fsd/describe.h"

#include "fsd/edit.h"
#include "fsd/template.h"
#include "fsd/validate.h"
#include "lib/file.h"
#include "tests/unit/fsd/kinds.h"

static struct doc *sentences;

static char *in_source(const char *path)
{
    const char *source = getenv("srcdir");
    return path_format("%s/fsd/kinds%s", source != NULL ? source : ".", path);
}

static int load(void **state)
{
    struct error *error = NULL;
    autofree char *directory = in_source("");
    load_kinds(state);
    sentences = sentences_read(directory, &error);
    if (sentences == NULL)
        fail_msg("%s", error_message(error));
    return 0;
}

static int unload(void **state)
{
    doc_free(sentences);
    return free_kinds(state);
}

static struct doc *schema_of(const struct kind *kind, const struct kind_version *version,
                             struct doc *definition)
{
    struct doc *schema = doc_new();
    describe_version(kind, version, doc_root(sentences), doc_root(definition), doc_root(schema));
    return schema;
}

/* ---- sentences ---- */

static void look_for_fields(struct value types, struct str package, size_t *found)
{
    value_each (said, doc_root(sentences)) {
        struct value type = value_get(types, value_key(said));
        struct str name = value_key(said);
        if (!str_starts(name, package) || name.at[package.length] != '.')
            continue;
        if (!value_exists(type))
            fail_msg(STR_FORMAT ": there is no such type", STR_ARGS(name));
        value_each (sentence, said) {
            if (!str_is(value_key(sentence), ".") &&
                !value_exists(value_get(value_at(type, "properties"), value_key(sentence))))
                fail_msg(STR_FORMAT " has no field " STR_FORMAT, STR_ARGS(name),
                         STR_ARGS(value_key(sentence)));
            ++*found;
        }
    }
}

static void sentences_are_about_fields_that_there_are(void **state)
{
    (void)state;
    autofree char *folder = in_source("/types");
    autobuf struct buf names = {0};
    size_t found = 0;
    assert_int_equal(directory_names(folder, &names, NULL), 0);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s", folder, name), *package = str_dup(str_of(name));
        autodoc struct doc *types = doc_read(path, NULL);
        if (types == NULL)
            continue;
        *strrchr(package, '.') = '\0';
        *strrchr(package, '-') = '/';
        look_for_fields(doc_root(types), str_of(package), &found);
    }
    assert_true(found > 1000);
}

/* Also where one field is a list of lists, or where the type says it all. */
static void fields_have_sentences(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("deployments");
    autodoc struct doc *schema = schema_of(kind, &kind_form(kind)->versions[0], NULL);
    struct value spec = value_at(doc_root(schema), "properties", "spec");
    static const struct {
        const char *path[10], *sentence;
    } rows[] = {
        {{"replicas"}, "How many pods there are to be."},
        {{"template", "properties", "spec", "properties", "containers", "items", "properties", "image"},
         "What it is run from, as registry/repository:tag or with a digest."},
        {{"template", "properties", "spec", "properties", "volumes", "items", "properties", "configMap"},
         "The keys of a ConfigMap, a file each."},
        {{"selector", "properties", "matchLabels"}, "Labels that they have, with just these values."},
        {{"template", "properties", "metadata", "properties", "labels"},
         "Words by which selectors find what is made from the template."},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value field = value_walk(value_at(spec, "properties"), rows[i].path);
        assert_true(value_is(value_at(field, "description"), rows[i].sentence));
    }
    assert_true(value_is(value_at(doc_root(schema), "properties", "kind", "description"),
                         "What it is an object of."));
}

static void a_users_sentences_are_kept(void **state)
{
    (void)state;
    autodoc struct doc *definition =
        must_yaml("apiVersion: apiextensions.k8s.io/v1\n"
                  "kind: CustomResourceDefinition\n"
                  "metadata: {name: crontabs.stable.example.com}\n"
                  "spec:\n"
                  "  group: stable.example.com\n"
                  "  scope: Namespaced\n"
                  "  names: {kind: CronTab, plural: crontabs, singular: crontab}\n"
                  "  versions:\n"
                  "  - name: v1\n"
                  "    served: true\n"
                  "    storage: true\n"
                  "    schema:\n"
                  "      openAPIV3Schema:\n"
                  "        type: object\n"
                  "        description: Says when.\n"
                  "        properties:\n"
                  "          spec:\n"
                  "            type: object\n"
                  "            x-kubernetes-validations: [{rule: self.a > 1}]\n"
                  "            properties: {a: {type: integer, description: A number.}}\n");
    autoerror struct error *error = NULL;
    struct kind_reading *reading = kind_reading_new(kinds, doc_root(definition), &error);
    if (reading == NULL)
        fail_msg("%s", error_message(error));
    const struct kind *kind = kind_reading_kind(reading);
    autodoc struct doc *schema = schema_of(kind, &kind_form(kind)->versions[0], definition);
    struct value spec = value_at(doc_root(schema), "properties", "spec");
    assert_true(value_is(value_at(doc_root(schema), "description"), "Says when."));
    assert_int_equal(value_count(value_at(spec, "x-kubernetes-validations")), 1);
    assert_true(value_is(value_at(spec, "properties", "a", "description"), "A number."));
    assert_true(value_is(value_at(doc_root(schema), "properties", "metadata", "description"),
                         "Its name, and what else every object has."));
    assert_true(value_exists(
        value_at(doc_root(schema), "properties", "metadata", "properties", "labels", "description")));
    kind_reading_free(reading);
}

/* ---- templates ---- */

static struct doc *fill_in(struct str text)
{
    autobuf struct buf filled = {0};
    for (size_t i = 0; i < text.length; i++)
        if (str_starts(str_cut(text, i, SIZE_MAX), STR(TEMPLATE_NAME))) {
            buf_add_text(&filled, "demo");
            i += strlen(TEMPLATE_NAME) - 1;
        } else {
            buf_add_char(&filled, text.at[i]);
        }
    return must_yaml(filled.at);
}

static void try_template(const struct kind *kind, const struct kind_version *version, bool filled_in)
{
    autodoc struct doc *schema = schema_of(kind, version, NULL);
    autobuf struct buf text = {0};
    template_write(kind, version, doc_root(schema), &text);
    autodoc struct doc *manifest = filled_in ? fill_in(buf_str(&text)) : must_yaml(text.at);
    struct str name = value_str(value_at(doc_root(manifest), "metadata", "name"));
    struct edit_base base = {.kind = kind,
                             .namespace = kind->namespaced ? STR("default") : STR(""),
                             .name = name,
                             .new_uid = STR("00000000-0000-0000-0000-000000000000")};
    struct edit edit = {.type = EDIT_CREATE, .document = doc_root(manifest)};
    autoresult struct edit_result result = {0};
    autoerror struct error *error = NULL;
    int status = object_check_name(kind, name, &error);
    if (status == 0)
        status = edit_compute(&base, &edit, 0, &result, &error);
    if (filled_in && status < 0)
        fail_msg(STR_FORMAT ": %s\n%s", STR_ARGS(version->api_version), error_message(error), text.at);
    if (!filled_in && status == 0)
        fail_msg(STR_FORMAT "/" STR_FORMAT " is taken without a name", STR_ARGS(version->api_version),
                 STR_ARGS(kind->name));
}

/* Names of some kinds may be written in capitals. */
static void every_template_is_valid_once_it_has_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        const struct kind_form *form = kind_form(kind);
        for (size_t j = 0; j < form->version_count; j++)
            try_template(kind, &form->versions[j], true);
        if (!str_is(kind->group, "rbac.authorization.k8s.io"))
            try_template(kind, &form->versions[0], false);
    }
}

static void what_people_want_beside_stands_in_comments(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("services");
    autodoc struct doc *schema = schema_of(kind, &kind_form(kind)->versions[0], NULL);
    autobuf struct buf text = {0};
    template_write(kind, &kind_form(kind)->versions[0], doc_root(schema), &text);
    assert_non_null(strstr(text.at, "\nspec:\n  ports:\n  - port: 80\n    # name: http"));
    assert_non_null(
        strstr(text.at, "\n  # clusterIP: None  # Its address in the cluster; None makes it only a name"));
    assert_non_null(strstr(text.at, "\nmetadata:\n  name: NAME\n  # labels: {app: NAME}  # "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_are_about_fields_that_there_are),
        cmocka_unit_test(fields_have_sentences),
        cmocka_unit_test(a_users_sentences_are_kept),
        cmocka_unit_test(every_template_is_valid_once_it_has_a_name),
        cmocka_unit_test(what_people_want_beside_stands_in_comments),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
