#include "cli/deletion.h"

#include <errno.h>

/* Kubernetes asks for a cascade with a finalizer, which the garbage collector takes away when it has done
 * what the finalizer says. The last word counts: what an earlier one has asked for is taken back. */
static const struct {
    const char *word, *finalizer;
} cascades[] = {
    [CASCADE_BACKGROUND] = {"background", NULL},
    [CASCADE_FOREGROUND] = {"foreground", "foregroundDeletion"},
    [CASCADE_ORPHAN] = {"orphan", "orphan"},
};

int cascade_parse(const char *word, enum cascade *cascade, struct error **err)
{
    for (size_t i = 0; i < COUNT(cascades); i++)
        if (strcmp(word, cascades[i].word) == 0) {
            *cascade = (enum cascade)i;
            return 0;
        }
    return error_make(err, EINVAL, "--cascade: must be background, foreground or orphan, not %s", word);
}

static bool is_a_cascade(struct value finalizer)
{
    for (size_t i = 0; i < COUNT(cascades); i++)
        if (cascades[i].finalizer != NULL && value_is(finalizer, cascades[i].finalizer))
            return true;
    return false;
}

/* Puts the finalizers into `list` that the object is to have. Returns whether it hasn't just these. */
static bool choose_finalizers(enum cascade cascade, struct value object, struct value list)
{
    struct value before = value_at(object, "metadata", "finalizers");
    const char *wanted = cascades[cascade].finalizer;
    bool has_wanted = wanted == NULL;
    value_each (finalizer, before) {
        bool is_wanted = wanted != NULL && value_is(finalizer, wanted);
        if (is_wanted || !is_a_cascade(finalizer))
            value_append_copy(list, finalizer);
        has_wanted = has_wanted || is_wanted;
    }
    if (!has_wanted)
        value_append_str(list, str_of(wanted));
    return value_count(list) != value_count(before) || !has_wanted;
}

/* A request of the operation, about this very object. */
static struct doc *request_new(const char *operation, struct str resource, struct value object)
{
    struct value metadata = value_get(object, STR("metadata"));
    struct doc *doc = doc_new();
    struct value request = doc_root(doc);
    value_set_str(request, STR("op"), str_of(operation));
    value_set_str(request, STR("resource"), resource);
    value_set_str(request, STR("name"), value_str(value_get(metadata, STR("name"))));
    if (value_exists(value_get(metadata, STR("namespace"))))
        value_set_copy(request, STR("namespace"), value_get(metadata, STR("namespace")));
    value_set_copy(request, STR("uid"), value_get(metadata, STR("uid")));
    return doc;
}

static void add_line(struct buf *requests, struct value request)
{
    value_write(requests, request);
    buf_add_char(requests, '\n');
}

size_t deletion_write(const struct deletion *deletion, struct str resource, struct value object,
                      struct buf *requests)
{
    autodoc struct doc *patch = request_new("patch", resource, object);
    autodoc struct doc *last = request_new("delete", resource, object);
    struct value metadata =
        value_ensure_object(value_ensure_object(doc_root(patch), STR("merge")), STR("metadata"));
    bool patched = choose_finalizers(deletion->cascade, object, value_set_array(metadata, STR("finalizers")));
    if (patched) {
        /* The list replaces the one that was read: nobody else's finalizer may be lost. */
        value_set_copy(doc_root(patch), STR("rv"), value_at(object, "metadata", "resourceVersion"));
        buf_add_text(requests, "{\"op\":\"atomic\"}\n");
        add_line(requests, doc_root(patch));
    }
    if (deletion->grace >= 0)
        value_set_int(doc_root(last), STR("grace"), deletion->grace);
    add_line(requests, doc_root(last));
    return patched ? 2 : 1;
}

int deletion_read(struct str results, struct error **err)
{
    struct str rest = str_trim(results), line;
    while (str_split(&rest, '\n', &line)) {
        autodoc struct doc *doc = doc_parse(line, err);
        if (doc == NULL)
            return -EPROTO;
        struct value refusal = value_get(doc_root(doc), STR("error"));
        if (!value_exists(refusal) || value_is(refusal, "ECANCELED"))
            continue; /* another one of an atomic few is to blame */
        return error_make(err, value_is(refusal, "EAGAIN") ? EAGAIN : EIO, STR_FORMAT,
                          STR_ARGS(value_str(value_get(doc_root(doc), STR("message")))));
    }
    return 0;
}
