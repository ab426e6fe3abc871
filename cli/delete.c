/* podtree delete: deletes objects, and says what becomes of those that they own. Without that, rmdir does.
 *
 * All of them are looked for first, so that a misspelt word deletes nothing. */
#include "cli/command.h"
#include "cli/deletion.h"
#include "cli/interest.h"
#include "cli/kinds.h"
#include "cli/settings.h"
#include "lib/file.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* inotify may be silent on a tree that comes over a network; then the tree is asked again. */
#define ASK_MS 2000
/* Somebody else may change an object between our reading and our request, but not always. */
#define ATTEMPTS 100

struct target {
    const char *word;     /* as it was given */
    char *resource;       /* its kind */
    char *path;           /* its directory */
    struct doc *document; /* the object, as it was when it was read last */
    bool changed;         /* something of its kind has */
};

struct targets {
    struct target *target;
    size_t count;
};

static void free_targets(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        free(targets->target[i].resource);
        free(targets->target[i].path);
        doc_free(targets->target[i].document);
    }
    free(targets->target);
}

/* ---- finding them ---- */

static int read_object(struct target *target, struct error **err)
{
    autofree char *path = path_format("%s/.json", target->path);
    doc_free(target->document);
    autoerror struct error *failure = NULL;
    target->document = doc_read(path, &failure);
    if (target->document != NULL)
        return 0;
    int number = failure->number;
    if (number == ENOENT || number == ENOTDIR)
        return error_make(err, number, "there is no %s (%s)", target->word, target->path);
    error_move(err, take_pointer(failure));
    return -number;
}

static int locate(struct tree *tree, const char *mount, const char *namespace, struct target *target,
                  struct error **err)
{
    struct interest interest;
    int result = interest_parse(target->word, mount, &interest, err);
    if (result == 0)
        result = kinds_check(tree, mount, interest.resource, err);
    if (result < 0)
        return result;
    if (interest.name.length == 0)
        return error_make(err, EINVAL, "%s is a kind: say which object, as in %s/NAME", target->word,
                          target->word);
    target->resource = str_dup(interest.resource);
    struct str space = interest.space.length > 0 ? interest.space : str_of(namespace);
    target->path = kinds_namespaced(mount, interest.resource)
                       ? path_format("%s/namespaces/" STR_FORMAT "/%s/" STR_FORMAT, mount, STR_ARGS(space),
                                     target->resource, STR_ARGS(interest.name))
                       : path_format("%s/%s/" STR_FORMAT, mount, target->resource, STR_ARGS(interest.name));
    return read_object(target, err);
}

/* ---- deleting them ---- */

static int ask(struct tree *tree, const struct deletion *deletion, struct target *target, struct error **err)
{
    for (int attempt = 1;; attempt++) {
        autobuf struct buf requests = {0}, results = {0};
        autoerror struct error *refusal = NULL;
        size_t count =
            deletion_write(deletion, str_of(target->resource), doc_root(target->document), &requests);
        int result = tree_bulk(tree, buf_str(&requests), count, &results, err);
        if (result < 0)
            return result;
        result = deletion_read(buf_str(&results), &refusal);
        if (result != -EAGAIN || attempt == ATTEMPTS) {
            error_move(err, take_pointer(refusal));
            return result < 0 ? error_wrap(err, "%s", target->word) : 0;
        }
        result = read_object(target, err);
        if (result < 0)
            return result;
    }
}

/* Another one of the same name is another one. */
static int is_gone(const struct target *target, bool *gone, struct error **err)
{
    autobuf struct buf uid = {0};
    autoerror struct error *failure = NULL;
    autofree char *path = path_format("%s/metadata/uid", target->path);
    int result = file_read(path, &uid, &failure);
    *gone = result == -ENOENT || result == -ENOTDIR ||
            (result == 0 && !str_equal(str_trim(buf_str(&uid)),
                                       value_str(value_at(doc_root(target->document), "metadata", "uid"))));
    if (result == 0 || *gone)
        return 0;
    error_move(err, take_pointer(failure));
    return result;
}

static int wait_for_end(struct tree *tree, struct target *target, struct error **err)
{
    tree_follow(tree, target->resource, &target->changed);
    for (;;) {
        bool gone = false;
        int result = tree_events(tree, err);
        if (result == 0)
            result = is_gone(target, &gone, err);
        if (result < 0 || gone)
            return result;
        struct pollfd waiting = {.fd = tree_descriptor(tree), .events = POLLIN};
        if (poll(&waiting, 1, ASK_MS) < 0 && errno != EINTR)
            return error_errno(err, errno, "cannot wait for the end of %s", target->word);
    }
}

static int say_end(const struct target *target, struct error **err)
{
    bool gone;
    int result = is_gone(target, &gone, err);
    if (result == 0)
        printf("%s %s\n", target->word, gone ? "is gone" : "is being deleted");
    fflush(stdout);
    return result;
}

/* The first refusal ends it; of those before it is said what became of them all the same. */
static int delete_all(struct tree *tree, const struct deletion *deletion, const struct targets *targets,
                      bool wait, struct error **err)
{
    int result = 0;
    size_t asked = 0;
    while (asked < targets->count && (result = ask(tree, deletion, &targets->target[asked], err)) == 0)
        asked++;
    for (size_t i = 0; i < asked; i++) {
        if (wait && result == 0)
            result = wait_for_end(tree, &targets->target[i], err);
        int said = say_end(&targets->target[i], result == 0 ? err : NULL);
        result = result == 0 ? said : result;
    }
    return result;
}

int command_delete(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    struct deletion deletion = {.grace = -1};
    const char *namespace = "default", *cascade = "background";
    bool wait = false;
    const struct option_row options[] = {
        {.name = "cascade",
         .argument = "HOW",
         .help = "what it owns: background (follows), foreground (goes first), orphan (stays)",
         .text = &cascade},
        OPTION_NAMESPACE(namespace, "where a bare KIND/NAME is (default)"),
        {.name = "grace",
         .argument = "SECONDS",
         .help = "how long a pod may take to end (as it says itself)",
         .number = &deletion.grace},
        {.name = "wait", .help = "return when all are gone", .flag = &wait},
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree delete [OPTION…] KIND/NAME…",
        .about =
            "Deletes objects (deployments/web, namespaces/team/pods/web-0), as rmdir does, and says what "
            "becomes\n"
            "of those that they own. If one of them isn't there, nothing is deleted.\n",
        .options = options,
        .least = 1,
        .most = -1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    result = cascade_parse(cascade, &deletion.cascade, err);
    autotree struct tree *tree = NULL;
    if (result == 0)
        result = tree_mount(directories.mount, &tree, err);
    cleanup(free_targets) struct targets targets = {
        .target = memory_zeroed((size_t)count, sizeof(*targets.target)), .count = (size_t)count};
    for (int i = 0; i < count && result == 0; i++) {
        targets.target[i].word = words[i];
        result = locate(tree, directories.mount, namespace, &targets.target[i], err);
    }
    return result < 0 ? result : delete_all(tree, &deletion, &targets, wait, err);
}
