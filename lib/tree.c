#include "lib/tree.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* The mounted tree.
 *
 * Files for programs are read and written directly, without the page cache, and their size is 0: they are
 * read until the last line has come. The .bulk file is opened once and used again and again; a descriptor
 * that fails is closed, and the next call opens the path anew.
 *
 * A watch belongs to the filesystem that was mounted when it was made. Another one mounted at the same place
 * would be read by path and never heard of, so changes of the mount table are listened to as well: when
 * another device is found at the directory, everything is opened and watched again. A tree that is restarted
 * behind the same mount needs none of this: calls only take longer. */

struct followed {
    char *path; /* of its .version */
    bool *changed;
    int watch; /* inotify's number, or -1 */
};

struct mounted {
    struct tree tree;
    char *directory;
    dev_t device; /* what is mounted there, as far as is known */
    int epoll, inotify, mounts;
    struct followed *followed;
    size_t followed_count, followed_capacity;
    bool unwatched; /* some of them have no watch */
    int bulk;       /* the descriptor, or -1 */
    struct buf answer;
};

/* What is asked of the kernel at once: first little, because it prepares as many pages as are asked for. */
enum { FIRST_READ = 64 * 1024, FURTHER_READ = 1024 * 1024 };

static struct mounted *mounted_of(struct tree *tree)
{
    return (struct mounted *)tree;
}

/* ---- events ---- */

static void forget_watches(struct mounted *m)
{
    for (size_t i = 0; i < m->followed_count; i++) {
        if (m->followed[i].watch >= 0)
            inotify_rm_watch(m->inotify, m->followed[i].watch);
        m->followed[i].watch = -1;
    }
    m->unwatched = true;
}

static void all_changed(struct mounted *m)
{
    for (size_t i = 0; i < m->followed_count; i++)
        *m->followed[i].changed = true;
}

/* When another filesystem has come to the directory: nothing of the old one is any good. */
static void check_device(struct mounted *m)
{
    struct stat status;
    if (stat(m->directory, &status) < 0 || status.st_dev == m->device)
        return;
    m->device = status.st_dev;
    forget_watches(m);
    if (m->bulk >= 0)
        close(take_fd(m->bulk));
}

static void take_event(struct mounted *m, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        all_changed(m);
        return;
    }
    for (size_t i = 0; i < m->followed_count; i++) {
        struct followed *f = &m->followed[i];
        if (f->watch != event->wd)
            continue;
        *f->changed = true;
        if (event->mask & IN_IGNORED) {
            f->watch = -1;
            m->unwatched = true;
        }
    }
}

static int read_events(struct mounted *m, struct error **err)
{
    char events[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (;;) {
        ssize_t length = read(m->inotify, events, sizeof(events));
        if (length < 0 && errno == EAGAIN)
            return 0;
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return error_errno(err, errno, "cannot read inotify's events");
        const struct inotify_event *event;
        for (char *at = events; at < events + length; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            take_event(m, event);
        }
    }
}

/* A watch that is made now has missed what was before: so the resource counts as changed. */
static int watch_all(struct mounted *m, struct error **err)
{
    if (!m->unwatched)
        return 0;
    for (size_t i = 0; i < m->followed_count; i++) {
        struct followed *f = &m->followed[i];
        if (f->watch >= 0)
            continue;
        f->watch = inotify_add_watch(m->inotify, f->path, IN_ATTRIB | IN_MODIFY);
        if (f->watch < 0)
            return error_errno(err, errno, "cannot watch %s", f->path);
        *f->changed = true;
    }
    m->unwatched = false;
    return 0;
}

static int mounted_events(struct tree *tree, struct error **err)
{
    struct mounted *m = mounted_of(tree);
    struct epoll_event ready[2];
    int count = epoll_wait(m->epoll, ready, 2, 0);
    if (count < 0 && errno != EINTR)
        return error_errno(err, errno, "cannot wait for events of the tree");
    for (int i = 0; i < count; i++)
        if (ready[i].data.fd == m->mounts)
            check_device(m);
    int result = read_events(m, err);
    return result < 0 ? result : watch_all(m, err);
}

static void mounted_follow(struct tree *tree, const char *resource, bool *changed)
{
    struct mounted *m = mounted_of(tree);
    array_grow(m->followed, m->followed_count, m->followed_capacity);
    m->followed[m->followed_count++] = (struct followed){
        .path = path_format("%s/all/%s/.version", m->directory, resource), .changed = changed, .watch = -1};
    m->unwatched = true;
}

static int mounted_descriptor(struct tree *tree)
{
    return mounted_of(tree)->epoll;
}

/* ---- .since ---- */

/* What was read into the room that buf_reserve() gave. */
static void took(struct buf *b, ssize_t length)
{
    b->length += (size_t)length;
    b->at[b->length] = '\0';
}

/* Hands over the whole lines in m->answer and leaves what remains. Returns 1 after the last one. */
static int hand_over_lines(struct mounted *m, tree_line_fn *line, void *context, struct error **err)
{
    struct str rest = buf_str(&m->answer);
    int result = 0;
    const char *end;
    while (result == 0 && rest.length != 0 && (end = memchr(rest.at, '\n', rest.length)) != NULL) {
        struct str one = {rest.at, (size_t)(end - rest.at)};
        rest.at += one.length + 1;
        rest.length -= one.length + 1;
        result = line(context, one, err);
    }
    buf_drop(&m->answer, m->answer.length - rest.length);
    return result;
}

static int read_lines(struct mounted *m, int fd, tree_line_fn *line, void *context, struct error **err)
{
    size_t wanted = FIRST_READ;
    for (;;) {
        ssize_t length = read(fd, buf_reserve(&m->answer, wanted), wanted);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(err, errno, "cannot read");
        if (length == 0)
            return error_make(err, EPROTO, "the answer ends before its last line");
        took(&m->answer, length);
        int result = hand_over_lines(m, line, context, err);
        if (result != 0)
            return result < 0 ? result : 0;
        wanted = FURTHER_READ;
    }
}

static int mounted_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
                         tree_line_fn *line, void *context, struct error **err)
{
    struct mounted *m = mounted_of(tree);
    autofree char *path = path_format("%s/all/%s/.since/%lld%s", m->directory, resource, (long long)version,
                                      metadata_only ? ".meta" : "");
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    buf_clear(&m->answer);
    int result = read_lines(m, fd, line, context, err);
    if (m->answer.capacity > 8 * FURTHER_READ)
        buf_free(&m->answer); /* a list of everything need not be paid for always */
    return result < 0 ? error_wrap(err, "%s", path) : 0;
}

