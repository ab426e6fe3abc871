/* podtree watch: prints changes as lines, also where inotify can't reach.
 *
 * Each kind is followed with its .version and .since, as every program does. The first reading only learns
 * what is there, so that creation can be told from change afterwards. */
#include "cli/command.h"
#include "cli/interest.h"
#include "cli/kinds.h"
#include "cli/settings.h"
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/file.h"
#include "lib/map.h"
#include "lib/tree.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* inotify may be silent on a tree that comes over a network; then its versions are asked for. */
#define ASK_MS 2000

struct seen {
    struct map_node by_uid;
};

struct followed {
    struct followed *next;
    char *resource;
    struct interest *interests; /* all of them; those of another resource don't matter */
    size_t interest_count;
    int64_t version;
    bool changed, silent; /* silent: learning what is there */
    struct map seen;
};

static void print_change(const char *verb, const struct followed *followed, struct value object)
{
    char now[CLOCK_TEXT];
    clock_format(clock_wall_ms(), now);
    struct value metadata = value_get(object, STR("metadata"));
    struct str space = value_str(value_get(metadata, STR("namespace")));
    printf("%s %-7s %s/" STR_FORMAT "%s" STR_FORMAT " version=" STR_FORMAT "\n", now, verb,
           followed->resource, STR_ARGS(space), space.length > 0 ? "/" : "",
           STR_ARGS(value_str(value_get(metadata, STR("name")))),
           STR_ARGS(value_str(value_get(metadata, STR("resourceVersion")))));
    fflush(stdout);
}

static bool is_interesting(const struct followed *followed, struct value object)
{
    struct value metadata = value_get(object, STR("metadata"));
    struct str space = value_str(value_get(metadata, STR("namespace")));
    struct str name = value_str(value_get(metadata, STR("name")));
    bool interesting = followed->interest_count == 0;
    for (size_t i = 0; i < followed->interest_count; i++)
        if (str_is(followed->interests[i].resource, followed->resource) &&
            interest_matches(&followed->interests[i], space, name))
            followed->interests[i].seen = interesting = true;
    return interesting;
}

static void forget(struct followed *followed, struct seen *seen)
{
    map_remove(&followed->seen, &seen->by_uid);
    free((char *)(uintptr_t)seen->by_uid.key.at);
    free(seen);
}

/* What is known of the object so far decides what its line says. */
static const char *learn(struct followed *followed, struct value object)
{
    struct str uid = value_str(value_at(object, "metadata", "uid"));
    struct seen *seen = map_entry(map_find(&followed->seen, uid), struct seen, by_uid);
    if (value_true(value_get(object, STR("deleted")))) {
        if (seen != NULL)
            forget(followed, seen);
        return "deleted";
    }
    if (seen != NULL)
        return "changed";
    seen = memory_zeroed(1, sizeof(*seen));
    seen->by_uid.key = (struct str){str_dup(uid), uid.length};
    map_insert(&followed->seen, &seen->by_uid);
    return "created";
}

static int on_line(void *context, struct str line, struct error **err)
{
    struct followed *followed = context;
    autodoc struct doc *doc = doc_parse(line, err);
    if (doc == NULL)
        return -EPROTO;
    struct value root = doc_root(doc);
    if (tree_is_reached(root, &followed->version))
        return 1;
    if (value_true(value_get(root, STR("reset"))) || !is_interesting(followed, root))
        return 0;
    const char *verb = learn(followed, root);
    if (!followed->silent)
        print_change(verb, followed, root);
    return 0;
}

static int catch_up(struct tree *tree, struct followed *all, struct error **err)
{
    for (struct followed *followed = all; followed != NULL; followed = followed->next) {
        if (!followed->changed)
            continue;
        followed->changed = false;
        int result = tree_since(tree, followed->resource, followed->version, true, on_line, followed, err);
        if (result < 0)
            return result;
        followed->silent = false;
    }
    return 0;
}

