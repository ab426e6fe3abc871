#include "cli/kinds.h"

#include "lib/file.h"
#include "lib/name.h"
#include <errno.h>
#include <sys/stat.h>

static int refuse_kind(const char *mount, struct str name, struct str known, struct error **err)
{
    struct name_search search = name_search(name);
    struct str rest = known, kind;
    while (str_split(&rest, '\n', &kind)) {
        struct str qualified = kind, plural = STR_NONE;
        if (str_split(&qualified, '.', &plural))
            name_search_try(&search, plural);
        name_search_try(&search, kind);
    }
    if (search.name.length != 0)
        return error_make(err, ENOENT, "there is no kind " STR_FORMAT ": did you mean " STR_FORMAT "?",
                          STR_ARGS(name), STR_ARGS(search.name));
    return error_make(err, ENOENT, "there is no kind " STR_FORMAT ": those that there are stand in %s/all",
                      STR_ARGS(name), mount);
}

int kinds_check(struct tree *tree, const char *mount, struct str name, struct error **err)
{
    autofree char *path = path_format("%s/all/" STR_FORMAT, mount, STR_ARGS(name));
    if (access(path, F_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return error_errno(err, errno, "cannot look for %s", path);
    autobuf struct buf names = {0};
    int result = tree_resources(tree, &names, err);
    return result < 0 ? result : refuse_kind(mount, name, str_trim(buf_str(&names)), err);
}

/* Where a kind's directory would be is then a link to that of the namespace default. */
bool kinds_namespaced(const char *mount, struct str name)
{
    struct stat status;
    autofree char *path = path_format("%s/" STR_FORMAT, mount, STR_ARGS(name));
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}