/* ---- one object ---- */

static int mounted_get(struct tree *tree, const char *resource, const char *namespace, const char *name,
                       struct buf *object, struct error **err)
{
    autofree char *path = path_format("%s/all/%s/%s%s%s/.json", mounted_of(tree)->directory, resource,
                                      namespace, *namespace != '\0' ? "/" : "", name);
    return file_read(path, object, err);
}

/* ---- .bulk ---- */

static int write_all(int fd, struct str bytes, struct error **err)
{
    off_t offset = 0;
    while (bytes.length != 0) {
        ssize_t written = pwrite(fd, bytes.at, bytes.length, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "cannot write");
        bytes.at += written;
        bytes.length -= (size_t)written;
        offset += written;
    }
    return 0;
}

static size_t count_lines(struct str text)
{
    size_t count = 0;
    const char *end;
    while (text.length != 0 && (end = memchr(text.at, '\n', text.length)) != NULL) {
        count++;
        text.length -= (size_t)(end + 1 - text.at);
        text.at = end + 1;
    }
    return count;
}

static int read_results(int fd, size_t count, struct buf *results, struct error **err)
{
    off_t offset = 0;
    while (count != 0) {
        char *to = buf_reserve(results, FIRST_READ);
        ssize_t length = pread(fd, to, FIRST_READ, offset);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(err, errno, "cannot read the results");
        if (length == 0)
            return error_make(err, EPROTO, "%zu results are missing", count);
        size_t lines = count_lines((struct str){to, (size_t)length});
        if (lines > count)
            return error_make(err, EPROTO, "there are more results than requests");
        count -= lines;
        offset += length;
        took(results, length);
    }
    return 0;
}

static int bulk_on(int fd, struct str requests, size_t count, struct buf *results, struct error **err)
{
    int result = write_all(fd, requests, err);
    if (result < 0)
        return result;
    if (fsync(fd) < 0)
        return error_errno(err, errno, "not carried out");
    return read_results(fd, count, results, err);
}

static int mounted_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results,
                        struct error **err)
{
    struct mounted *m = mounted_of(tree);
    autofree char *path = path_format("%s/all/namespaces/.bulk", m->directory);
    if (m->bulk < 0)
        m->bulk = open(path, O_RDWR | O_CLOEXEC);
    if (m->bulk < 0)
        return error_errno(err, errno, "cannot open %s", path);
    int result = bulk_on(m->bulk, requests, count, results, err);
    if (result < 0) {
        close(take_fd(m->bulk));
        return error_wrap(err, "%s", path);
    }
    return 0;
}

/* ---- the rest ---- */

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

typedef void visit_name(struct buf *names, const char *path, const char *name);

static int each_name(const char *path, visit_name *visit, struct buf *names, struct error **err)
{
    cleanup(close_directory) DIR *directory = opendir(path);
    if (directory == NULL)
        return error_errno(err, errno, "cannot open %s", path);
    const struct dirent *found;
    while ((errno = 0, found = readdir(directory)) != NULL)
        if (found->d_name[0] != '.' && found->d_type != DT_LNK) /* short names lead to what comes anyway */
            visit(names, path, found->d_name);
    return errno != 0 ? error_errno(err, errno, "cannot list %s", path) : 0;
}

static bool has_line(struct str lines, struct str wanted)
{
    struct str line;
    while (str_split(&lines, '\n', &line))
        if (str_equal(line, wanted))
            return true;
    return false;
}

