#include "fsd/digest.h"

#include "fsd/summary.h"

/* How long a change waits for others to share a commit, or at least the wait for the disk: */
#define PERSON_MS   DIGEST_SOONEST_MS /* a person's, which gets a commit of its own */
#define GATHER_MS   1000              /* components' */
#define FLOOD_COUNT 64                /* when more are waiting, nobody gets one of his own */

void queue_add(struct history_queue *queue, struct history_entry *entry)
{
    entry->next = NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = entry;
    queue->last = entry;
    queue->count++;
}

void queue_append(struct history_queue *queue, struct history_queue *more)
{
    if (more->count == 0)
        return;
    *(queue->count != 0 ? &queue->last->next : &queue->first) = more->first;
    queue->last = more->last;
    queue->count += more->count;
    *more = (struct history_queue){0};
}

struct history_entry *queue_take(struct history_queue *queue)
{
    struct history_entry *entry = queue->first;
    queue->first = entry->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    return entry;
}

size_t digest_due(const struct history_queue *queue, int64_t now_ms, bool ending, int64_t *wait_ms)
{
    const struct history_entry *first = queue->first, *person = first;
    size_t before = 0; /* of components, in front of the first person's */
    *wait_ms = -1;
    if (first == NULL)
        return 0;
    for (; person != NULL && !person->person; person = person->next)
        before++;
    int64_t due_ms = first->arrived_ms + GATHER_MS;
    if (person != NULL && person->arrived_ms + PERSON_MS < due_ms)
        due_ms = person->arrived_ms + PERSON_MS;
    if (!ending && now_ms < due_ms) {
        *wait_ms = due_ms - now_ms;
        return 0;
    }
    if (queue->count > FLOOD_COUNT)
        return queue->count;
    return before > 0 ? before : 1;
}

/* ---- who and what ---- */

/* Components share a commit, persons don't. */
static bool same_commit(const struct history_entry *a, const struct history_entry *b)
{
    return a->person == b->person && (!a->person || str_equal(a->author, b->author));
}

struct group {
    const struct history_entry **entries, **files;
    size_t count, capacity, file_count, file_capacity;
    bool one_author;
};

static struct group *group_for(struct group **groups, size_t *count, size_t *capacity,
                               const struct history_entry *entry)
{
    for (size_t i = 0; i < *count; i++)
        if (same_commit((*groups)[i].entries[0], entry))
            return &(*groups)[i];
    array_grow(*groups, *count, *capacity);
    (*groups)[*count] = (struct group){.one_author = true};
    return &(*groups)[(*count)++];
}

static void group_add(struct group *group, const struct history_entry *entry, bool last_of_path)
{
    array_grow(group->entries, group->count, group->capacity);
    group->entries[group->count++] = entry;
    group->one_author &= str_equal(group->entries[0]->author, entry->author);
    if (!last_of_path)
        return;
    array_grow(group->files, group->file_count, group->file_capacity);
    group->files[group->file_count++] = entry;
}

/* ---- which files ---- */

int history_entry_order(const void *a, const void *b)
{
    const struct history_entry *left = *(const struct history_entry *const *)a;
    const struct history_entry *right = *(const struct history_entry *const *)b;
    int order = str_compare(left->path, right->path);
    return order != 0 ? order : (left->version > right->version) - (left->version < right->version);
}

/* The entries that are the last ones of their path, over all commits of this turn, sorted: a later one must
 * not be overwritten by a commit that comes after it. */
static const struct history_entry **last_of_paths(const struct history_queue *queue, size_t count,
                                                  size_t *last_count)
{
    const struct history_entry **sorted = memory_new(count * sizeof(*sorted));
    const struct history_entry *entry = queue->first;
    for (size_t i = 0; i < count; i++, entry = entry->next)
        sorted[i] = entry;
    qsort(sorted, count, sizeof(*sorted), history_entry_order);
    *last_count = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !str_equal(sorted[i]->path, sorted[i + 1]->path))
            sorted[(*last_count)++] = sorted[i];
    return sorted;
}

static struct digest digest_of(const struct group *group)
{
    const struct history_entry *first = group->entries[0];
    struct digest digest = {.author = history_podtree,
                            .files = group->files,
                            .file_count = group->file_count,
                            .time_ms = group->entries[group->count - 1]->time_ms};
    if (group->one_author)
        digest.author = (struct history_author){first->author, first->email};
    summary_write(&digest.message, group->entries, group->count);
    return digest;
}

size_t digest_make(const struct history_queue *queue, size_t count, struct digest **digests)
{
    size_t last_count;
    autofree const struct history_entry **last = last_of_paths(queue, count, &last_count);
    struct group *groups = NULL;
    size_t group_count = 0, capacity = 0;
    const struct history_entry *entry = queue->first;
    for (size_t i = 0; i < count; i++, entry = entry->next) {
        bool is_last = bsearch(&entry, last, last_count, sizeof(*last), history_entry_order) != NULL;
        group_add(group_for(&groups, &group_count, &capacity, entry), entry, is_last);
    }

    *digests = memory_zeroed(group_count, sizeof(**digests));
    for (size_t i = 0; i < group_count; i++) {
        (*digests)[i] = digest_of(&groups[i]);
        free(groups[i].entries);
    }
    free(groups);
    return group_count;
}

void digest_free_all(struct digest *digests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_free(&digests[i].message);
        free(digests[i].files);
    }
    free(digests);
}
