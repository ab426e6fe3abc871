/* A directory for one test, removed with all that is in it. */
#ifndef PODTREE_TEST_SCRATCH_H
#define PODTREE_TEST_SCRATCH_H

#include "lib/file.h"
#include <stdio.h>

static inline int scratch_make(void **state)
{
    char *path = path_format("%s/podtree-test.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    *state = path;
    return mkdtemp(path) != NULL ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    autofree char *path = *state;
    autoerror struct error *err = NULL;
    if (directory_remove(path, &err) == 0)
        return 0;
    fprintf(stderr, "%s\n", error_message(err));
    return -1;
}

#endif
