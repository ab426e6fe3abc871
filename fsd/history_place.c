/* The repository's directory: making it, locking it, and clearing up behind a process that was killed.
 *
 * libgit2 writes objects and references to temporary files and renames them, so a kill leaves no half of
 * anything under its name; but the temporary files stay, and a reference's lock file would block the next
 * commit. Only one process has the lock of podtree's own; so whoever holds it may take these away. */
#include "fsd/history_private.h"

#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static const struct {
    const char *key, *value;
} settings[] = {
    {"core.logAllRefUpdates", "true"}, /* main@{yesterday}: bare repositories have no reflog by themselves */
    {"gc.auto", "0"},                  /* history_pack.c does it */
};

static int configure(git_repository *repository)
{
    git_config *config = NULL;
    int code = git_repository_config(&config, repository);
    for (size_t i = 0; i < COUNT(settings) && code == 0; i++)
        code = git_config_set_string(config, settings[i].key, settings[i].value);
    git_config_free(config);
    return code;
}

static int make_repository(const char *path, struct error **err)
{
    git_repository_init_options options = {
        .version = GIT_REPOSITORY_INIT_OPTIONS_VERSION,
        .flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT,
        .initial_head = "main",
    };
    git_repository *repository = NULL;
    int code = git_repository_init_ext(&repository, path, &options);
    if (code == 0)
        code = configure(repository);
    git_repository_free(repository);
    return code == 0 ? 0 : history_error(err, "cannot make a repository");
}

/* Made under another name and moved: a kill in between leaves nothing that looks like a repository. */
int history_make(const char *path, struct error **err)
{
    autofree char *making = path_format("%s.new", path);
    int result = directory_remove(making, err);
    if (result == 0 && mkdir(making, 0700) != 0)
        result = error_errno(err, errno, "cannot make %s", making);
    if (result == 0)
        result = make_repository(making, err);
    if (result != 0)
        return result;
    autoclose int folder = open(making, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || syncfs(folder) != 0 || rename(making, path) != 0 || syncfs(folder) != 0)
        return error_errno(err, errno, "cannot make %s", path);
    return 0;
}

int history_lock(const char *path, struct error **err)
{
    autofree char *name = path_format("%s/podtree.lock", path);
    autoclose int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", name);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? error_make(err, EBUSY, "another process has it open")
                                    : error_errno(err, errno, "cannot lock %s", name);
    return take_fd(fd);
}

/* Calls `visit` for each entry but . and .. of a directory that may be missing. */
typedef void visit_entry(int folder, const char *name, void *context);

static void each_entry(const char *path, visit_entry *visit, void *context)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            visit(dirfd(directory), entry->d_name, context);
    closedir(directory);
}

static void remove_temporary(int folder, const char *name, void *context)
{
    (void)context;
    if (strncmp(name, "tmp_", 4) == 0)
        unlinkat(folder, name, 0);
}

/* What a machine leaves that lost its power, where the filesystem gave a name before its bytes. Nothing
 * refers to it yet; but as it is there it would never be written again. */
static void count_unless_empty(int folder, const char *name, void *context)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        status.st_size == 0)
        unlinkat(folder, name, 0);
    else
        ++*(size_t *)context;
}

static void count_entry(int folder, const char *name, void *context)
{
    (void)folder, (void)name;
    ++*(size_t *)context;
}

/* The 256 folders of loose objects. */
static void each_loose(const char *path, visit_entry *visit, void *context)
{
    for (int i = 0; i < 256; i++) {
        autofree char *folder = path_format("%s/objects/%02x", path, i);
        each_entry(folder, visit, context);
    }
}

void history_clear(const char *path)
{
    static const char *const locks[] = {"HEAD.lock", "config.lock", "packed-refs.lock",
                                        "refs/heads/main.lock"};
    for (size_t i = 0; i < COUNT(locks); i++) {
        autofree char *lock = path_format("%s/%s", path, locks[i]);
        unlink(lock);
    }
    autofree char *objects = path_format("%s/objects", path);
    each_entry(objects, remove_temporary, NULL);
}

size_t history_clear_loose(const char *path)
{
    size_t count = 0;
    each_loose(path, count_unless_empty, &count);
    return count;
}

size_t history_count_loose(const char *path)
{
    size_t count = 0;
    each_loose(path, count_entry, &count);
    return count;
}

void history_clear_packs(const char *path)
{
    autofree char *packs = path_format("%s/objects/pack", path);
    each_entry(packs, remove_temporary, NULL);
}
