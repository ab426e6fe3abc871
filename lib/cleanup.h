/* Cleanup attributes: what a scope owns is released when the scope ends, whichever way it ends. */
#ifndef PODTREE_CLEANUP_H
#define PODTREE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Memory from malloc. */
#define autofree cleanup(cleanup_free)
/* A descriptor, or -1. */
#define autoclose cleanup(cleanup_close)

/* Hands the value out of a scope that would otherwise release it. */
#define take_pointer(variable)                \
    ({                                        \
        typeof(variable) taken_ = (variable); \
        (variable) = NULL;                    \
        taken_;                               \
    })
#define take_fd(variable)        \
    ({                           \
        int taken_ = (variable); \
        (variable) = -1;         \
        taken_;                  \
    })

#endif
