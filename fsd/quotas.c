#include "fsd/quotas.h"

#include "fsd/documents.h"
#include "fsd/txn.h"
#include "fsd/usage.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/quantity.h"
#include <errno.h>

struct line {
    struct str resource; /* inside the spec */
    struct str text;     /* of the limit */
    __int128 hard, used;
};

struct quota {
    const char *namespace; /* interned */
    char *name;
    struct doc *spec;
    struct line *lines;
    size_t line_count;
    /* Objects of kinds up to this index, and of that one those up to this name, have been counted: whatever
     * changes of them is added. NULL: none yet. */
    size_t kind_index;
    char *upto;
    bool counted; /* all */
    bool settled; /* … and the status says what is used */
    struct quota *next_unsettled;
};

struct quotas {
    struct quota **quotas; /* by namespace and name */
    size_t count, capacity;
    struct quota *unsettled; /* what is to be counted, or shown */
};

static void forget(struct quota *quota)
{
    free(quota->name);
    free(quota->lines);
    free(quota->upto);
    doc_free(quota->spec);
    free(quota);
}

struct quotas *quotas_new(void)
{
    return memory_zeroed(1, sizeof(struct quotas));
}

void quotas_free(struct quotas *quotas)
{
    if (quotas == NULL)
        return;
    for (size_t i = 0; i < quotas->count; i++)
        forget(quotas->quotas[i]);
    free(quotas->quotas);
    free(quotas);
}

/* ---- finding ---- */

static int compare(const struct quota *quota, struct str namespace, struct str name)
{
    int order = str_compare(str_of(quota->namespace), namespace);
    return order != 0 ? order : str_compare(str_of(quota->name), name);
}

static size_t place_of(const struct quotas *quotas, struct str namespace, struct str name)
{
    return sorted_place(quotas->count, i, compare(quotas->quotas[i], namespace, name) >= 0);
}

static struct quota *at(const struct quotas *quotas, size_t place, struct str namespace)
{
    return place < quotas->count && str_is(namespace, quotas->quotas[place]->namespace)
               ? quotas->quotas[place]
               : NULL;
}

/* The quotas of a namespace, one after the other. */
#define quotas_each(quota, quotas, namespace)                                                             \
    for (size_t place_ = place_of((quotas), (namespace), STR("")); place_ != SIZE_MAX; place_ = SIZE_MAX) \
        for (struct quota * quota; (quota = at((quotas), place_, (namespace))) != NULL; place_++)

/* ---- what an object uses ---- */

/* What it says, where that matters. Valid for a short while. */
static struct value document_for(struct fsd *fsd, const struct kind *kind, const struct version *version)
{
    return version_is_live(version) && usage_is_said(kind)
               ? document_of(fsd->documents, (struct version *)version)
               : VALUE_ABSENT;
}

static __int128 usage_in(const struct quota *quota, const struct line *line, const struct kind *kind,
                         const struct version *version, struct value document)
{
    if (!version_is_live(version) || !usage_is_in_scope(kind, document, doc_root(quota->spec)))
        return 0;
    return usage_of(kind, document, line->resource);
}

static void unsettle(struct quotas *quotas, struct quota *quota)
{
    if (!quota->settled)
        return;
    quota->settled = false;
    quota->next_unsettled = quotas->unsettled;
    quotas->unsettled = quota;
}

/* ---- following objects ---- */

static bool is_followed(const struct quota *quota, const struct object *object)
{
    if (quota->counted || object->kind->index < quota->kind_index)
        return true;
    return object->kind->index == quota->kind_index && quota->upto != NULL &&
           strcmp(object->name, quota->upto) <= 0;
}

static void follow(struct fsd *fsd, const struct object *object, const struct version *before,
                   const struct version *after)
{
    struct str namespace = str_of(object->namespace);
    struct value was = VALUE_ABSENT, is = VALUE_ABSENT;
    if (at(fsd->quotas, place_of(fsd->quotas, namespace, STR("")), namespace) == NULL)
        return;
    was = document_for(fsd, object->kind, before);
    is = document_for(fsd, object->kind, after);
    quotas_each(quota, fsd->quotas, namespace) for (size_t i = 0;
                                                    i < quota->line_count && is_followed(quota, object); i++)
    {
        struct line *line = &quota->lines[i];
        __int128 more =
            usage_in(quota, line, object->kind, after, is) - usage_in(quota, line, object->kind, before, was);
        line->used += more;
        if (more != 0)
            unsettle(fsd->quotas, quota);
    }
}

/* ---- quotas that come, change and go ---- */

static void read_lines(struct quota *quota)
{
    struct value hard = value_at(doc_root(quota->spec), "hard");
    quota->lines = memory_zeroed(value_count(hard) + 1, sizeof(*quota->lines));
    value_each (limit, hard) {
        struct line *line = &quota->lines[quota->line_count];
        *line = (struct line){.resource = value_key(limit), .text = value_str(limit)};
        quota->line_count += quantity_nano(line->text, &line->hard);
    }
}

