/* Rules of CustomResourceDefinitions: what has to hold before what they define can be a kind. */
#include "fsd/formats.h"
#include "fsd/rules.h"
#include "fsd/structural.h"

static bool is_empty(struct value v)
{
    return value_str(v).length == 0;
}

static void say_given(struct check *check, const struct step *at, const char *wanted, struct value v)
{
    autobuf struct buf given = {0};
    check_quote(&given, v);
    check_say(check, at, "must be %s, not %s", wanted, given.at);
}

/* ---- the object ---- */

#define APPROVED "api-approved.kubernetes.io"

static void check_name(struct check *check, struct value object)
{
    const struct step metadata = STEP_MEMBER(NULL, STR("metadata")),
                      step = STEP_MEMBER(&metadata, STR("name"));
    struct value plural = value_at(object, "spec", "names", "plural"),
                 group = value_at(object, "spec", "group");
    struct value name = value_at(object, "metadata", "name");
    autobuf struct buf wanted = {0};
    buf_addf(&wanted, STR_FORMAT "." STR_FORMAT, STR_ARGS(value_str(plural)), STR_ARGS(value_str(group)));
    if (!is_empty(name) && !is_empty(plural) && !is_empty(group) &&
        !str_equal(buf_str(&wanted), value_str(name)))
        check_say(check, &step, "must be spec.names.plural and spec.group with a dot between them: %s",
                  wanted.at);
}

static bool is_url(struct str text)
{
    const char *colon = text.length != 0 ? memmem(text.at, text.length, "://", 3) : NULL;
    struct str host = colon != NULL ? str_cut(text, (size_t)(colon - text.at) + 3, text.length) : STR_NONE;
    return host.length != 0 && host.at[0] != '/' && format_find_published(STR("uri"))->check(text);
}

/* Groups of the community's say who has approved them, or that nobody has. */
static void check_approval(struct check *check, struct value object)
{
    struct str group = value_str(value_at(object, "spec", "group"));
    struct str annotation = value_str(value_at(object, "metadata", "annotations", APPROVED));
    const struct step metadata = STEP_MEMBER(NULL, STR("metadata")),
                      annotations = STEP_MEMBER(&metadata, STR("annotations")),
                      step = STEP_KEY(&annotations, STR(APPROVED));
    bool is_protected = str_is(group, "k8s.io") || str_ends(group, STR(".k8s.io")) ||
                        str_is(group, "kubernetes.io") || str_ends(group, STR(".kubernetes.io"));
    if (is_protected && annotation.length == 0)
        check_lacks(check, &step, "is required in the group " STR_FORMAT, STR_ARGS(group));
    else if (is_protected && !str_starts(annotation, STR("unapproved")) && !is_url(annotation))
        check_say(check, &step, "must be a URL, or a reason that begins with \"unapproved\"");
}

/* In each of them there may still be objects. */
static void check_stored(struct check *check, struct value object)
{
    const struct step status = STEP_MEMBER(NULL, STR("status")),
                      list = STEP_MEMBER(&status, STR("storedVersions"));
    size_t index = 0;
    value_each (stored, value_at(object, "status", "storedVersions")) {
        struct step step = STEP_ELEMENT(&list, index++);
        bool found = false;
        value_each (version, value_at(object, "spec", "versions"))
            found |= value_equal(value_at(version, "name"), stored);
        if (!found)
            check_say(check, &step, "there may be objects in " STR_FORMAT ": it must remain in spec.versions",
                      STR_ARGS(value_str(stored)));
    }
}

static void definition(struct check *check, const struct step *at, struct value object)
{
    (void)at;
    check_name(check, object);
    check_approval(check, object);
    check_stored(check, object);
}

static bool is_established(struct value object)
{
    value_each (condition, value_at(object, "status", "conditions"))
        if (value_is(value_at(condition, "type"), "Established"))
            return value_is(value_at(condition, "status"), "True");
    return false;
}

