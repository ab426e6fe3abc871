/* Commits.
 *
 * Nothing of the repository is kept in memory but the ids of the newest commit and its tree. A commit reads
 * the trees on the way to each changed file, once, writes them anew from the leaves up, then the commit, then
 * moves main. Trees off that way are not touched.
 *
 * Everything is on the disk before main points at it: one syncfs for all objects of some commits. libgit2
 * would sync each object and its directory, a dozen times for the smallest commit, and each waits for the
 * disk on which the store commits. Main itself and its reflog libgit2 syncs. */
#include "fsd/history_private.h"

#include <errno.h>
#include <fcntl.h>
#include <git2/sys/commit.h>
#include <pthread.h>

#define BRANCH  "refs/heads/main"
#define TRAILER "Seq: "

#define CACHE_BYTES  ((ssize_t)1 << 20)
#define WINDOW_BYTES ((size_t)1 << 20)
#define MAPPED_BYTES ((size_t)16 << 20)

const struct history_author history_podtree = {STR("podtree"), STR("podtree@" HISTORY_DOMAIN)};

static void cleanup_tree(git_tree **tree)
{
    git_tree_free(*tree);
}
static void cleanup_commit(git_commit **commit)
{
    git_commit_free(*commit);
}
static void cleanup_builder(git_treebuilder **builder)
{
    git_treebuilder_free(*builder);
}
static void cleanup_signature(git_signature **signature)
{
    git_signature_free(*signature);
}

int history_error(struct error **err, const char *what)
{
    int number = errno;
    const git_error *last = git_error_last();
    bool by_system = last != NULL && last->klass == GIT_ERROR_OS && number > 0;
    return error_make(err, by_system ? number : EIO, "%s: %s", what,
                      last != NULL ? last->message : "unknown error");
}

/* ---- trees ---- */

/* The name at this depth of a path, and whether it is the file itself. */
static bool component(struct str path, size_t from, struct str *name)
{
    const char *slash = memchr(path.at + from, '/', path.length - from);
    size_t end = slash != NULL ? (size_t)(slash - path.at) : path.length;
    *name = (struct str){path.at + from, end - from};
    return slash == NULL;
}

static int remove_entry(git_treebuilder *builder, const char *name)
{
    return git_treebuilder_get(builder, name) != NULL ? git_treebuilder_remove(builder, name) : 0;
}

static int put_file(struct history *history, git_treebuilder *builder, const char *name, struct str text)
{
    if (text.at == NULL)
        return remove_entry(builder, name);
    git_oid id;
    int code = git_blob_create_from_buffer(&id, history->repository, text.at, text.length);
    history->loose++;
    return code == 0 ? git_treebuilder_insert(NULL, builder, name, &id, GIT_FILEMODE_BLOB) : code;
}

static int update_tree(struct history *history, const git_oid *old, const struct history_change *changes,
                       size_t count, size_t from, git_oid *id, bool *empty);

static int put_folder(struct history *history, git_treebuilder *builder, const char *name,
                      const struct history_change *changes, size_t count, size_t from)
{
    const git_tree_entry *entry = git_treebuilder_get(builder, name);
    bool folder = entry != NULL && git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE;
    git_oid id;
    bool empty;
    int code =
        update_tree(history, folder ? git_tree_entry_id(entry) : NULL, changes, count, from, &id, &empty);
    if (code != 0)
        return code;
    return empty ? remove_entry(builder, name)
                 : git_treebuilder_insert(NULL, builder, name, &id, GIT_FILEMODE_TREE);
}

/* The tree with the changes, which are sorted by path and the same up to `from`. `old` NULL: there is none.
 */
static int update_tree(struct history *history, const git_oid *old, const struct history_change *changes,
                       size_t count, size_t from, git_oid *id, bool *empty)
{
    cleanup(cleanup_tree) git_tree *tree = NULL;
    cleanup(cleanup_builder) git_treebuilder *builder = NULL;
    int code = old != NULL ? git_tree_lookup(&tree, history->repository, old) : 0;
    if (code == 0)
        code = git_treebuilder_new(&builder, history->repository, tree);
    for (size_t i = 0, same = 1; i < count && code == 0; i += same) {
        struct str name, other;
        bool file = component(changes[i].path, from, &name);
        for (same = 1; !file && i + same < count; same++)
            if (component(changes[i + same].path, from, &other) || !str_equal(name, other))
                break;
        autofree char *text = str_dup(name);
        code = file ? put_file(history, builder, text, changes[i].text)
                    : put_folder(history, builder, text, changes + i, same, from + name.length + 1);
    }
    if (code != 0)
        return code;
    *empty = git_treebuilder_entrycount(builder) == 0;
    history->loose++;
    return *empty && from != 0 ? 0 : git_treebuilder_write(id, builder);
}

