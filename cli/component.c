#include "cli/component.h"

#include "lib/file.h"

#define FROM(member) offsetof(struct settings, member)

const struct component components[] = {
    [COMPONENT_FSD] =
        {
            .name = "fsd",
            .identity = IDENTITY_FSD,
            .arguments = "--mount {mount} --state {state} --kinds {kinds} "
                         "--fuse-fd 3 --memory-fd 4 --notifier-fd 5",
            .needs = FROM(mount),
            .stop = STOP_FSD,
            .fds = {HELD_FUSE, HELD_MEMORY, HELD_FSD_END},
            .fd_count = 3,
        },
    /* It uses its socket alone. The others are safe with it: when supervisor and fsd die together, it keeps
     * the mount alive, and a new supervisor takes the descriptors out of it. */
    {
        .name = "notifier",
        .identity = IDENTITY_NOTIFIER,
        .arguments = "--mount {mount} --socket-fd 3",
        .needs = FROM(mount),
        .stop = STOP_NOTIFIER,
        .fds = {HELD_NOTIFIER_END, HELD_FUSE, HELD_MEMORY, HELD_FSD_END},
        .fd_count = 4,
    },
    {
        .name = "scheduler",
        .identity = IDENTITY_SCHEDULER,
        .arguments = "--mount {mount}",
        .needs = FROM(mount),
    },
    {
        .name = "workloads",
        .identity = IDENTITY_WORKLOADS,
        .arguments = "--mount {mount}",
        .needs = FROM(mount),
    },
    {
        .name = "gc",
        .identity = IDENTITY_GC,
        .arguments = "--mount {mount}",
        .needs = FROM(mount),
    },
    {
        .name = "nodeagent",
        .identity = IDENTITY_NODE,
        .arguments = "--mount {mount} --state {state} --run {run} --node {node} --kinds {kinds} "
                     "--runtime {runtime} --runtime-timeout {runtime-timeout} "
                     "--static-pod-path {static-pod-path} "
                     "--image-gc-high-threshold {image-gc-high-threshold} "
                     "--image-gc-low-threshold {image-gc-low-threshold} "
                     "--image-minimum-gc-age {image-minimum-gc-age} "
                     "--pod-max-pids {pod-max-pids}",
        .needs = FROM(node),
    },
    {
        .name = "hollow",
        .identity = IDENTITY_NODE,
        .arguments = "--mount {mount} --nodes {hollow}",
        .needs = FROM(hollow),
    },
};
const size_t component_count = COUNT(components);

static const char *member_at(const struct settings *settings, size_t offset)
{
    return *(char *const *)(const void *)((const char *)settings + offset);
}

bool component_wanted(const struct component *component, const struct settings *settings)
{
    return member_at(settings, component->needs) != NULL;
}

/* A word in braces becomes a member of the settings; NULL where that isn't set. */
static char *expand(struct str word, const struct settings *settings)
{
    if (!str_starts(word, STR("{")))
        return str_dup(word);
    struct str name = {word.at + 1, word.length - 2};
    for (const struct settings_field *field = settings_fields; field->name != NULL; field++)
        if (str_is(name, field->name))
            return member_at(settings, field->offset) != NULL
                       ? str_dup(str_of(member_at(settings, field->offset)))
                       : NULL;
    abort(); /* a row of the table above names what there isn't */
}

char **component_argv(const struct component *component, const struct settings *settings, const char *more)
{
    char **argv = NULL;
    size_t count = 0, capacity = 0;
    array_grow(argv, count, capacity);
    argv[count++] = path_format("%s/podtree-%s", settings->libexec, component->name);
    const char *const texts[] = {component->arguments, more};
    for (size_t i = 0; i < 2; i++) {
        struct str rest = str_of(texts[i]), word;
        while (str_split(&rest, ' ', &word)) {
            array_grow(argv, count, capacity);
            argv[count] = expand(word, settings);
            if (argv[count] != NULL)
                count++;
            else
                free(argv[--count]); /* the option that it would be the value of */
        }
    }
    array_grow(argv, count, capacity);
    argv[count] = NULL;
    return argv;
}

void component_free_argv(char **argv)
{
    for (char **word = argv; *word != NULL; word++)
        free(*word);
    free(argv);
}
