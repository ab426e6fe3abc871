#include "tests/unit/reconcilers/passes.h"

#include "lib/clock.h"
#include "lib/pass_private.h"
#include "lib/yaml.h"

static struct doc **parse_all(const char *yaml, int *count)
{
    struct doc **docs = NULL;
    autoerror struct error *err = NULL;
    *count = yaml_parse_all(str_of(yaml), &docs, NULL, &err);
    if (*count < 0)
        fail_msg("%s\n%s", error_message(err), yaml);
    return docs;
}

static void set_unless_there(struct value metadata, const char *key, struct str text)
{
    if (!value_exists(value_get(metadata, str_of(key))))
        value_set_str(metadata, str_of(key), text);
}

static bool has_namespace(struct value object)
{
    static const char *const without[] = {"Node", "Namespace", "CustomResourceDefinition"};
    for (size_t i = 0; i < COUNT(without); i++)
        if (value_is(value_get(object, STR("kind")), without[i]))
            return false;
    return true;
}

static void complete(struct value object, int place)
{
    struct value metadata = value_ensure_object(object, STR("metadata"));
    autobuf struct buf uid = {0}, version = {0};
    buf_addf(&uid, "uid-" STR_FORMAT, STR_ARGS(value_str(value_get(metadata, STR("name")))));
    buf_addf(&version, "%d", place);
    if (has_namespace(object))
        set_unless_there(metadata, "namespace", STR("default"));
    set_unless_there(metadata, "uid", buf_str(&uid));
    set_unless_there(metadata, "resourceVersion", buf_str(&version));
}

static void take_line(struct cache *cache, const struct view *view, struct str line)
{
    autoerror struct error *err = NULL;
    if (cache_take_line(cache, view, line, &err) < 0)
        fail_msg("%s", error_message(err));
}

static bool is_kind(const struct view *view, struct value object)
{
    struct value kind = value_get(object, STR("kind"));
    if (view->kind != NULL)
        return value_is(kind, view->kind);
    /* The view of any kind: by the resource's name, which begins like the kind's. */
    struct str name = value_str(kind);
    return name.length != 0 && name.length <= strlen(view->resource) &&
           strncasecmp(view->resource, name.at, name.length) == 0;
}

static struct cache *make_cache(const struct given *given)
{
    struct cache *cache = cache_new();
    for (const struct watch *watch = given->controller->watches; watch->view != NULL; watch++)
        cache_add_view(cache, watch->view);
    for (size_t i = 0; given->controller->indexes != NULL && given->controller->indexes[i] != NULL; i++)
        cache_add_index(cache, given->controller->indexes[i]);
    int count;
    struct doc **docs = parse_all(given->objects, &count);
    for (int i = 0; i < count; i++) {
        autobuf struct buf line = {0};
        complete(doc_root(docs[i]), i + 1);
        value_write(&line, doc_root(docs[i]));
        bool taken = false;
        for (const struct watch *watch = given->controller->watches; watch->view != NULL; watch++)
            if (is_kind(watch->view, doc_root(docs[i]))) {
                take_line(cache, watch->view, buf_str(&line));
                taken = true;
            }
        if (!taken)
            fail_msg("nobody watches %s", line.at);
    }
    yaml_free_all(docs, count);
    for (const struct watch *watch = given->controller->watches; watch->view != NULL; watch++)
        take_line(cache, watch->view, STR("{\"version\":\"1000\"}"));
    return cache;
}

/* Like value_equal, but "*" is equal to everything that is there. */
static bool matches(struct value expected, struct value is)
{
    if (value_is(expected, "*"))
        return value_exists(is);
    if (value_type(expected) != value_type(is))
        return false;
    bool object = value_type(expected) == VALUE_OBJECT;
    if (!object && value_type(expected) != VALUE_ARRAY)
        return value_equal(expected, is);
    if (value_count(expected) != value_count(is))
        return false;
    size_t i = 0;
    value_each (child, expected) {
        struct value other = object ? value_get(is, value_key(child)) : value_element(is, i++);
        if (!matches(child, other))
            return false;
    }
    return true;
}

static void compare(const struct plan *plan, const char *yaml)
{
    int count;
    struct doc **docs = parse_all(yaml, &count);
    for (size_t i = 0; i < plan->count || (int)i < count; i++) {
        autodoc struct doc *is = NULL;
        autobuf struct buf shown = {0};
        if (i < plan->count) {
            autofree char *line = str_dup(str_trim(request_text(plan, &plan->requests[i])));
            is = must_parse(line);
            yaml_write(&shown, doc_root(is));
        }
        if ((int)i >= count || !matches(doc_root(docs[i]), doc_root(is))) {
            autobuf struct buf wanted = {0};
            if ((int)i < count)
                yaml_write(&wanted, doc_root(docs[i]));
            fail_msg("request %zu should be\n%s\nand is\n%s", i + 1, wanted.at != NULL ? wanted.at : "(none)",
                     shown.at != NULL ? shown.at : "(none)");
        }
    }
    yaml_free_all(docs, count);
}

int64_t expect_plan(const struct given *given, const char *plan)
{
    autocache struct cache *cache = make_cache(given);
    struct plan made = {0};
    int64_t memory = given->memory != NULL ? *given->memory : 0;
    struct pass pass = {.cache = cache,
                        .memory = &memory,
                        .failures = given->failures,
                        .failure = given->failure,
                        .plan = &made,
                        .again_ms = -1};
    assert_true(clock_parse(str_of(given->now != NULL ? given->now : "2026-01-01T00:00:00Z"), &pass.now_ms));
    struct key key = {given->namespace != NULL ? str_of(given->namespace) : STR("default"),
                      str_of(given->name)};
    autoerror struct error *err = NULL;
    assert_int_equal(given->controller->reconcile(&pass, key, &err), 0);
    compare(&made, plan);
    if (given->memory != NULL)
        *given->memory = memory;
    plan_free(&made);
    return pass.need_count != 0 ? 0 : pass.again_ms;
}
