#include "lib/doc_private.h"

#include "lib/decimal.h"
#include <stdio.h>

/* ---- memory ---- */

struct chunk {
    struct chunk *next;
    char text[];
};

#define CHUNK_BYTES 1000

struct doc *doc_make(size_t text_bytes, uint32_t nodes)
{
    struct doc *doc = memory_new(sizeof(*doc) + text_bytes);
    *doc = (struct doc){
        .capacity = nodes + 2, .count = DOC_ROOT + 1, .free = doc->text, .available = text_bytes};
    doc->nodes = memory_new(doc->capacity * sizeof(struct node));
    doc->nodes[0] = doc->nodes[DOC_ROOT] = (struct node){0};
    return doc;
}

void doc_free(struct doc *doc)
{
    if (doc == NULL)
        return;
    while (doc->chunks != NULL) {
        struct chunk *chunk = doc->chunks;
        doc->chunks = chunk->next;
        free(chunk);
    }
    free(doc->nodes);
    free(doc);
}

const char *doc_keep(struct doc *doc, struct str text)
{
    if (text.length > UINT32_MAX)
        abort();
    if (text.length > doc->available) {
        size_t size = text.length > CHUNK_BYTES / 4 ? text.length + CHUNK_BYTES : CHUNK_BYTES;
        struct chunk *chunk = memory_new(sizeof(*chunk) + size);
        chunk->next = doc->chunks;
        doc->chunks = chunk;
        doc->free = chunk->text;
        doc->available = size;
    }
    char *kept = doc->free;
    if (text.length != 0)
        memcpy(kept, text.at, text.length);
    doc->free += text.length;
    doc->available -= text.length;
    return kept;
}

static uint32_t new_node(struct doc *doc)
{
    array_grow(doc->nodes, doc->count, doc->capacity);
    doc->nodes[doc->count] = (struct node){0};
    return doc->count++;
}

/* ---- structure ---- */

static void link_last(struct doc *doc, uint32_t parent, uint32_t at)
{
    struct node *above = &doc->nodes[parent];
    struct node *node = &doc->nodes[at];
    node->parent = parent;
    node->previous = above->last;
    if (above->last != 0)
        doc->nodes[above->last].next = at;
    else
        above->first = at;
    above->last = at;
    above->length++;
}

static void unlink_node(struct doc *doc, uint32_t at)
{
    struct node *node = &doc->nodes[at];
    struct node *above = &doc->nodes[node->parent];
    *(node->previous != 0 ? &doc->nodes[node->previous].next : &above->first) = node->next;
    *(node->next != 0 ? &doc->nodes[node->next].previous : &above->last) = node->previous;
    above->length--;
    node->parent = node->previous = node->next = 0;
}

static void set_key(struct node *node, struct str key)
{
    if (key.length >= 1u << 29)
        abort();
    node->key = key.at;
    node->key_length = (uint32_t)key.length;
}

uint32_t doc_append(struct doc *doc, uint32_t parent, struct str key)
{
    uint32_t at = new_node(doc);
    set_key(&doc->nodes[at], key);
    link_last(doc, parent, at);
    return at;
}

struct value doc_root(struct doc *doc)
{
    return doc != NULL ? (struct value){doc, DOC_ROOT} : VALUE_ABSENT;
}

struct doc *doc_new(void)
{
    struct doc *doc = doc_make(CHUNK_BYTES / 4, 16);
    doc_put_empty(doc, DOC_ROOT, VALUE_OBJECT);
    return doc;
}

/* ---- reading ---- */

static const struct node *node_of(struct value v)
{
    static const struct node none;
    return v.at != 0 ? &v.doc->nodes[v.at] : &none;
}

static bool is_container(const struct node *node)
{
    return node->type == VALUE_ARRAY || node->type == VALUE_OBJECT;
}

static struct value value_of(struct doc *doc, uint32_t at)
{
    return at != 0 ? (struct value){doc, at} : VALUE_ABSENT;
}

static struct str key_of(const struct node *node)
{
    return (struct str){node->key, node->key_length};
}

enum value_type value_type(struct value v)
{
    return node_of(v)->type;
}

/* Members are looked through from the first on. Of an object with many, whoever walks through a list of their
 * names asks for them in the order of the document or against it: the neighbours of what was found last come
 * first, or the walk would take the square of their number. */
#define MANY_MEMBERS 32

static bool is_member(struct value v, uint32_t at, struct str key)
{
    const struct node *node = &v.doc->nodes[at];
    return at != 0 && node->parent == v.at && str_equal(key_of(node), key);
}