static struct quota *quota_new(const struct object *object, struct value spec)
{
    struct quota *quota = memory_zeroed(1, sizeof(*quota));
    quota->namespace = object->namespace;
    quota->name = strdup(object->name);
    quota->spec = value_type(spec) == VALUE_OBJECT ? doc_copy(spec) : doc_new();
    read_lines(quota);
    return quota;
}

static void take_out(struct quotas *quotas, size_t place)
{
    struct quota **link = &quotas->unsettled;
    while (*link != NULL && *link != quotas->quotas[place])
        link = &(*link)->next_unsettled;
    if (*link != NULL)
        *link = (*link)->next_unsettled;
    forget(quotas->quotas[place]);
    quotas->count--;
    memmove(quotas->quotas + place, quotas->quotas + place + 1,
            (quotas->count - place) * sizeof(*quotas->quotas));
}

static void put_in(struct quotas *quotas, size_t place, struct quota *quota)
{
    array_grow(quotas->quotas, quotas->count, quotas->capacity);
    memmove(quotas->quotas + place + 1, quotas->quotas + place,
            (quotas->count - place) * sizeof(*quotas->quotas));
    quotas->quotas[place] = quota;
    quotas->count++;
    quota->settled = true;
    unsettle(quotas, quota);
}

static void define(struct quotas *quotas, const struct object *object, const struct version *after)
{
    struct str namespace = str_of(object->namespace), name = str_of(object->name);
    size_t place = place_of(quotas, namespace, name);
    struct quota *known = at(quotas, place, namespace);
    bool is_known = known != NULL && str_is(name, known->name);
    autodoc struct doc *document = version_is_live(after) ? doc_parse(version_text(after), NULL) : NULL;
    struct value spec = value_at(doc_root(document), "spec");
    if (is_known && document != NULL && value_equal(spec, doc_root(known->spec)))
        return;
    if (is_known)
        take_out(quotas, place);
    if (document != NULL)
        put_in(quotas, place, quota_new(object, spec));
}

void quotas_note(struct fsd *fsd, const struct object *object, const struct version *before,
                 const struct version *after)
{
    if (fsd->quotas->count != 0)
        follow(fsd, object, before, after);
    if (kind_is(object->kind, "", "ResourceQuota"))
        define(fsd->quotas, object, after);
}

/* ---- counting ---- */

/* The kind with the lowest index from this one on; NULL: there is none. */
static const struct kind *kind_from(const struct kinds *kinds, size_t index)
{
    const struct kind *found = NULL;
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        if (kind->index >= index && (found == NULL || kind->index < found->index))
            found = kind;
    }
    return found;
}

static bool counts_kind(const struct quota *quota, const struct kind *kind)
{
    if (!kind->namespaced)
        return false;
    bool counts = usage_is_said(kind);
    for (size_t i = 0; i < quota->line_count; i++)
        counts = counts || usage_of(kind, VALUE_ABSENT, quota->lines[i].resource) != 0;
    return counts;
}

static void count_object(struct quota *quota, const struct object *object)
{
    const struct version *version = object_newest_version(object);
    if (!version_is_live(version))
        return;
    autodoc struct doc *document =
        usage_is_said(object->kind) ? doc_parse(version_text(version), NULL) : NULL;
    for (size_t i = 0; i < quota->line_count; i++)
        quota->lines[i].used += usage_in(quota, &quota->lines[i], object->kind, version, doc_root(document));
}

/* False: there is more of it, and no time. */
static bool count_kind(struct fsd *fsd, struct quota *quota, const struct kind *kind, int64_t end_us)
{
    const struct collection *collection = objects_collection(fsd->objects, kind, str_of(quota->namespace));
    size_t place = 0;
    if (collection == NULL)
        return true;
    if (quota->upto != NULL) {
        place = collection_place(collection, str_of(quota->upto));
        place += place < collection->count && strcmp(collection->objects[place]->name, quota->upto) == 0;
    }
    for (; place < collection->count; place++) {
        const struct object *object = collection->objects[place];
        count_object(quota, object);
        free(quota->upto);
        quota->upto = strdup(object->name);
        if (clock_us() > end_us)
            return false;
    }
    return true;
}

static bool count(struct fsd *fsd, struct quota *quota, int64_t end_us)
{
    const struct kind *kind;
    while (!quota->counted && (kind = kind_from(fsd->kinds, quota->kind_index)) != NULL) {
        if (kind->index > quota->kind_index)
            free(take_pointer(quota->upto));
        quota->kind_index = kind->index;
        if (counts_kind(quota, kind) && !count_kind(fsd, quota, kind, end_us))
            return false;
        free(take_pointer(quota->upto));
        quota->kind_index++;
    }
    quota->counted = true;
    return true;
}

/* ---- checking ---- */

static void add_amount(struct buf *out, const struct line *line, __int128 amount)
{
    char text[QUANTITY_TEXT];
    quantity_format_nano(amount, line->text, text);
    buf_addf(out, "%s" STR_FORMAT "=%s", out->length != 0 ? "," : "", STR_ARGS(line->resource), text);
}

