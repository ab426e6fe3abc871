/* Amounts of resources: which resources are counted, in what, and sums of them. Those that every pod has to
 * do with are always there, and cost nothing to look up; the others, huge pages and what is named after a
 * domain (example.com/gpu), are numbered as they are met, and only take room where there are some. So the
 * scheduler, a node's admission and its status count the same, and another resource is a row here
 * (Kubernetes: NodeResourcesFit, v1helper.IsScalarResourceName). One thread only may use this.
 */
#ifndef PODTREE_AMOUNTS_H
#define PODTREE_AMOUNTS_H

#include "lib/doc.h"

enum resource {
    RESOURCE_CPU,     /* in thousandths */
    RESOURCE_MEMORY,  /* in bytes */
    RESOURCE_STORAGE, /* ephemeral-storage, in bytes */
    RESOURCE_PODS,
    /* What a pod is reckoned with when nodes are compared, where it asks for nothing. They have no names. */
    RESOURCE_LIKELY_CPU,
    RESOURCE_LIKELY_MEMORY,
    RESOURCE_NATIVE, /* so many; what follows is numbered as it is met, in whole units */
};

/* The number of the resource of this name; -1 when it isn't counted. */
int resource_number(struct str name);
struct str resource_name(int resource);
/* Anybody may give it a name and a node some of it; a node that knows nothing of it doesn't refuse it. */
bool resource_is_extended(struct str name);

struct amount {
    int64_t resource, amount;
};

/* Zero-initialised is nothing; to be cleared with amounts_clear() if it has been changed here. */
struct amounts {
    int64_t native[RESOURCE_NATIVE];
    struct amount *others; /* by number; what isn't there is 0 */
    size_t count, capacity;
};

int64_t amounts_get(const struct amounts *amounts, int resource);
/* Keeps a 0. */
void amounts_set(struct amounts *amounts, int resource, int64_t amount);
/* Adds `times` these amounts; what comes to 0 is dropped. */
void amounts_add(struct amounts *amounts, const struct amounts *more, int times);
/* Of each the larger. */
void amounts_raise(struct amounts *amounts, const struct amounts *others);
void amounts_clear(struct amounts *amounts);
#define autoamounts cleanup(amounts_clear)

/* A ResourceList (requests, limits, allocatable …): what it says of resources that are counted takes the
 * place of what is there, and the others stay. */
void amounts_read(struct amounts *amounts, struct value list);
/* Writes all that have names. */
void amounts_write(const struct amounts *amounts, struct value list);

#endif
