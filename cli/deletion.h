/* What podtree delete asks for, as lines of a .bulk, and what is answered (doc/programs.md). */
#ifndef PODTREE_DELETION_H
#define PODTREE_DELETION_H

#include "lib/doc.h"

/* What becomes of the objects that the deleted one owns, in Kubernetes' words. */
enum cascade {
    CASCADE_BACKGROUND, /* they follow */
    CASCADE_FOREGROUND, /* they go first */
    CASCADE_ORPHAN      /* they stay, and are owned no more */
};

struct deletion {
    enum cascade cascade;
    int64_t grace; /* seconds; -1: as the object says */
};

/* -EINVAL and a sentence when it is none of the three words. */
int cascade_parse(const char *word, enum cascade *cascade, struct error **err);

/* Writes the requests that delete the object `object`, of kind `resource`, in one change. Returns how many
 * results they will have. The answer is EAGAIN when the object has changed meanwhile and that matters. */
size_t deletion_write(const struct deletion *deletion, struct str resource, struct value object,
                      struct buf *requests);

/* 0, or the negative errno of the request that was refused, with the answer's sentence: -EAGAIN, or -EIO for
 * everything else. */
int deletion_read(struct str results, struct error **err);

#endif
