/* Loads that watch: at the end they know the truth, from nothing but what they have been told. */
#include "tests/torture/torture.h"

#include "lib/clock.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHED   "configmaps"
#define SETTLE_MS 10000

/* ---- names, and versions of what has them ---- */

struct known {
    struct {
        char *name;
        int64_t version;
    } * items;
    size_t count, capacity;
};

static size_t find(const struct known *known, struct str name)
{
    size_t i = 0;
    while (i < known->count && !str_is(name, known->items[i].name))
        i++;
    return i;
}

static void learn(struct known *known, struct str name, int64_t version)
{
    size_t i = find(known, name);
    if (i == known->count) {
        array_grow(known->items, known->count, known->capacity);
        known->items[known->count++].name = str_dup(name);
    }
    known->items[i].version = version;
}

static void forget(struct known *known, struct str name)
{
    size_t i = find(known, name);
    if (i == known->count)
        return;
    free(known->items[i].name);
    known->items[i] = known->items[--known->count];
}

static void forget_all(struct known *known)
{
    while (known->count > 0)
        free(known->items[--known->count].name);
    free(known->items);
    *known = (struct known){0};
}

static bool same(const struct known *a, const struct known *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++) {
        size_t j = find(b, str_of(a->items[i].name));
        equal = j < b->count && a->items[i].version == b->items[j].version;
    }
    return equal;
}

static void tell(const struct known *known, struct buf *out)
{
    for (size_t i = 0; i < known->count; i++)
        buf_addf(out, " %s@%lld", known->items[i].name, (long long)known->items[i].version);
}

/* ---- what both have in common: events until what they know is the truth ---- */

/* True when there was one within the time. The events' names are handed on. */
static bool events(int fd, int wait_ms, void (*take)(struct known *, struct str name), struct known *known)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    _Alignas(struct inotify_event) char bytes[65536];
    if (poll(&polled, 1, wait_ms) <= 0)
        return false;
    ssize_t length = read(fd, bytes, sizeof(bytes));
    demand(length > 0, "read of inotify");
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        demand((event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT)) == 0, "the watch ended: %x",
               event->mask);
        take(known, event->len != 0 ? str_of(event->name) : STR(""));
        at += (ssize_t)(sizeof(*event) + event->len);
    }
    return true;
}

static void follow(const char *watched, void (*take)(struct known *, struct str name),
                   void (*look)(struct known *))
{
    struct known known = {0}, truth = {0};
    int fd = inotify_init1(IN_CLOEXEC);
    demand(fd >= 0 && inotify_add_watch(fd, in_tree("%s", watched),
                                        IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MODIFY | IN_MOVED_TO) >= 0,
           "watch %s", watched);
    look(&known);
    while (!atomic_load(&torture->settle)) {
        going_on();
        events(fd, 50, take, &known);
    }
    int64_t until = clock_ms() + SETTLE_MS;
    do {
        look(&truth);
        if (same(&known, &truth))
            return;
    } while (clock_ms() < until && (events(fd, 500, take, &known) || clock_ms() < until));
    autobuf struct buf words = {0};
    tell(&known, &words);
    buf_add_text(&words, "; but there is");
    tell(&truth, &words);
    fail("the watcher knows%s", words.at);
}

/* ---- inotify on the kind's directory ---- */

static void take_name(struct known *known, struct str name)
{
    autofree char *text = str_dup(name);
    if (name.length == 0 || name.at[0] == '.')
        return;
    if (exists(in_tree(WATCHED "/%s", text)))
        learn(known, name, 0);
    else
        forget(known, name);
}

static void look_at_names(struct known *known)
{
    forget_all(known);
    DIR *directory = opendir(in_tree(WATCHED));
    demand(directory != NULL, "opendir");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            learn(known, str_of(entry->d_name), 0);
    demand(closedir(directory) == 0, "closedir");
}

void run_watcher(int process)
{
    (void)process;
    follow(WATCHED, take_name, look_at_names);
}

/* ---- .since, woken by .version ---- */

static int64_t reached;

static void take_line(struct known *known, struct value line)
{
    int64_t version = 0;
    struct value metadata = value_get(line, STR("metadata"));
    struct str name = value_str(value_get(metadata, STR("name")));
    if (value_true(value_get(line, STR("reset")))) {
        forget_all(known);
        reached = 0;
        return;
    }
    if (value_exists(value_get(line, STR("version")))) {
        demand(str_to_int64(value_str(value_get(line, STR("version"))), &version) && version >= reached,
               "the version went from %lld to %lld", (long long)reached, (long long)version);
        reached = version;
        return;
    }
    demand(str_to_int64(value_str(value_get(metadata, STR("resourceVersion"))), &version) &&
               version > reached,
           "version %lld of " STR_FORMAT " came after %lld", (long long)version, STR_ARGS(name),
           (long long)reached);
    if (value_true(value_get(line, STR("deleted"))))
        forget(known, name);
    else
        learn(known, name, version);
}

