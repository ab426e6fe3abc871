#include "lib/view.h"

#include "lib/clock.h"
#include "lib/map.h"
#include <errno.h>
#include <stdalign.h>

/* A view and its keeper are one block of memory: the keeper, the struct, and room for most objects' strings.
 * What doesn't fit goes to further blocks. So a version of an object costs one allocation, and freeing it
 * needs to know nothing of the kind. */

enum { INLINE_ROOM = 320, BLOCK_ROOM = 1024 };

struct block {
    struct block *next;
    alignas(max_align_t) char room[];
};

/* A value that is kept for all who have an equal one: a document, or amounts. */
struct shared {
    struct map_node by_text;
    size_t users;
    struct doc *doc;
    struct amounts amounts;
};

/* One user's hold on it. */
struct holding {
    struct holding *next;
    struct shared *shared;
};

struct keeper {
    char *free; /* where the next bytes go */
    size_t available;
    struct block *blocks;
    struct holding *holdings;
};

/* The struct begins behind the keeper. */
static const size_t VIEW_OFFSET =
    (sizeof(struct keeper) + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);

static struct map shared_values;

/* ---- keeping ---- */

static void *keep_bytes(struct keeper *keeper, size_t size, size_t alignment)
{
    size_t padding = -(uintptr_t)keeper->free & (alignment - 1);
    if (padding + size > keeper->available) {
        size_t room = size > BLOCK_ROOM ? size : BLOCK_ROOM;
        struct block *block = memory_new(sizeof(*block) + room);
        block->next = keeper->blocks;
        keeper->blocks = block;
        keeper->free = block->room;
        keeper->available = room;
        padding = 0;
    }
    char *kept = keeper->free + padding;
    keeper->free += padding + size;
    keeper->available -= padding + size;
    return kept;
}

struct str keep_str(struct keeper *keeper, struct str text)
{
    if (text.length == 0)
        return text.at != NULL ? STR("") : STR_NONE;
    return (struct str){memcpy(keep_bytes(keeper, text.length, 1), text.at, text.length), text.length};
}

void *keep_memory(struct keeper *keeper, size_t count, size_t size)
{
    void *kept = keep_bytes(keeper, count * size, alignof(max_align_t));
    return memset(kept, 0, count * size);
}

/* The one with this text, held once more; *is_new: nothing but the text is there yet. */
static struct shared *hold(struct keeper *keeper, struct str text, bool *is_new)
{
    struct shared *shared = map_entry(map_find(&shared_values, text), struct shared, by_text);
    *is_new = shared == NULL;
    if (*is_new) {
        shared = memory_zeroed(1, sizeof(*shared));
        shared->by_text.key =
            (struct str){memcpy(memory_new(text.length), text.at, text.length), text.length};
        map_insert(&shared_values, &shared->by_text);
    }
    shared->users++;
    struct holding *holding = keep_memory(keeper, 1, sizeof(*holding));
    *holding = (struct holding){keeper->holdings, shared};
    keeper->holdings = holding;
    return shared;
}

static void release(struct shared *shared)
{
    if (--shared->users != 0)
        return;
    map_remove(&shared_values, &shared->by_text);
    if (shared_values.count == 0)
        map_free(&shared_values);
    free((char *)shared->by_text.key.at);
    doc_free(shared->doc);
    amounts_clear(&shared->amounts);
    free(shared);
}

struct value keep_value(struct keeper *keeper, struct value value)
{
    static struct buf text; /* kept from call to call */
    bool is_new;
    if (!value_exists(value))
        return VALUE_ABSENT;
    buf_clear(&text);
    value_write(&text, value);
    struct shared *shared = hold(keeper, buf_str(&text), &is_new);
    if (is_new)
        shared->doc = doc_copy(value);
    if (text.capacity > 64 * 1024)
        buf_free(&text);
    return doc_root(shared->doc);
}