static struct value get_of_many(struct value v, struct str key)
{
    const struct node *nodes = v.doc->nodes;
    uint32_t found = __atomic_load_n(&v.doc->found, __ATOMIC_RELAXED);
    const uint32_t near[] = {found, nodes[found].next, nodes[found].previous};
    uint32_t at = 0;
    for (size_t i = 0; i < 3 && at == 0; i++)
        at = is_member(v, near[i], key) ? near[i] : 0;
    if (at == 0)
        for (at = nodes[v.at].first; at != 0 && !is_member(v, at, key);)
            at = nodes[at].next;
    if (at != 0)
        __atomic_store_n(&v.doc->found, at, __ATOMIC_RELAXED);
    return value_of(v.doc, at);
}

struct value value_get(struct value v, struct str key)
{
    if (node_of(v)->type != VALUE_OBJECT)
        return VALUE_ABSENT;
    const struct node *nodes = v.doc->nodes;
    if (nodes[v.at].length > MANY_MEMBERS)
        return get_of_many(v, key);
    for (uint32_t at = nodes[v.at].first; at != 0; at = nodes[at].next)
        if (str_equal(key_of(&nodes[at]), key))
            return (struct value){v.doc, at};
    return VALUE_ABSENT;
}

struct value value_walk(struct value v, const char *const *keys)
{
    for (; *keys != NULL && v.at != 0; keys++)
        v = value_get(v, str_of(*keys));
    return v;
}

struct value value_element(struct value v, size_t index)
{
    if (node_of(v)->type != VALUE_ARRAY || index >= node_of(v)->length)
        return VALUE_ABSENT;
    struct value element = value_first(v);
    while (index-- > 0)
        element = value_next(element);
    return element;
}

size_t value_count(struct value v)
{
    const struct node *node = node_of(v);
    return is_container(node) ? node->length : 0;
}

struct value value_first(struct value v)
{
    const struct node *node = node_of(v);
    return is_container(node) ? value_of(v.doc, node->first) : VALUE_ABSENT;
}

struct value value_next(struct value v)
{
    return value_of(v.doc, node_of(v)->next);
}

struct str value_key(struct value v)
{
    return key_of(node_of(v));
}

struct str value_str(struct value v)
{
    const struct node *node = node_of(v);
    switch (node->type) {
    case VALUE_BOOL:
    case VALUE_NUMBER:
    case VALUE_STRING:
        return (struct str){node->text, node->length};
    default:
        return STR_NONE;
    }
}

bool value_is(struct value v, const char *text)
{
    return node_of(v)->type == VALUE_STRING && str_is(value_str(v), text);
}

bool value_int(struct value v, int64_t *number)
{
    if (node_of(v)->type != VALUE_NUMBER)
        return false;
    struct str text = value_str(v);
    struct decimal decimal;
    int64_t whole;
    bool exact;
    if (str_to_int64(text, number))
        return true;
    if (!decimal_read(&text, &decimal) || !decimal_to_int64(decimal, 1, &whole, &exact) || !exact)
        return false;
    *number = whole;
    return true;
}

int64_t value_int_or(struct value v, int64_t otherwise)
{
    int64_t number;
    return value_int(v, &number) ? number : otherwise;
}

bool value_number(struct value v, double *number)
{
    if (node_of(v)->type != VALUE_NUMBER)
        return false;
    autofree char *text = str_dup(value_str(v));
    *number = strtod(text, NULL);
    return true;
}

bool value_true(struct value v)
{
    return node_of(v)->type == VALUE_BOOL && value_str(v).length == strlen("true");
}

/* ---- copying ---- */

static void copy_content(struct doc *doc, uint32_t at, struct value from);

/* A copy that is not yet part of the tree: `from` may contain the place where it will go. */
static uint32_t copy_detached(struct doc *doc, struct value from)
{
    uint32_t at = new_node(doc);
    copy_content(doc, at, from);
    return at;
}

/* Strings of the same document are shared: they never move. */
static struct str keep_shared(struct doc *doc, const struct doc *owner, struct str text)
{
    return doc == owner ? text : (struct str){doc_keep(doc, text), text.length};
}

static void copy_content(struct doc *doc, uint32_t at, struct value from)
{
    enum value_type type = value_type(from);
    switch (type) {
    case VALUE_BOOL:
    case VALUE_NUMBER:
    case VALUE_STRING:
        doc_put_text(doc, at, type, keep_shared(doc, from.doc, value_str(from)));
        return;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        doc_put_empty(doc, at, type);
        value_each (child, from) {
            uint32_t copy = copy_detached(doc, child);
            if (type == VALUE_OBJECT)
                set_key(&doc->nodes[copy], keep_shared(doc, from.doc, value_key(child)));
            link_last(doc, at, copy);
        }
        return;
    default:
        doc_put_empty(doc, at, VALUE_NULL);
    }
}

struct doc *doc_copy(struct value from)
{
    uint32_t nodes = from.doc != NULL && from.at == DOC_ROOT ? from.doc->count : 16;
    struct doc *doc = doc_make(CHUNK_BYTES, nodes);
    copy_content(doc, DOC_ROOT, from);
    return doc;
}