/* An object that has not been seen, or a namespace that isn't there. */
static bool is_missing(const struct interest *interest, const char *mount)
{
    if (interest->name.length > 0)
        return !interest->seen;
    autofree char *space = path_format("%s/namespaces/" STR_FORMAT, mount, STR_ARGS(interest->space));
    return interest->space.length > 0 && access(space, F_OK) < 0 && errno == ENOENT;
}

/* It may come; but a misspelt name would be waited for in vain. */
static void say_what_is_missing(const struct interest *interests, size_t count, const char *mount)
{
    for (size_t i = 0; i < count; i++)
        if (is_missing(&interests[i], mount))
            fprintf(stderr, "podtree watch: " STR_FORMAT " is not there yet: waiting for it\n",
                    STR_ARGS(interests[i].word));
}

static int watch(struct tree *tree, struct followed *all, struct interest *interests, size_t count,
                 const char *mount, struct error **err)
{
    for (struct followed *followed = all; followed != NULL; followed = followed->next)
        tree_follow(tree, followed->resource, &followed->changed);
    for (bool first = true;; first = false) {
        int result = tree_events(tree, err);
        if (result == 0)
            result = catch_up(tree, all, err);
        if (result < 0)
            return result;
        if (first)
            say_what_is_missing(interests, count, mount);
        struct pollfd waiting = {.fd = tree_descriptor(tree), .events = POLLIN};
        int ready = poll(&waiting, 1, ASK_MS);
        for (struct followed *followed = all; ready == 0 && followed != NULL; followed = followed->next)
            followed->changed = true;
    }
}

static void follow(struct followed **all, struct str resource, struct interest *interests, size_t count)
{
    for (struct followed *followed = *all; followed != NULL; followed = followed->next)
        if (str_is(resource, followed->resource))
            return;
    struct followed *followed = memory_zeroed(1, sizeof(*followed));
    *followed = (struct followed){.next = *all,
                                  .resource = str_dup(resource),
                                  .interests = interests,
                                  .interest_count = count,
                                  .changed = true,
                                  .silent = true};
    *all = followed;
}

static void free_followed(struct followed **all)
{
    while (*all != NULL) {
        struct followed *followed = *all;
        *all = followed->next;
        for (struct map_node *node; (node = map_next(&followed->seen, NULL)) != NULL;)
            forget(followed, map_entry(node, struct seen, by_uid));
        map_free(&followed->seen);
        free(followed->resource);
        free(followed);
    }
}

/* Without a word: everything that there is. */
static int choose(struct tree *tree, char **words, int count, const char *mount, struct interest *interests,
                  struct followed **all, struct error **err)
{
    autobuf struct buf names = {0};
    int result = count == 0 ? tree_resources(tree, &names, err) : 0;
    struct str rest = str_trim(buf_str(&names)), name;
    while (result == 0 && names.length > 0 && str_split(&rest, '\n', &name))
        follow(all, name, NULL, 0);
    for (int i = 0; i < count && result == 0; i++)
        result = interest_parse(words[i], mount, &interests[i], err);
    for (int i = 0; i < count && result == 0; i++)
        result = kinds_check(tree, mount, interests[i].resource, err);
    for (int i = 0; i < count && result == 0; i++)
        follow(all, interests[i].resource, interests, (size_t)count);
    return result;
}

int command_watch(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    const struct option_row options[] = {OPTION_MOUNT(directories), {0}};
    const struct usage usage = {
        .synopsis = "podtree watch [KIND…|PATH…]",
        .about = "Prints a line for each object that is created, changed or deleted, until it is "
                 "interrupted: of the\n"
                 "kinds named (pods, deployments.apps), of one object (deployments/web, "
                 "namespaces/team/pods/web-0), or\n"
                 "everything. Works where inotify doesn't reach as well.\n",
        .options = options,
        .most = -1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    autotree struct tree *tree = NULL;
    result = tree_mount(directories.mount, &tree, err);
    if (result < 0)
        return result;
    autofree struct interest *interests = memory_zeroed((size_t)count + 1, sizeof(*interests));
    cleanup(free_followed) struct followed *all = NULL;
    result = choose(tree, words, count, directories.mount, interests, &all, err);
    return result < 0 ? result : watch(tree, all, interests, (size_t)count, directories.mount, err);
}
