/* What the modules that make documents (json.c, yaml.c) share with doc.c: how a document lies in memory.
 *
 * Nodes lie in one array and name each other by index, so the array can be moved when it grows; index 0 is
 * never used. Strings are pointers to bytes that never move: the parser copies the whole text once, behind
 * the struct doc, decodes strings in place and points into it; what is added later goes to further chunks. */
#ifndef PODTREE_DOC_PRIVATE_H
#define PODTREE_DOC_PRIVATE_H

#include "lib/doc.h"

struct node {
    const char *key; /* of a member */
    union {
        const char *text; /* of a string (decoded), number (as written) or boolean */
        struct {
            uint32_t first, last; /* of an array or object */
        };
    };
    uint32_t type : 3;
    uint32_t key_length : 29;
    uint32_t length; /* of the text; or how many members or elements */
    uint32_t next, previous, parent;
};

struct chunk;

struct doc {
    struct node *nodes;
    uint32_t count, capacity;
    uint32_t found;   /* the last member of a large object that was asked for; several threads may read */
    char *free;       /* where the next string goes */
    size_t available; /* bytes there */
    struct chunk *chunks;
    char text[];
};

#define DOC_ROOT 1u

/* Documents from outside are not nested deeper: what walks over them recurses. */
#define DOC_DEPTH 200

/* A document with a root of type VALUE_NONE, with room for about that much. */
struct doc *doc_make(size_t text_bytes, uint32_t nodes);
/* A node of type VALUE_NONE at the end of the array or object `parent`; a member's key must already be kept
 * and is not looked for. */
uint32_t doc_append(struct doc *doc, uint32_t parent, struct str key);
/* A copy of the bytes that lives as long as the document. */
const char *doc_keep(struct doc *doc, struct str text);
/* Makes the node a string, number or boolean whose text is already kept. */
static inline void doc_put_text(struct doc *doc, uint32_t at, enum value_type type, struct str text)
{
    struct node *node = &doc->nodes[at];
    node->type = type;
    node->text = text.at;
    node->length = (uint32_t)text.length;
}
/* Makes the node null or an empty array or object. */
static inline void doc_put_empty(struct doc *doc, uint32_t at, enum value_type type)
{
    struct node *node = &doc->nodes[at];
    node->type = type;
    node->first = node->last = 0;
    node->length = 0;
    doc->found = 0; /* what was a member may not be one any more */
}
/* A member whose key another member before it has; absent if all are unique. */
struct value doc_repeated(struct value object);
/* Of the members that share a key keeps the one that was made first. */
void doc_drop_repeated(struct value object);

#endif