/* ---- commits ---- */

static int by_path(const void *a, const void *b)
{
    const struct history_change *left = a, *right = b;
    return str_compare(left->path, right->path);
}

static int write_tree(struct history *history, const struct history_change *changes, size_t count,
                      git_oid *tree, struct error **err)
{
    autofree struct history_change *sorted = memory_new(count * sizeof(*sorted));
    if (count != 0)
        memcpy(sorted, changes, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_path);
    bool empty;
    int code = update_tree(history, history->built.any ? &history->built.tree : NULL, sorted, count, 0, tree,
                           &empty);
    return code == 0 ? 0 : history_error(err, "cannot write files");
}

/* git takes no angle brackets, no lines and nothing empty in names. */
static char *clean_name(struct str name)
{
    char *text = name.length != 0 ? str_dup(name) : str_dup(STR("unknown"));
    for (char *c = text; *c != '\0'; c++)
        if (*c == '<' || *c == '>' || *c == '\n')
            *c = ' ';
    return text;
}

static git_signature *signature_of(struct history_author author, int64_t time_ms)
{
    autofree char *name = clean_name(author.name);
    autofree char *email = clean_name(author.email);
    git_signature *signature = NULL;
    return git_signature_new(&signature, name, email, time_ms / 1000, 0) == 0 ? signature : NULL;
}

static int write_commit(struct history *history, const git_oid *tree, struct history_author author,
                        struct str message, int64_t time_ms, int64_t sequence, git_oid *id)
{
    cleanup(cleanup_signature) git_signature *by = signature_of(author, time_ms);
    cleanup(cleanup_signature) git_signature *committer = signature_of(history_podtree, time_ms);
    if (by == NULL || committer == NULL)
        return -1;
    autobuf struct buf text = {0};
    buf_add_str(&text, str_trim(message));
    buf_addf(&text, "\n\n" TRAILER "%lld\n", (long long)sequence);
    const git_oid *parents[] = {&history->built.head};
    history->loose++;
    return git_commit_create_from_ids(id, history->repository, NULL, by, committer, NULL, text.at, tree,
                                      history->built.any ? 1 : 0, parents);
}

/* There may be thousands of them, and whoever opens the repository is waited for by all clients: so this is
 * left until something is to be written, which nobody waits for. */
static void clear_once(struct history *history)
{
    if (!history->cleared)
        history->loose = history_clear_loose(history->path);
    history->cleared = true;
}

int history_commit(struct history *history, const struct history_change *changes, size_t count,
                   struct history_author author, struct str message, int64_t time_ms, int64_t sequence,
                   struct error **err)
{
    git_oid tree, id;
    struct history_tip *built = &history->built;
    clear_once(history);
    errno = 0;
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
    int result = write_tree(history, changes, count, &tree, err);
    bool differs = result == 0 && (!built->any || !git_oid_equal(&tree, &built->tree));
    if (differs && write_commit(history, &tree, author, message, time_ms, sequence, &id) != 0)
        result = history_error(err, "cannot write a commit");
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (result != 0) {
        *built = history->main;
        return result;
    }
    if (differs)
        *built = (struct history_tip){.any = true, .head = id, .tree = tree};
    built->sequence = sequence;
    return 0;
}

/* Somebody else may have moved main: then it is read again, and the next attempt builds upon that. */
static int read_head(struct history *history, struct error **err);

static int move_main(struct history *history, struct error **err)
{
    static const git_oid nothing;
    git_reference *reference = NULL;
    cleanup(cleanup_commit) git_commit *commit = NULL;
    autobuf struct buf note = {0};
    if (git_commit_lookup(&commit, history->repository, &history->built.head) != 0)
        return history_error(err, "cannot read what was written");
    buf_addf(&note, "commit: %s", git_commit_summary(commit));
    int code = git_reference_create_matching(&reference, history->repository, BRANCH, &history->built.head,
                                             history->main.any,
                                             history->main.any ? &history->main.head : &nothing, note.at);
    git_reference_free(reference);
    if (code == 0)
        return 0;
    int result = history_error(err, "cannot move main");
    if (code == GIT_EMODIFIED || code == GIT_EEXISTS)
        read_head(history, NULL);
    return result;
}

/* First the objects, of which nobody knows yet, onto the disk. */
int history_publish(struct history *history, struct error **err)
{
    const struct history_tip *main = &history->main, *built = &history->built;
    bool differs = built->any && (!main->any || !git_oid_equal(&main->head, &built->head));
    errno = 0;
    int result = differs && syncfs(history->lock) != 0 ? error_errno(err, errno, "cannot write commits") : 0;
    if (result == 0 && differs)
        result = move_main(history, err);
    if (result == 0)
        history->main = history->built;
    else
        history->built = history->main;
    return result;
}

