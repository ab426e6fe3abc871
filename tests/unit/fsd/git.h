/* What the git program says about a repository; a test fails when git does. Behind cmocka's headers. */
#ifndef PODTREE_TEST_GIT_H
#define PODTREE_TEST_GIT_H

#include "lib/file.h"
#include <stdio.h>

static inline char *git_says(const char *repository, const char *arguments)
{
    autofree char *command = path_format("exec 2>&1; git --git-dir=%s %s", repository, arguments);
    FILE *output = popen(command, "re");
    assert_non_null(output);
    struct buf text = {0};
    size_t n;
    while ((n = fread(buf_reserve(&text, 4096), 1, 4096, output)) > 0)
        text.length += n;
    int status = pclose(output);
    autofree char *said = buf_take(&text);
    if (status != 0)
        fail_msg("git %s: %s", arguments, said);
    return take_pointer(said);
}

static inline void expect_git_says(const char *repository, const char *arguments, const char *expected)
{
    autofree char *said = git_says(repository, arguments);
    assert_string_equal(said, expected);
}

#endif
