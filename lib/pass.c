#include "lib/pass_private.h"

#include <stdarg.h>

/* A plan is the text of the requests, as they will be sent, and a row for each that says whose it is. Passes
 * of one turn write into one plan. */

/* ---- the world ---- */

const void *pass_get(const struct pass *pass, const struct view *view, struct key key)
{
    return cache_get(pass->cache, view, key);
}

const void *pass_next(const struct pass *pass, const struct view *view, const void *previous)
{
    return cache_next(pass->cache, view, previous);
}

const void *pass_find(const struct pass *pass, const struct cache_index *index, struct str value,
                      const void *previous)
{
    return cache_find(pass->cache, index, value, previous);
}

size_t pass_found(const struct pass *pass, const struct cache_index *index, struct str value)
{
    return cache_found(pass->cache, index, value);
}

const struct amounts *pass_totals(const struct pass *pass, const struct cache_index *index, struct str value)
{
    return cache_totals(pass->cache, index, value);
}

const struct cache *pass_cache(const struct pass *pass)
{
    return pass->cache;
}

int64_t pass_now(const struct pass *pass)
{
    return pass->now_ms;
}

int64_t *pass_memory(struct pass *pass)
{
    return pass->memory;
}

int pass_failures(const struct pass *pass)
{
    return pass->failures;
}

const char *pass_failure(const struct pass *pass)
{
    return pass->failure;
}

void pass_begin_anew(struct pass *pass)
{
    pass->anew = true;
}

void pass_again(struct pass *pass, int64_t after_ms)
{
    if (pass->again_ms < 0 || after_ms < pass->again_ms)
        pass->again_ms = after_ms;
}

void pass_need(struct pass *pass, const struct view *view, int64_t version)
{
    struct need *need = NULL;
    for (size_t i = 0; i < pass->need_count; i++)
        if (pass->needs[i].view == view)
            need = &pass->needs[i];
    if (need == NULL && pass->need_count == COUNT(pass->needs)) {
        pass_again(pass, 0); /* the others first: it will ask again */
        return;
    }
    if (need == NULL)
        *(need = &pass->needs[pass->need_count++]) = (struct need){view, 0};
    if (version > need->version)
        need->version = version;
}

/* ---- lines ---- */

static struct request *line_begin(struct pass *pass, enum request_kind kind, const struct view *view)
{
    struct plan *plan = pass->plan;
    array_grow(plan->requests, plan->count, plan->capacity);
    struct request *request = &plan->requests[plan->count++];
    *request = (struct request){
        .kind = kind, .view = view, .owner = pass->owner, .start = plan->text.length, .after = REQUEST_NONE};
    return request;
}

static void line_end(struct pass *pass, struct request *request)
{
    struct buf *text = &pass->plan->text;
    buf_add_text(text, "}\n");
    request->length = text->length - request->start;
}

static void add_member(struct buf *text, const char *name, struct str value)
{
    buf_addf(text, ",\"%s\":", name);
    json_write_string(text, value);
}

/* {"op":…,"resource":…,"name":…,"namespace":…,"uid":… */
static struct request *object_begin(struct pass *pass, enum request_kind kind, const char *operation,
                                    const struct meta *meta)
{
    struct request *request = line_begin(pass, kind, meta->view);
    struct buf *text = &pass->plan->text;
    buf_addf(text, "{\"op\":\"%s\",\"resource\":\"%s\"", operation, meta->view->resource);
    add_member(text, "name", meta->name);
    if (meta->namespace.length != 0)
        add_member(text, "namespace", meta->namespace);
    add_member(text, "uid", meta->uid);
    return request;
}

static void merge_end(struct pass *pass, struct request *request, struct doc *merge)
{
    buf_add_text(&pass->plan->text, ",\"merge\":");
    value_write(&pass->plan->text, doc_root(merge));
    doc_free(merge);
    line_end(pass, request);
}

/* ---- the plan ---- */

void plan_create(struct pass *pass, const struct view *view, struct doc *object)
{
    struct request *request = line_begin(pass, REQUEST_CREATE, view);
    buf_add_text(&pass->plan->text, "{\"op\":\"create\",\"object\":");
    value_write(&pass->plan->text, doc_root(object));
    doc_free(object);
    line_end(pass, request);
}

void plan_patch(struct pass *pass, const struct meta *meta, struct doc *merge)
{
    struct request *request = object_begin(pass, REQUEST_CHANGE, "patch", meta);
    buf_addf(&pass->plan->text, ",\"rv\":\"%lld\"", (long long)meta->version);
    merge_end(pass, request, merge);
}

void plan_patch_any(struct pass *pass, const struct meta *meta, struct doc *merge)
{
    struct request *request = object_begin(pass, REQUEST_CHANGE, "patch", meta);
    merge_end(pass, request, merge);
}

void plan_status(struct pass *pass, const struct meta *meta, struct doc *merge)
{
    struct request *request = object_begin(pass, REQUEST_STATUS, "status", meta);
    merge_end(pass, request, merge);
}

void plan_status_change(struct pass *pass, const struct meta *meta, struct value current, struct doc *merge)
{
    autodoc struct doc *after = value_exists(current) ? doc_copy(current) : doc_new();
    value_merge(doc_root(after), doc_root(merge));
    if (value_equal(current, doc_root(after)))
        doc_free(merge);
    else
        plan_status(pass, meta, merge);
}

void plan_delete(struct pass *pass, const struct meta *meta, int grace_seconds)
{
    struct request *request = object_begin(pass, REQUEST_CHANGE, "delete", meta);
    if (grace_seconds >= 0)
        buf_addf(&pass->plan->text, ",\"grace\":%d", grace_seconds);
    line_end(pass, request);
}

void plan_delete_unchanged(struct pass *pass, const struct meta *meta)
{
    struct request *request = object_begin(pass, REQUEST_CHANGE, "delete", meta);
    buf_addf(&pass->plan->text, ",\"rv\":\"%lld\"", (long long)meta->version);
    line_end(pass, request);
}

void plan_delete_finished(struct pass *pass, const struct meta *meta)
{
    struct request *request = object_begin(pass, REQUEST_CHANGE, "delete", meta);
    buf_add_text(&pass->plan->text, ",\"finished\":true");
    line_end(pass, request);
}

/* The last request of this pass that changes something. */
static size_t last_change(const struct pass *pass)
{
    for (size_t i = pass->plan->count; i > pass->first; i--)
        if (pass->plan->requests[i - 1].kind != REQUEST_EVENT)
            return i - 1;
    return REQUEST_NONE;
}

void plan_event(struct pass *pass, const struct meta *meta, enum event_type type, const char *reason,
                const char *format, ...)
{
    autobuf struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    size_t after = last_change(pass);
    struct request *request = object_begin(pass, REQUEST_EVENT, "event", meta);
    request->after = after;
    add_member(&pass->plan->text, "type", str_of(type == EVENT_WARNING ? "Warning" : "Normal"));
    add_member(&pass->plan->text, "reason", str_of(reason));
    add_member(&pass->plan->text, "message", buf_str(&message));
    line_end(pass, request);
}

void plan_truncate(struct plan *plan, size_t first)
{
    if (first >= plan->count)
        return;
    plan->text.length = plan->requests[first].start;
    plan->count = first;
}

void plan_clear(struct plan *plan)
{
    buf_clear(&plan->text);
    plan->count = 0;
}

void plan_free(struct plan *plan)
{
    buf_free(&plan->text);
    free(plan->requests);
    *plan = (struct plan){0};
}