/* A kind that has several versions comes in each of them. */
static void add_resource(struct buf *names, const char *version, const char *plural)
{
    autofree char *path = str_dup(str_of(version));
    *strrchr(path, '/') = '\0';
    const char *group = strrchr(path, '/') + 1;
    autofree char *resource =
        strcmp(group, "core") == 0 ? str_dup(str_of(plural)) : path_format("%s.%s", plural, group);
    if (!has_line(buf_str(names), str_of(resource)))
        buf_addf(names, "%s\n", resource);
}

static void add_version(struct buf *names, const char *group, const char *version)
{
    autofree char *path = path_format("%s/%s", group, version);
    (void)each_name(path, add_resource, names, NULL); /* it may go meanwhile */
}

static void add_group(struct buf *names, const char *api, const char *group)
{
    autofree char *path = path_format("%s/%s", api, group);
    (void)each_name(path, add_version, names, NULL);
}

static int mounted_resources(struct tree *tree, struct buf *names, struct error **err)
{
    autofree char *path = path_format("%s/api", mounted_of(tree)->directory);
    return each_name(path, add_group, names, err);
}

static int64_t mounted_wall_ms(struct tree *tree)
{
    (void)tree;
    return clock_wall_ms();
}

static int64_t mounted_clock_ms(struct tree *tree)
{
    (void)tree;
    return clock_ms();
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void mounted_close(struct tree *tree)
{
    struct mounted *m = mounted_of(tree);
    for (size_t i = 0; i < m->followed_count; i++)
        free(m->followed[i].path);
    free(m->followed);
    close_if_open(m->bulk);
    close_if_open(m->mounts);
    close_if_open(m->inotify);
    close_if_open(m->epoll);
    buf_free(&m->answer);
    free(m->directory);
    free(m);
}

static const struct tree_operations mounted_operations = {
    .follow = mounted_follow,
    .events = mounted_events,
    .descriptor = mounted_descriptor,
    .since = mounted_since,
    .get = mounted_get,
    .bulk = mounted_bulk,
    .resources = mounted_resources,
    .wall_ms = mounted_wall_ms,
    .clock_ms = mounted_clock_ms,
    .close = mounted_close,
};

/* Opens one of the descriptors that tell of events, and has `epoll` wait for it. */
static int listen_to(struct mounted *m, int fd, uint32_t events, const char *what, struct error **err)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (fd < 0 || epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_errno(err, errno, "cannot listen to %s", what);
    return 0;
}

static int open_descriptors(struct mounted *m, struct error **err)
{
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (m->epoll < 0)
        return error_errno(err, errno, "cannot make an epoll descriptor");
    m->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int result = listen_to(m, m->inotify, EPOLLIN, "inotify", err);
    if (result < 0)
        return result;
    m->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return listen_to(m, m->mounts, EPOLLPRI, "the table of mounts", err);
}

int tree_mount(const char *directory, struct tree **tree, struct error **err)
{
    struct mounted *m = memory_zeroed(1, sizeof(*m));
    *m = (struct mounted){.tree = {&mounted_operations},
                          .directory = str_dup(str_of(directory)),
                          .epoll = -1,
                          .inotify = -1,
                          .mounts = -1,
                          .bulk = -1};
    int result = open_descriptors(m, err);
    if (result < 0) {
        mounted_close(&m->tree);
        return result;
    }
    check_device(m);
    *tree = &m->tree;
    return 0;
}

/* ---- the face ---- */

void tree_close(struct tree *tree)
{
    if (tree != NULL)
        tree->operations->close(tree);
}

void tree_follow(struct tree *tree, const char *resource, bool *changed)
{
    tree->operations->follow(tree, resource, changed);
}

int tree_events(struct tree *tree, struct error **err)
{
    return tree->operations->events(tree, err);
}

int tree_descriptor(struct tree *tree)
{
    return tree->operations->descriptor(tree);
}

bool tree_is_reached(struct value line, int64_t *version)
{
    return str_to_int64(value_str(value_get(line, STR("version"))), version);
}

int tree_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
               tree_line_fn *line, void *context, struct error **err)
{
    return tree->operations->since(tree, resource, version, metadata_only, line, context, err);
}

/* Names come from what people write of other objects, and not all of that is checked. As a path such a name
 * could lead anywhere: to another namespace, or to a file of somebody's that never ends. */
static bool can_be_a_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

int tree_get(struct tree *tree, const char *resource, const char *namespace, const char *name,
             struct buf *object, struct error **err)
{
    if (!can_be_a_name(name))
        return error_make(err, ENOENT, "no object can be called \"%s\"", name);
    return tree->operations->get(tree, resource, namespace, name, object, err);
}

int tree_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results, struct error **err)
{
    return tree->operations->bulk(tree, requests, count, results, err);
}

int tree_resources(struct tree *tree, struct buf *names, struct error **err)
{
    return tree->operations->resources(tree, names, err);
}

int64_t tree_wall_ms(struct tree *tree)
{
    return tree->operations->wall_ms(tree);
}

int64_t tree_clock_ms(struct tree *tree)
{
    return tree->operations->clock_ms(tree);
}
