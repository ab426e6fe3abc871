/* What a durable change costs, as ratios to an fdatasync of the same disk in the same run; how long a start
 * takes; how fast the history follows.
 *
 *     store [DIRECTORY]    (on the disk to be measured; default: the current one)
 */
#include "fsd/store.h"
#include "fsd/history.h"
#include "lib/clock.h"
#include "lib/file.h"
#include <fcntl.h>
#include <stdio.h>

#define OBJECTS        1000
#define DOCUMENT_BYTES 3000
#define BATCH_MOST     256

static void die(const char *what, struct error *err)
{
    fprintf(stderr, "store bench: %s: %s\n", what, error_message(err));
    exit(1);
}

/* ---- the measure of all things ---- */

struct yardstick {
    int fd;
    off_t at;
};

#define YARDSTICK_BYTES (8 << 20)

static void yardstick_open(struct yardstick *yardstick, const char *directory)
{
    autofree char *path = path_format("%s/yardstick", directory);
    static char zeros[1 << 20];
    yardstick->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (yardstick->fd < 0)
        die("cannot make the yardstick", NULL);
    for (off_t at = 0; at < YARDSTICK_BYTES; at += (off_t)sizeof(zeros))
        if (pwrite(yardstick->fd, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
            die("cannot fill the yardstick", NULL);
    fsync(yardstick->fd);
}

/* As many bytes as a change writes, into blocks that are there already, and fdatasync. */
static void yardstick_sync(struct yardstick *yardstick, size_t bytes)
{
    static char data[64 << 10];
    memset(data, (int)yardstick->at, sizeof(data));
    if (yardstick->at + (off_t)bytes > YARDSTICK_BYTES)
        yardstick->at = 0;
    if (pwrite(yardstick->fd, data, bytes, yardstick->at) != (ssize_t)bytes || fdatasync(yardstick->fd) != 0)
        die("cannot write the yardstick", NULL);
    yardstick->at += (off_t)bytes;
}

/* ---- changes ---- */

struct changes {
    int64_t version;
    char *document;
    struct record records[BATCH_MOST];
    struct stream_line lines[BATCH_MOST];
    struct outcome outcomes[BATCH_MOST];
    struct outbox_row outbox[BATCH_MOST];
};

static struct record record_of(const struct changes *changes, int64_t id, int64_t version)
{
    return (struct record){
        .id = id,
        .version = version,
        .resource = STR("pods"),
        .namespace = STR("default"),
        .name = STR("web-6f7d9c5b4-x2x8z"),
        .uid = STR("6f1f8c1e-1f0e-4b5e-9c57-0d8b3c7a9e11"),
        .document = {changes->document, DOCUMENT_BYTES},
    };
}

static void fill(struct store *store, struct changes *changes)
{
    static struct record records[OBJECTS];
    for (int i = 0; i < OBJECTS; i++)
        records[i] = record_of(changes, i + 1, ++changes->version);
    struct error *err = NULL;
    if (store_commit(store, &(struct store_batch){.records = records, .record_count = OBJECTS}, &err) != 0)
        die("cannot fill the store", err);
}

static void commit(struct store *store, struct changes *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t version = ++changes->version;
        int64_t id = version * 7919 % OBJECTS + 1;
        changes->records[i] = record_of(changes, id, version);
        changes->lines[i] =
            (struct stream_line){version, id, STREAM_STATUS, STR("12:00:00 Running ready=1/1")};
        changes->outcomes[i] = (struct outcome){(uint32_t)i, 1, (uint64_t)version, 0};
        changes->outbox[i] = (struct outbox_row){
            .version = version,
            .id = id,
            .time_ms = version,
            .path = STR("namespaces/default/pods/7c/web-6f7d9c5b4-x2x8z"),
            .author = STR("root (uid 0)"),
            .subject = STR("pods/web-6f7d9c5b4-x2x8z: Running"),
            .person = true,
        };
    }
    struct store_batch batch = {
        .records = changes->records,
        .record_count = count,
        .lines = changes->lines,
        .line_count = count,
        .outcomes = changes->outcomes,
        .outcome_count = count,
        .outbox = changes->outbox,
        .outbox_count = count,
        .outbox_done = changes->version - 1000,
    };
    struct error *err = NULL;
    if (store_commit(store, &batch, &err) != 0)
        die("cannot commit", err);
    store_settle(store, false);
}

static void see_record(void *context, const struct record *record)
{
    *(size_t *)context += record->document.length;
}
static void see_tombstone(void *context, const struct tombstone *tombstone)
{
    *(size_t *)context += tombstone->document.length;
}
static void see_line(void *context, const struct stream_line *line)
{
    *(size_t *)context += line->text.length;
}
static void see_outbox(void *context, const struct outbox_row *row)
{
    *(size_t *)context += row->document.length;
}
static void see_outcome(void *context, const struct outcome *outcome)
{
    (void)context, (void)outcome;
}

static void see_promise(void *context, const struct promise *promise)
{
    *(size_t *)context += promise->path.length;
}

/* Returns how many bytes of documents and lines there were. */
static size_t load(struct store *store)
{
    const struct store_reader reader = {"",         see_record,  see_tombstone, see_line,
                                        see_outbox, see_outcome, see_promise};
    struct store_position position;
    struct error *err = NULL;
    size_t bytes = 0;
    if (store_load(store, &reader, &bytes, &position, &err) != 0)
        die("cannot load", err);
    return bytes;
}

static struct store *open_store(const char *directory)
{
    struct store *store = NULL;
    struct error *err = NULL;
    if (store_open(directory, &store, &err) != 0)
        die("cannot open", err);
    return store;
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

#define ROUNDS 2000

static int64_t median(int64_t *times)
{
    qsort(times, ROUNDS, sizeof(*times), by_size);
    return times[ROUNDS / 2];
}

/* Turn and turn about, so that whatever else the disk does hits both. */
static void compare(struct store *store, struct changes *changes, struct yardstick *yardstick)
{
    static int64_t commits[ROUNDS], syncs[ROUNDS], pages[ROUNDS];
    int64_t commit_sum = 0, sync_sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = clock_us();
        yardstick_sync(yardstick, 4096);
        int64_t one_page = clock_us();
        yardstick_sync(yardstick, 4 * 4096);
        int64_t synced = clock_us();
        commit(store, changes, 1);
        int64_t end = clock_us();
        pages[i] = one_page - start;
        syncs[i] = synced - one_page;
        commits[i] = end - synced;
        commit_sum += commits[i];
        sync_sum += syncs[i];
    }
    int64_t page = median(pages), sync = median(syncs), one = median(commits);
    printf("fdatasync of  4 KiB         median %5lld us\n", (long long)page);
    printf("fdatasync of 16 KiB         median %5lld us   mean %5lld us\n", (long long)sync,
           (long long)(sync_sum / ROUNDS));
    printf("commit of one change        median %5lld us   mean %5lld us   p99 %5lld us\n", (long long)one,
           (long long)(commit_sum / ROUNDS), (long long)commits[ROUNDS * 99 / 100]);
    printf("commit / fdatasync          median  %4.2f      mean  %4.2f\n", (double)one / (double)sync,
           (double)commit_sum / (double)sync_sum);
}

static void throughput(struct store *store, struct changes *changes, size_t batch)
{
    int64_t start = clock_us(), count = 0;
    while (clock_us() - start < 2000000) {
        commit(store, changes, batch);
        count += (int64_t)batch;
    }
    printf("batches of %3zu              %8.0f changes/s\n", batch,
           (double)count * 1e6 / (double)(clock_us() - start));
}

/* ---- a start with many objects ---- */

#define MANY 100000

static void start(const char *directory, struct changes *changes)
{
    struct store *store = open_store(directory);
    load(store);
    struct error *err = NULL;
    for (int64_t id = 1; id <= MANY; id += BATCH_MOST) {
        for (int i = 0; i < BATCH_MOST; i++) {
            int64_t version = ++changes->version;
            changes->records[i] = record_of(changes, id + i, version);
            changes->lines[i] =
                (struct stream_line){version, id + i, STREAM_STATUS, STR("12:00:00 Running ready=1/1")};
        }
        struct store_batch batch = {.records = changes->records,
                                    .record_count = BATCH_MOST,
                                    .lines = changes->lines,
                                    .line_count = BATCH_MOST};
        if (store_commit(store, &batch, &err) != 0)
            die("cannot fill the store", err);
        store_settle(store, false);
    }
    store_close(store);
    int64_t begin = clock_us();
    store = open_store(directory);
    int64_t opened = clock_us();
    size_t bytes = load(store);
    printf("start with %d objects   open %lld ms, load %lld ms (%zu MiB)\n", MANY,
           (long long)(opened - begin) / 1000, (long long)(clock_us() - opened) / 1000, bytes >> 20);
    store_close(store);
}

/* ---- the history ---- */

static void commit_files(struct history *history, size_t count, size_t of, int64_t sequence)
{
    struct history_change changes[BATCH_MOST];
    char paths[BATCH_MOST][80], texts[BATCH_MOST][64];
    static struct buf yaml[BATCH_MOST];
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "namespaces/default/pods/%02zx/web-%zu.yaml",
                 (sequence + i) % 64, ((size_t)sequence + i) % of);
        snprintf(texts[i], sizeof(texts[i]), "value: %lld\n", (long long)sequence);
        buf_clear(&yaml[i]);
        while (yaml[i].length < 2500)
            buf_add_text(&yaml[i], texts[i]);
        changes[i] = (struct history_change){str_of(paths[i]), buf_str(&yaml[i])};
    }
    struct error *err = NULL;
    const struct history_author author = {STR("bench"), STR("bench@podtree")};
    if (history_commit(history, changes, count, author, STR("pods/web: changed"), sequence, sequence, &err) !=
            0 ||
        history_publish(history, &err) != 0)
        die("cannot commit to the history", err);
}