static void take_changes(struct known *known, struct str name)
{
    (void)name;
    autobuf struct buf text = {0};
    read_whole(in_tree(WATCHED "/.since/%lld", (long long)reached), 1000 + random_below(10000), &text);
    struct str rest = buf_str(&text), line;
    while (str_split(&rest, '\n', &line) && line.length != 0) {
        autodoc struct doc *doc = doc_parse(line, NULL);
        demand(doc != NULL, ".since has the line " STR_FORMAT, STR_ARGS(line));
        take_line(known, doc_root(doc));
    }
}

static void look_at_list(struct known *known)
{
    autobuf struct buf text = {0};
    forget_all(known);
    read_whole(in_tree(WATCHED "/.json"), 65536, &text);
    autodoc struct doc *list = doc_parse(buf_str(&text), NULL);
    demand(list != NULL, ".json is not well-formed");
    value_each (item, value_get(doc_root(list), STR("items"))) {
        int64_t version = 0;
        str_to_int64(value_str(value_at(item, "metadata", "resourceVersion")), &version);
        learn(known, value_str(value_at(item, "metadata", "name")), version);
    }
}

static void look_at_first(struct known *known)
{
    if (reached == 0)
        take_changes(known, STR(""));
    else
        look_at_list(known);
}

void run_since(int process)
{
    (void)process;
    follow(WATCHED "/.version", take_changes, look_at_first);
}

/* ---- tail -f: each line once ---- */

void prepare_events(void)
{
    make_directory(in_tree("configmaps/told"));
}

void run_events(int process)
{
    (void)process;
    autobuf struct buf request = {0}, result = {0};
    while (going_on()) {
        buf_clear(&request);
        buf_addf(&request,
                 "{\"op\":\"event\",\"name\":\"told\",\"type\":\"Normal\",\"reason\":\"Said\",\"message\":"
                 "\"%llu\"}\n",
                 (unsigned long long)atomic_load(&torture->said));
        bulk(in_tree("configmaps/.bulk"), buf_str(&request), &result);
        demand(str_starts(buf_str(&result), STR("{\"uid\"")), "saying was answered with %s", result.at);
        atomic_fetch_add(&torture->said, 1);
        nap(2000);
    }
}

/* As tail does: what the size says has come is read; a file that has become smaller begins anew, and lines
 * that are known are skipped. */
struct tail {
    int fd;
    off_t offset;
    unsigned long long next;
    bool skipping;
};

static void take_lines(struct tail *tail)
{
    struct stat attributes;
    demand(fstat(tail->fd, &attributes) == 0, "fstat of the events");
    if (attributes.st_size < tail->offset) {
        tail->offset = 0;
        tail->skipping = true;
    }
    char bytes[65537];
    ssize_t length;
    while (tail->offset < attributes.st_size &&
           (length = pread(tail->fd, bytes, sizeof(bytes) - 1, tail->offset)) > 0) {
        char *end = memrchr(bytes, '\n', (size_t)length);
        demand(end != NULL, "the events have a piece of a line: %.*s", (int)length, bytes);
        struct str rest = {bytes, (size_t)(end - bytes)}, line;
        tail->offset += end + 1 - bytes;
        while (str_split(&rest, '\n', &line)) {
            int64_t number;
            const char *last = memrchr(line.at, ' ', line.length);
            demand(
                last != NULL &&
                    str_to_int64((struct str){last + 1, (size_t)(line.at + line.length - last - 1)}, &number),
                "the events have the line " STR_FORMAT, STR_ARGS(line));
            if (tail->skipping && number < (int64_t)tail->next)
                continue;
            tail->skipping = false;
            demand(number == (int64_t)tail->next, "line %lld came where %llu was due", (long long)number,
                   tail->next);
            tail->next++;
        }
    }
}

void run_follower(int process)
{
    (void)process;
    struct tail tail = {.fd = open(in_tree("configmaps/told/events"), O_RDONLY)};
    demand(tail.fd >= 0, "open the events");
    while (!atomic_load(&torture->settle)) {
        going_on();
        take_lines(&tail);
        nap(1000);
    }
    int64_t until = clock_ms() + SETTLE_MS;
    while (tail.next < atomic_load(&torture->said) && clock_ms() < until) {
        take_lines(&tail);
        nap(1000);
    }
    demand(tail.next == atomic_load(&torture->said), "followed %llu lines of %llu", tail.next,
           (unsigned long long)atomic_load(&torture->said));
}
