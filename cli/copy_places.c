#include "cli/copy_places.h"

#include "lib/file.h"
#include "lib/str.h"
#include <errno.h>

void copy_places_free(struct copy_places *places)
{
    free(places->pod);
    free(places->there);
    *places = (struct copy_places){0};
}

/* As kubectl: what begins like a path is one, whatever comes behind. */
static bool is_in_pod(const char *word)
{
    return strchr(word, ':') != NULL && word[0] != '/' && word[0] != '.';
}

/* NS/POD is short for the path of the tree. */
static char *pod_word(struct str pod)
{
    struct str rest = pod, namespace;
    str_split(&rest, '/', &namespace);
    bool is_short = rest.at != NULL && memchr(rest.at, '/', rest.length) == NULL &&
                    !str_is(namespace, "pods") && !str_is(namespace, "pod");
    return is_short ? path_format("namespaces/" STR_FORMAT "/pods/" STR_FORMAT, STR_ARGS(namespace),
                                  STR_ARGS(rest))
                    : str_dup(pod);
}

int copy_places_parse(const char *from, const char *to, struct copy_places *places, struct error **err)
{
    bool outwards = is_in_pod(from), inwards = is_in_pod(to);
    if (outwards == inwards)
        return error_make(err, EINVAL, "one of %s and %s must be POD:PATH, and only one", from, to);
    struct str rest = str_of(inwards ? to : from), pod;
    str_split(&rest, ':', &pod);
    if (pod.length == 0 || rest.length == 0)
        return error_make(err, EINVAL, "%s must be POD:PATH", inwards ? to : from);
    *places = (struct copy_places){
        .inwards = inwards, .pod = pod_word(pod), .there = str_dup(rest), .here = inwards ? from : to};
    return 0;
}