/* ---- editing ---- */

/* Gives the node the content of another, detached one. */
static void take_content(struct doc *doc, uint32_t at, uint32_t donor)
{
    struct node *node = &doc->nodes[at];
    const struct node *from = &doc->nodes[donor];
    if (!is_container(from)) {
        doc_put_text(doc, at, from->type, (struct str){from->text, from->length});
        return;
    }
    doc_put_empty(doc, at, from->type);
    node->first = from->first;
    node->last = from->last;
    node->length = from->length;
    for (uint32_t child = node->first; child != 0; child = doc->nodes[child].next)
        doc->nodes[child].parent = at;
}

/* The place of the member: where it was, or a new one at the end. */
static struct value place_member(struct value v, struct str key)
{
    if (value_type(v) != VALUE_OBJECT)
        abort();
    struct value old = value_get(v, key);
    if (value_exists(old))
        return old;
    struct str kept = {doc_keep(v.doc, key), key.length};
    return (struct value){v.doc, doc_append(v.doc, v.at, kept)};
}

static struct value place_element(struct value v)
{
    if (value_type(v) != VALUE_ARRAY)
        abort();
    return (struct value){v.doc, doc_append(v.doc, v.at, STR_NONE)};
}

static struct value put_text(struct value place, enum value_type type, struct str text)
{
    doc_put_text(place.doc, place.at, type, text);
    return place;
}

static struct value put_str(struct value place, struct str text)
{
    return put_text(place, VALUE_STRING, (struct str){doc_keep(place.doc, text), text.length});
}

static struct value put_int(struct value place, int64_t number)
{
    char text[24];
    size_t length = (size_t)snprintf(text, sizeof(text), "%lld", (long long)number);
    return put_text(place, VALUE_NUMBER,
                    (struct str){doc_keep(place.doc, (struct str){text, length}), length});
}

static struct value put_empty(struct value place, enum value_type type)
{
    doc_put_empty(place.doc, place.at, type);
    return place;
}

struct value value_set_str(struct value v, struct str key, struct str text)
{
    return put_str(place_member(v, key), text);
}

struct value value_set_int(struct value v, struct str key, int64_t number)
{
    return put_int(place_member(v, key), number);
}

struct value value_set_bool(struct value v, struct str key, bool truth)
{
    return put_text(place_member(v, key), VALUE_BOOL, truth ? STR("true") : STR("false"));
}

struct value value_set_null(struct value v, struct str key)
{
    return put_empty(place_member(v, key), VALUE_NULL);
}

struct value value_set_object(struct value v, struct str key)
{
    return put_empty(place_member(v, key), VALUE_OBJECT);
}

struct value value_set_array(struct value v, struct str key)
{
    return put_empty(place_member(v, key), VALUE_ARRAY);
}

struct value value_set_copy(struct value v, struct str key, struct value from)
{
    if (value_type(v) != VALUE_OBJECT)
        abort();
    uint32_t copy = copy_detached(v.doc, from);
    struct value place = place_member(v, key);
    take_content(v.doc, place.at, copy);
    return place;
}

struct value value_ensure_object(struct value v, struct str key)
{
    struct value member = value_get(v, key);
    return value_type(member) == VALUE_OBJECT ? member : value_set_object(v, key);
}

struct value value_ensure_array(struct value v, struct str key)
{
    struct value member = value_get(v, key);
    return value_type(member) == VALUE_ARRAY ? member : value_set_array(v, key);
}

struct value value_setf(struct value v, struct str key, const char *format, ...)
{
    autobuf struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    return value_set_str(v, key, buf_str(&text));
}

struct value value_append_str(struct value v, struct str text)
{
    return put_str(place_element(v), text);
}

struct value value_append_int(struct value v, int64_t number)
{
    return put_int(place_element(v), number);
}

struct value value_append_object(struct value v)
{
    return put_empty(place_element(v), VALUE_OBJECT);
}

struct value value_append_array(struct value v)
{
    return put_empty(place_element(v), VALUE_ARRAY);
}

struct value value_append_copy(struct value v, struct value from)
{
    if (value_type(v) != VALUE_ARRAY)
        abort();
    uint32_t copy = copy_detached(v.doc, from);
    link_last(v.doc, v.at, copy);
    return (struct value){v.doc, copy};
}

void value_replace(struct value v, struct value from)
{
    if (v.at == 0)
        abort();
    take_content(v.doc, v.at, copy_detached(v.doc, from));
}

void value_remove(struct value v)
{
    if (v.at == DOC_ROOT)
        doc_put_empty(v.doc, v.at, VALUE_NULL);
    else if (v.at != 0 && v.doc->nodes[v.at].parent != 0)
        unlink_node(v.doc, v.at);
}

bool value_unset(struct value v, struct str key)
{
    struct value member = value_get(v, key);
    value_remove(member);
    return value_exists(member);
}