int64_t history_sequence(const struct history *history)
{
    return history->main.sequence;
}

/* ---- opening ---- */

static bool sequence_in(const char *message, int64_t *sequence)
{
    struct str text = str_trim(str_of(message));
    const char *line = memrchr(text.at, '\n', text.length);
    struct str last =
        line != NULL ? (struct str){line + 1, (size_t)(text.at + text.length - line - 1)} : text;
    size_t head = strlen(TRAILER);
    return str_starts(last, STR(TRAILER)) &&
           str_to_int64((struct str){last.at + head, last.length - head}, sequence);
}

/* A commit that a person put on top carries no sequence: the one below does. */
static int find_sequence(struct history *history, const git_oid *from, int64_t *sequence)
{
    git_oid id = *from;
    for (;;) {
        cleanup(cleanup_commit) git_commit *commit = NULL;
        int code = git_commit_lookup(&commit, history->repository, &id);
        if (code != 0)
            return code;
        if (sequence_in(git_commit_message(commit), sequence))
            return 0;
        *sequence = 0;
        if (git_commit_parentcount(commit) == 0)
            return 0;
        id = *git_commit_parent_id(commit, 0);
    }
}

static int read_head(struct history *history, struct error **err)
{
    errno = 0;
    cleanup(cleanup_commit) git_commit *commit = NULL;
    git_oid head;
    int code = git_reference_name_to_id(&head, history->repository, BRANCH);
    if (code == GIT_ENOTFOUND) {
        history->main.any = false;
        history->built = history->main;
        return 0;
    }
    int64_t sequence;
    if (code == 0)
        code = git_commit_lookup(&commit, history->repository, &head);
    if (code == 0)
        code = find_sequence(history, &head, &sequence);
    if (code != 0)
        return history_error(err, "cannot read main");
    history->main.head = head;
    history->main.tree = *git_commit_tree_id(commit);
    history->main.any = true;
    if (sequence > history->main.sequence)
        history->main.sequence = sequence;
    history->built = history->main;
    return 0;
}

/* The settings of users' own git have no place here, and neither do caches of hundreds of megabytes. */
static void set_options(void)
{
    static const git_config_level_t others[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                                GIT_CONFIG_LEVEL_GLOBAL};
    for (size_t i = 0; i < COUNT(others); i++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, others[i], "/nonexistent");
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, CACHE_BYTES);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, WINDOW_BYTES);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAPPED_BYTES);
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0); /* what a tree names has just been written */
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
}

static int open_repository(struct history *history, struct error **err)
{
    const char *path = history->path;
    int result = access(path, F_OK) != 0 && errno == ENOENT ? history_make(path, err) : 0;
    if (result != 0)
        return result;
    history->lock = history_lock(path, err);
    if (history->lock < 0)
        return history->lock;
    history_clear(path);
    if (git_repository_open_bare(&history->repository, path) != 0 ||
        git_repository_set_ident(history->repository, history_podtree.name.at, history_podtree.email.at) != 0)
        return history_error(err, "cannot open it");
    return read_head(history, err);
}

/* libgit2 counts its beginnings: this one is ended with the history. */
static struct {
    pthread_t thread;
    bool running;
} preparation;

static void *prepare(void *unused)
{
    pthread_setname_np(pthread_self(), "history");
    git_libgit2_init();
    return unused;
}

void history_prepare(void)
{
    preparation.running = pthread_create(&preparation.thread, NULL, prepare, NULL) == 0;
}

static void begin(void)
{
    if (preparation.running)
        pthread_join(preparation.thread, NULL);
    else
        git_libgit2_init();
    preparation.running = false;
    set_options();
}

int history_open(const char *path, struct history **history, struct error **err)
{
    begin();
    struct history *made = memory_zeroed(1, sizeof(*made));
    made->path = str_dup(str_of(path));
    made->lock = -1;
    autoerror struct error *failure = NULL;
    int result = open_repository(made, &failure);
    if (result != 0) {
        history_close(made);
        error_wrap(&failure, "history %s", path);
        error_move(err, take_pointer(failure));
        return result;
    }
    *history = made;
    return 0;
}

void history_close(struct history *history)
{
    if (history == NULL)
        return;
    history_stop_repacking(history);
    git_repository_free(history->repository);
    if (history->lock >= 0)
        close(history->lock);
    free(history->path);
    free(history);
    git_libgit2_shutdown();
}