static void follow(const char *directory)
{
    autofree char *path = path_format("%s/history.git", directory);
    struct history *history = NULL;
    struct error *err = NULL;
    if (history_open(path, &history, &err) != 0)
        die("cannot open the history", err);
    int64_t sequence = 0;
    static const size_t sizes[] = {1, 8, 64, 256};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int64_t begin = clock_us();
        size_t commits = 0;
        for (; clock_us() - begin < 2000000; commits++)
            commit_files(history, sizes[i], 6400, ++sequence);
        double seconds = (double)(clock_us() - begin) / 1e6;
        printf("history, %3zu files a commit  %6.0f commits/s  %6.0f changes/s\n", sizes[i],
               (double)commits / seconds, (double)(commits * sizes[i]) / seconds);
    }
    history_close(history);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    autofree char *directory = path_format("%s/podtree-bench.XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(directory) == NULL)
        die("cannot make a directory", NULL);
    autofree char *many = path_format("%s/many", directory);
    static struct changes changes;
    changes.document = memory_new(DOCUMENT_BYTES);
    memset(changes.document, 'x', DOCUMENT_BYTES);
    struct yardstick yardstick = {0};
    yardstick_open(&yardstick, directory);

    int64_t begin = clock_us();
    struct store *store = open_store(directory);
    printf("first opening               %lld ms\n", (long long)(clock_us() - begin) / 1000);
    load(store);
    fill(store, &changes);
    compare(store, &changes, &yardstick);
    for (size_t batch = 1; batch <= BATCH_MOST; batch = batch < 8 ? 8 : batch < 64 ? 64 : batch * 4)
        throughput(store, &changes, batch);
    store_close(store);
    start(many, &changes);
    follow(directory);
    close(yardstick.fd);
    free(changes.document);
    struct error *err = NULL;
    if (directory_remove(directory, &err) != 0)
        die("cannot clean up", err);
    return 0;
}
