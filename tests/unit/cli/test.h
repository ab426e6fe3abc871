/* What the tests of cli/ share. */
#ifndef PODTREE_CLI_TEST_H
#define PODTREE_CLI_TEST_H

#include "lib/error.h"
#include "lib/file.h"
#include "lib/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* An empty directory for one test; remove_place() takes it away. */
static inline int make_place(void **state)
{
    char *place = str_dup(STR("/tmp/podtree-cli.XXXXXX"));
    *state = place;
    return mkdtemp(place) != NULL ? 0 : -1;
}

static inline int remove_place(void **state)
{
    int result = directory_remove(*state, NULL);
    free(*state);
    return result;
}

#define place_test(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

#endif
