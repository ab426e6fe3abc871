/* Versions: an object's text at one moment, with what is asked of it most often beside it. */
#include "fsd/objects.h"

#include "fsd/columns.h"
#include "lib/clock.h"
#include <stdio.h>

/* Finds what the header repeats of the text, which says `document`. */
static void read_header(const struct kind *kind, struct version *version, struct value document)
{
    struct value metadata = value_at(document, "metadata");
    struct value owners = value_get(metadata, STR("ownerReferences"));
    size_t count = value_count(owners);
    autobuf struct buf scratch = {0};
    if (count > 0)
        version->owners = memory_zeroed(count, sizeof(*version->owners));
    /* The strings are looked up in the version's own text, to which they then point: uids and node names have
     * no escapes. */
    value_each (owner, owners) {
        struct str uid = value_str(value_get(owner, STR("uid")));
        const char *at = uid.length ? memmem(version->text, version->length, uid.at, uid.length) : NULL;
        if (at != NULL)
            version->owners[version->owner_count++] = (struct str){at, uid.length};
    }
    if (kind->node_field.length != 0) {
        struct str node = value_str(value_get(value_at(document, "spec"), kind->node_field));
        buf_addf(&scratch, "\"" STR_FORMAT "\":\"" STR_FORMAT "\"", STR_ARGS(kind->node_field),
                 STR_ARGS(node));
        const char *at =
            node.length ? memmem(version->text, version->length, scratch.at, scratch.length) : NULL;
        if (at != NULL)
            version->node = (struct str){at + kind->node_field.length + 4, node.length};
    }
    if (value_exists(value_get(metadata, STR("deletionTimestamp"))))
        version->flags |= VERSION_TERMINATING;
}

static void parse_header(const struct kind *kind, struct version *version)
{
    autodoc struct doc *doc = doc_parse(version_text(version), NULL);
    read_header(kind, version, doc_root(doc));
}

struct version *version_new(const struct kind *kind, struct str before, int64_t number, struct str after,
                            struct value document, int64_t time_ms, uint32_t flags, const char *status)
{
    char digits[24];
    int digit_count = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    size_t length = before.length + (size_t)digit_count + after.length;
    struct version *version = memory_new(sizeof(*version) + length + 1);
    *version = (struct version){
        .number = number, .desired = number, .time_ms = time_ms, .flags = flags, .length = length};
    atomic_init(&version->references, 1);
    char *to = version->text;
    memcpy(to, before.at, before.length);
    memcpy(to + before.length, digits, (size_t)digit_count);
    memcpy(to + before.length + digit_count, after.at, after.length);
    to[length] = '\0';
    version->status = status != NULL ? strdup(status) : NULL;
    if (value_exists(document))
        read_header(kind, version, document);
    else
        parse_header(kind, version);
    return version;
}

bool version_renumber(struct version *version, size_t at, int64_t number, int64_t time_ms)
{
    char digits[24], before[24];
    if (version == NULL || atomic_load_explicit(&version->references, memory_order_acquire) != 1)
        return false;
    int count = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    if (count != snprintf(before, sizeof(before), "%lld", (long long)version->number))
        return false;
    memcpy(version->text + at, digits, (size_t)count);
    version->number = version->desired = number;
    version->time_ms = time_ms;
    return true;
}

static struct version *version_of_text(const struct kind *kind, struct str text, struct value document,
                                       int64_t number, int64_t time_ms, uint32_t flags)
{
    struct version *version = memory_new(sizeof(*version) + text.length + 1);
    *version = (struct version){
        .number = number, .desired = number, .time_ms = time_ms, .flags = flags, .length = text.length};
    atomic_init(&version->references, 1);
    memcpy(version->text, text.at, text.length);
    version->text[text.length] = '\0';
    read_header(kind, version, document);
    return version;
}

struct version *version_from_record(const struct kind *kind, const struct record *record)
{
    autodoc struct doc *doc = doc_parse(record->document, NULL);
    struct version *version = version_of_text(kind, record->document, doc_root(doc), record->version,
                                              clock_wall_ms(), record->draft ? VERSION_DRAFT : 0);
    autobuf struct buf line = {0};
    if (doc != NULL && !record->draft)
        status_line(kind, doc_root(doc), &line);
    if (line.length != 0)
        version->status = buf_take(&line);
    return version;
}

struct version *version_tombstone(const struct kind *kind, struct str text, int64_t number, int64_t time_ms)
{
    autodoc struct doc *doc = doc_parse(text, NULL);
    return version_of_text(kind, text, doc_root(doc), number, time_ms, VERSION_GONE);
}

struct version *version_hold(struct version *version)
{
    if (version != NULL)
        atomic_fetch_add_explicit(&version->references, 1, memory_order_relaxed);
    return version;
}

void version_drop(struct version *version)
{
    if (version == NULL || atomic_fetch_sub_explicit(&version->references, 1, memory_order_acq_rel) != 1)
        return;
    free(version->owners);
    free(version->status);
    free(version->sealed);
    kind_reading_free(version->defines);
    free(version);
}
