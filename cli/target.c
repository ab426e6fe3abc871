#include "cli/target.h"

#include "cli/interest.h"
#include "lib/file.h"
#include <errno.h>
#include <stdio.h>

#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"

void target_free(struct target *target)
{
    free(target->uid);
    free(target->container);
    free(target->title);
    free(target->node);
    *target = (struct target){0};
}

/* In all of the pod's lists of containers, those that are meant without a word first. */
static struct value find_container(struct value pod, struct str name)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (container, value_at(pod, "spec", lists[i]))
            if (str_equal(value_str(value_get(container, STR("name"))), name))
                return container;
    return VALUE_ABSENT;
}

static void list_names(struct value pod, struct buf *names)
{
    value_each (container, value_at(pod, "spec", "containers"))
        buf_addf(names, "%s" STR_FORMAT, names->length > 0 ? ", " : "",
                 STR_ARGS(value_str(value_get(container, STR("name")))));
}

int target_choose(struct value pod, const char *container, struct target *target, char **others,
                  struct error **err)
{
    struct value containers = value_at(pod, "spec", "containers");
    struct str wanted = str_of(container), node = value_str(value_at(pod, "spec", "nodeName"));
    autobuf struct buf names = {0};
    list_names(pod, &names);
    if (wanted.at == NULL)
        wanted = value_str(value_at(pod, "metadata", "annotations", DEFAULT_CONTAINER));
    bool chosen = wanted.length > 0;
    if (!chosen)
        wanted = value_str(value_get(value_element(containers, 0), STR("name")));
    if (!value_exists(find_container(pod, wanted)))
        return error_make(err, ENOENT, "the pod has no container " STR_FORMAT ": it has %s", STR_ARGS(wanted),
                          names.length > 0 ? names.at : "none");
    if (!chosen && value_count(containers) > 1)
        *others =
            path_format("Defaulted container \"" STR_FORMAT "\" out of: %s", STR_ARGS(wanted), names.at);
    *target = (struct target){
        .uid = str_dup(value_str(value_at(pod, "metadata", "uid"))),
        .container = str_dup(wanted),
        .title = path_format(STR_FORMAT "/" STR_FORMAT,
                             STR_ARGS(value_str(value_at(pod, "metadata", "namespace"))),
                             STR_ARGS(value_str(value_at(pod, "metadata", "name")))),
        .node = node.length > 0 ? str_dup(node) : NULL,
    };
    return 0;
}

int target_find(const char *mount, const char *word, const struct target_wish *wish, struct target *target,
                struct error **err)
{
    struct interest interest = {.resource = STR("pods"), .name = str_of(word)};
    int result = strchr(word, '/') != NULL ? interest_parse(word, mount, &interest, err) : 0;
    if (result < 0)
        return result;
    bool is_pod = str_is(interest.resource, "pods") || str_is(interest.resource, "pod");
    if (!is_pod || interest.name.length == 0)
        return error_make(err, EINVAL, "%s is no pod: say NAME, or namespaces/NS/pods/NAME", word);
    struct str space = interest.space.length > 0 ? interest.space : str_of(wish->namespace);
    autofree char *path = path_format("%s/namespaces/" STR_FORMAT "/pods/" STR_FORMAT "/.json", mount,
                                      STR_ARGS(space), STR_ARGS(interest.name));
    autoerror struct error *failure = NULL;
    autodoc struct doc *pod = doc_read(path, &failure);
    if (pod == NULL && (failure->number == ENOENT || failure->number == ENOTDIR))
        return error_make(err, ENOENT, "there is no pod " STR_FORMAT "/" STR_FORMAT, STR_ARGS(space),
                          STR_ARGS(interest.name));
    if (pod == NULL) {
        result = -failure->number;
        error_move(err, take_pointer(failure));
        return result;
    }
    autofree char *others = NULL;
    result = target_choose(doc_root(pod), wish->container, target, &others, err);
    if (others != NULL)
        fprintf(stderr, "%s\n", others);
    return result;
}