static void definition_update(struct check *check, const struct step *at, struct value before,
                              struct value after)
{
    static const struct {
        const char *path[3];
        bool established; /* only from then on */
    } rows[] = {
        {{"group"}, false}, {{"names", "plural"}, false}, {{"scope"}, true}, {{"names", "kind"}, true}};
    const struct step spec = STEP_MEMBER(at, STR("spec"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value old = value_walk(value_at(before, "spec"), rows[i].path);
        struct value new = value_walk(value_at(after, "spec"), rows[i].path);
        const struct step outer = STEP_MEMBER(&spec, str_of(rows[i].path[0]));
        const struct step inner = STEP_MEMBER(&outer, str_of(rows[i].path[1]));
        if (!value_equal(old, new) && (!rows[i].established || is_established(before)))
            check_say(check, rows[i].path[1] != NULL ? &inner : &outer,
                      "can't be changed, it is \"" STR_FORMAT "\"", STR_ARGS(value_str(old)));
    }
}

/* ---- spec ---- */

static void check_versions(struct check *check, const struct step *at, struct value versions)
{
    size_t stored = 0;
    bool unique = true;
    value_each (version, versions) {
        stored += value_true(value_at(version, "storage"));
        for (struct value other = value_first(versions); other.at != version.at; other = value_next(other))
            unique &= !value_equal(value_at(other, "name"), value_at(version, "name"));
    }
    if (!unique)
        check_say(check, at, "must have names that differ");
    if (stored != 1)
        check_say(check, at, "must have exactly one with storage: true, not %zu", stored);
}

static void definition_spec(struct check *check, const struct step *at, struct value spec)
{
    struct value group = value_at(spec, "group");
    struct step versions = STEP_MEMBER(at, STR("versions"));
    struct step step = STEP_MEMBER(at, STR("group"));
    struct step preserve = STEP_MEMBER(at, STR("preserveUnknownFields"));
    if (!is_empty(group) && memchr(value_str(group).at, '.', value_str(group).length) == NULL)
        say_given(check, &step, "a domain with at least one dot", group);
    if (value_true(value_at(spec, "preserveUnknownFields")))
        check_say(check, &preserve,
                  "can't be true: x-kubernetes-preserve-unknown-fields in the schema says where they stay");
    if (value_count(value_at(spec, "versions")) != 0)
        check_versions(check, &versions, value_at(spec, "versions"));
}

static void definition_names(struct check *check, const struct step *at, struct value names)
{
    struct value kind = value_at(names, "kind");
    struct step step = STEP_MEMBER(at, STR("listKind"));
    if (!is_empty(kind) && value_equal(kind, value_at(names, "listKind")))
        check_say(check, &step, "must differ from kind");
}

/* ---- versions ---- */

static void definition_version(struct check *check, const struct step *at, struct value version)
{
    struct value schema = value_at(version, "schema", "openAPIV3Schema");
    struct value warning = value_at(version, "deprecationWarning");
    struct step outer = STEP_MEMBER(at, STR("schema")), step = STEP_MEMBER(&outer, STR("openAPIV3Schema"));
    struct step deprecation = STEP_MEMBER(at, STR("deprecationWarning"));
    bool has_status = value_exists(value_at(version, "subresources", "status"));
    if (value_exists(warning) && !value_true(value_at(version, "deprecated")))
        check_say(check, &deprecation, "can only be there for a version that is deprecated");
    if (value_exists(schema))
        structural_check(check, &step, schema, has_status);
}

/* .spec.color, and the like: what it leads to in the schema. */
static struct value find_field(struct value schema, struct str path)
{
    struct str name;
    if (path.length == 0 || path.at[0] != '.')
        return VALUE_ABSENT;
    path = str_cut(path, 1, path.length);
    while (value_exists(schema) && str_split(&path, '.', &name))
        schema = value_get(value_at(schema, "properties"), name);
    return schema;
}

#define SELECTABLE_AT_MOST 8

static void selectable_fields(struct check *check, const struct step *at, struct value version)
{
    static const char *const types[] = {"string", "boolean", "integer"};
    struct value schema = value_at(version, "schema", "openAPIV3Schema");
    struct value fields = value_at(version, "selectableFields");
    struct step list = STEP_MEMBER(at, STR("selectableFields"));
    size_t index = 0;
    if (value_count(fields) > SELECTABLE_AT_MOST)
        check_say(check, &list, "must have at most %d elements, not %zu", SELECTABLE_AT_MOST,
                  value_count(fields));
    value_each (field, fields) {
        struct step element = STEP_ELEMENT(&list, index++);
        struct step step = STEP_MEMBER(&element, STR("jsonPath"));
        struct value path = value_at(field, "jsonPath");
        struct value type = value_at(find_field(schema, value_str(path)), "type");
        bool fits = false;
        for (size_t i = 0; i < COUNT(types); i++)
            fits |= value_is(type, types[i]);
        if (!fits || str_starts(value_str(path), STR(".metadata.")))
            say_given(check, &step, "the path of a string, boolean or integer outside of metadata", path);
        for (struct value other = value_first(fields); other.at != field.at; other = value_next(other))
            if (value_equal(value_at(other, "jsonPath"), path))
                say_given(check, &step, "there once", path);
    }
}

/* ---- conversion ---- */

static bool is_webhook_url(struct str url)
{
    return str_starts(url, STR("https://")) && is_url(url) && memchr(url.at, '#', url.length) == NULL &&
           memchr(url.at, '?', url.length) == NULL && memchr(url.at, '@', url.length) == NULL;
}

static void check_client(struct check *check, const struct step *at, struct value client)
{
    static const char *const names[] = {"url", "service", NULL};
    struct value url = value_at(client, "url");
    struct step step = STEP_MEMBER(at, STR("clientConfig")), url_step = STEP_MEMBER(&step, STR("url"));
    rule_one_of(check, &step, client, names, true);
    if (value_exists(url) && !is_webhook_url(value_str(url)))
        say_given(check, &url_step, "a URL that begins with https://, without user, query or fragment", url);
}

static void check_reviews(struct check *check, const struct step *at, struct value versions)
{
    struct step list = STEP_MEMBER(at, STR("conversionReviewVersions"));
    bool known = false;
    value_each (version, versions)
        known |= value_is(version, "v1") || value_is(version, "v1beta1");
    if (value_count(versions) == 0)
        check_lacks(check, &list, "is required");
    else if (!known)
        check_say(check, &list, "must have at least one of v1, v1beta1");
}

static void conversion(struct check *check, const struct step *at, struct value v)
{
    bool calls = value_is(value_at(v, "strategy"), "Webhook");
    struct value webhook = value_at(v, "webhook");
    struct step step = STEP_MEMBER(at, STR("webhook"));
    if (!calls && value_exists(webhook))
        check_say(check, &step, "must not be there when strategy is not Webhook");
    if (calls && !value_exists(webhook))
        check_lacks(check, &step, "is required when strategy is Webhook");
    if (!calls || !value_exists(webhook))
        return;
    check_client(check, &step, value_at(webhook, "clientConfig"));
    check_reviews(check, &step, value_at(webhook, "conversionReviewVersions"));
}

const struct rule rules_of_custom[] = {
    {"definition", definition, definition_update},
    {"definitionSpec", definition_spec, NULL},
    {"definitionNames", definition_names, NULL},
    {"definitionVersion", definition_version, NULL},
    {"selectableFields", selectable_fields, NULL},
    {"conversion", conversion, NULL},
    {NULL, NULL, NULL},
};