struct demand {
    const struct kind *kind;
    const struct version *before;
    struct value was, is;
    bool is_new;
};

static int check_lines(const struct quota *quota, const struct demand *demand, struct error **err)
{
    autobuf struct buf requested = {0}, used = {0}, limited = {0};
    for (size_t i = 0; i < quota->line_count; i++) {
        const struct line *line = &quota->lines[i];
        __int128 more = usage_of(demand->kind, demand->is, line->resource) -
                        usage_in(quota, line, demand->kind, demand->before, demand->was);
        if (more <= 0 || line->used + more <= line->hard)
            continue;
        add_amount(&requested, line, more);
        add_amount(&used, line, line->used);
        add_amount(&limited, line, line->hard);
    }
    if (requested.length == 0)
        return 0;
    return error_make(err, EDQUOT, "exceeded quota: %s, requested: %s, used: %s, limited: %s", quota->name,
                      requested.at, used.at, limited.at);
}

static int check_said(const struct quota *quota, const struct demand *demand, struct error **err)
{
    autobuf struct buf missing = {0};
    usage_missing(demand->kind, demand->is, value_at(doc_root(quota->spec), "hard"), &missing);
    return demand->is_new && missing.length != 0
               ? error_make(err, EINVAL, "failed quota: %s: must specify %s", quota->name, missing.at)
               : 0;
}

/* Of what comes from the worker the document may be with somebody else already. */
static struct doc *parse_result(const struct edit_result *result)
{
    autobuf struct buf text = {0};
    buf_add_str(&text, buf_str(&result->text));
    return doc_parse(buf_str(&text), NULL);
}

int quotas_check(struct fsd *fsd, const struct kind *kind, struct str namespace, const struct version *before,
                 const struct edit_result *result, struct error **err)
{
    if (fsd->quotas == NULL ||
        at(fsd->quotas, place_of(fsd->quotas, namespace, STR("")), namespace) == NULL || result->gone ||
        (result->flags & VERSION_DRAFT) != 0)
        return 0;
    autodoc struct doc *parsed =
        usage_is_said(kind) && result->document == NULL ? parse_result(result) : NULL;
    const struct demand demand = {.kind = kind,
                                  .before = before,
                                  .was = document_for(fsd, kind, before),
                                  .is = doc_root(parsed != NULL ? parsed : result->document),
                                  .is_new = !version_is_live(before)};
    quotas_each(quota, fsd->quotas, namespace)
    {
        if (!usage_is_in_scope(kind, demand.is, doc_root(quota->spec)))
            continue;
        (void)count(fsd, quota, INT64_MAX);
        int status = check_said(quota, &demand, err);
        if (status == 0)
            status = check_lines(quota, &demand, err);
        if (status < 0)
            return status;
    }
    return 0;
}

/* ---- showing ---- */

/* A merge patch: what isn't limited any more goes. */
static void write_amounts(const struct quota *quota, struct value patch, const char *member,
                          struct value status, bool used)
{
    struct value amounts = value_set_object(patch, str_of(member));
    value_each (old, value_get(status, str_of(member)))
        value_set_null(amounts, value_key(old));
    for (size_t i = 0; i < quota->line_count; i++) {
        char text[QUANTITY_TEXT];
        const struct line *line = &quota->lines[i];
        quantity_format_nano(used ? line->used : line->hard, line->text, text);
        value_set_str(amounts, line->resource, str_of(text));
    }
}

static void show(struct fsd *fsd, struct quota *quota)
{
    const struct kind *kind = kinds_by_directory(fsd->kinds, STR("resourcequotas"));
    const struct object *object =
        object_newest(fsd->objects, kind, str_of(quota->namespace), str_of(quota->name));
    const struct asker asker = {.identity = IDENTITY_FSD};
    autoerror struct error *err = NULL;
    autodoc struct doc *patch = doc_new();
    if (object == NULL)
        return;
    struct value status =
        value_at(document_of(fsd->documents, (struct version *)object_newest_version(object)), "status");
    write_amounts(quota, doc_root(patch), "hard", status, false);
    write_amounts(quota, doc_root(patch), "used", status, true);
    const struct change change = {.kind = kind,
                                  .namespace = str_of(quota->namespace),
                                  .name = str_of(quota->name),
                                  .edit = {.type = EDIT_STATUS, .document = doc_root(patch)},
                                  .must_exist = true};
    if (txn_change(fsd, &asker, &change, NULL, &err) < 0)
        log_error("cannot show what of quota %s in %s is used: %s", quota->name, quota->namespace,
                  error_message(err));
}

bool quotas_turn(struct fsd *fsd, int64_t end_us)
{
    struct quotas *quotas = fsd->quotas;
    while (quotas->unsettled != NULL && clock_us() < end_us) {
        struct quota *quota = quotas->unsettled;
        if (!count(fsd, quota, end_us))
            return true;
        quotas->unsettled = quota->next_unsettled;
        quota->settled = true;
        show(fsd, quota);
    }
    return quotas->unsettled != NULL;
}
