#include "cli/interest.h"

#include <errno.h>

#define MOST_PIECES 5

/* The word without the mount and slashes around. */
static struct str below_mount(const char *word, const char *mount)
{
    struct str rest = str_of(word), above = str_of(mount);
    if (str_starts(rest, above))
        rest = (struct str){rest.at + above.length, rest.length - above.length};
    while (str_starts(rest, STR("/")))
        rest = (struct str){rest.at + 1, rest.length - 1};
    while (str_ends(rest, STR("/")))
        rest.length--;
    return rest;
}

/* The shapes that a path may have: which piece is what; 0: a word that stands there, '*': any. */
static const struct shape {
    const char *first;
    int count;
    int resource, space, name; /* numbers of pieces, from 1; 0: not said */
} shapes[] = {
    {"all", 2, 2, 0, 0},        {"all", 3, 2, 3, 0}, {"all", 4, 2, 3, 4}, {"namespaces", 3, 3, 2, 0},
    {"namespaces", 4, 3, 2, 4}, {NULL, 1, 1, 0, 0},  {NULL, 2, 1, 0, 2},
};

int interest_parse(const char *word, const char *mount, struct interest *interest, struct error **err)
{
    struct str rest = below_mount(word, mount), pieces[MOST_PIECES + 1] = {{0}};
    int count = 0;
    while (count < MOST_PIECES && rest.length > 0 && str_split(&rest, '/', &pieces[count + 1]))
        count++;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct shape *shape = &shapes[i];
        if (shape->count != count || (shape->first != NULL && !str_is(pieces[1], shape->first)))
            continue;
        *interest = (struct interest){.resource = pieces[shape->resource],
                                      .space = pieces[shape->space],
                                      .name = pieces[shape->name],
                                      .word = str_of(word)};
        return 0;
    }
    return error_make(err, EINVAL, "%s is neither a kind nor the path of an object: pods, deployments/web",
                      word);
}

/* An object that is in no namespace has the empty one. A name without a namespace is one in default, or one
 * of a kind that has none. */
bool interest_matches(const struct interest *interest, struct str space, struct str name)
{
    if (interest->name.length > 0 && !str_equal(interest->name, name))
        return false;
    if (interest->space.length > 0)
        return str_equal(interest->space, space);
    return interest->name.length == 0 || space.length == 0 || str_is(space, "default");
}