/* Their text, which is that of no document: the bytes behind a NUL. */
const struct amounts *keep_amounts(struct keeper *keeper, const struct amounts *amounts)
{
    static struct buf text; /* kept from call to call */
    bool is_new;
    buf_clear(&text);
    buf_add_char(&text, '\0');
    buf_add(&text, amounts->native, sizeof(amounts->native));
    if (amounts->count != 0)
        buf_add(&text, amounts->others, amounts->count * sizeof(*amounts->others));
    struct shared *shared = hold(keeper, buf_str(&text), &is_new);
    if (is_new)
        amounts_add(&shared->amounts, amounts, 1);
    return &shared->amounts;
}

/* ---- the meta ---- */

int64_t view_time(struct value text)
{
    int64_t wall_ms;
    return clock_parse(value_str(text), &wall_ms) ? wall_ms : 0;
}

static int64_t version_of(struct value metadata)
{
    int64_t version;
    return str_to_int64(value_str(value_get(metadata, STR("resourceVersion"))), &version) ? version : 0;
}

static void fill_owners(struct keeper *keeper, struct value references, struct meta *meta)
{
    size_t count = value_count(references);
    if (count == 0)
        return;
    struct owner *owners = keep_memory(keeper, count, sizeof(*owners));
    meta->owners = owners;
    value_each (reference, references) {
        struct owner *owner = &owners[meta->owner_count++];
        *owner = (struct owner){
            .api_version = keep_str(keeper, value_str(value_get(reference, STR("apiVersion")))),
            .kind = keep_str(keeper, value_str(value_get(reference, STR("kind")))),
            .name = keep_str(keeper, value_str(value_get(reference, STR("name")))),
            .uid = keep_str(keeper, value_str(value_get(reference, STR("uid")))),
            .controller = value_true(value_get(reference, STR("controller"))),
            .blocks_deletion = value_true(value_get(reference, STR("blockOwnerDeletion"))),
        };
        if (owner->controller && meta->controller == NULL)
            meta->controller = owner;
    }
}

static void fill_meta(struct keeper *keeper, const struct view *view, struct value metadata,
                      struct meta *meta)
{
    struct str namespace = value_str(value_get(metadata, STR("namespace")));
    meta->view = view;
    meta->namespace = namespace.at != NULL ? keep_str(keeper, namespace) : STR("");
    meta->name = keep_str(keeper, value_str(value_get(metadata, STR("name"))));
    meta->uid = keep_str(keeper, value_str(value_get(metadata, STR("uid"))));
    meta->version = version_of(metadata);
    meta->generation = value_int_or(value_get(metadata, STR("generation")), 0);
    meta->created_ms = view_time(value_get(metadata, STR("creationTimestamp")));
    meta->deleted_ms = view_time(value_get(metadata, STR("deletionTimestamp")));
    meta->labels = keep_value(keeper, value_get(metadata, STR("labels")));
    fill_owners(keeper, value_get(metadata, STR("ownerReferences")), meta);
}

int view_make(const struct view *view, struct value object, void **made, struct error **err)
{
    struct value metadata = value_get(object, STR("metadata"));
    struct str name = value_str(value_get(metadata, STR("name")));
    if (name.length == 0 || version_of(metadata) == 0)
        return error_make(err, EPROTO, "an object of %s comes without name or resourceVersion",
                          view->resource);
    char *memory = memory_new(VIEW_OFFSET + view->size + INLINE_ROOM);
    memset(memory, 0, VIEW_OFFSET + view->size);
    struct keeper *keeper = (void *)memory;
    keeper->free = memory + VIEW_OFFSET + view->size;
    keeper->available = INLINE_ROOM;
    *made = memory + VIEW_OFFSET;
    fill_meta(keeper, view, metadata, *made);
    if (view->fill != NULL)
        view->fill(keeper, object, *made);
    return 0;
}

void view_free(void *made)
{
    if (made == NULL)
        return;
    struct keeper *keeper = (void *)((char *)made - VIEW_OFFSET);
    for (struct holding *holding = keeper->holdings; holding != NULL; holding = holding->next)
        release(holding->shared);
    struct block *next;
    for (struct block *block = keeper->blocks; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(keeper);
}
