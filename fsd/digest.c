#include "fsd/digest.h"

/* How long a change waits for others to share a commit, or at least the wait for the disk: */
#define PERSON_MS     DIGEST_SOONEST_MS /* a person's, which gets a commit of its own */
#define GATHER_MS     1000              /* components' */
#define FLOOD_COUNT   64                /* when more are waiting, nobody gets one of his own */
#define SUBJECT_BYTES 72
#define LISTED_MOST   100
#define MORE          ", …"

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

/* One line, whatever somebody has put into a name. */
static void add_line(struct buf *message, struct str text)
{
    size_t from = message->length;
    buf_add_str(message, text);
    for (size_t i = from; i < message->length; i++)
        if ((unsigned char)message->at[i] < ' ')
            message->at[i] = ' ';
}

/* At the end of a character. */
static void cut(struct buf *message, size_t length)
{
    while (length > 0 && (message->at[length] & 0xc0) == 0x80)
        length--;
    message->length = length;
    message->at[length] = '\0';
}

/* What a subject ("pods/web-1: created") says was done, to which kind. */
struct deed {
    struct str kind, verb;
    size_t count;
};

static struct deed deed_of(struct str subject)
{
    static const char *const verbs[] = {": created", ": deleted"};
    struct str kind = STR_NONE, rest = subject;
    str_split(&rest, '/', &kind);
    for (size_t i = 0; i < 2; i++)
        if (str_ends(subject, str_of(verbs[i])))
            return (struct deed){kind, str_of(verbs[i] + 2), 1};
    return (struct deed){kind, STR("changed"), 1};
}

/* For each change whether it is the first of its kind to its object: an object that changed a hundred times
 * is one that changed. */
struct first {
    uint64_t hash;
    size_t at;
};

static int by_hash_then_place(const void *a, const void *b)
{
    const struct first *left = a, *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (left->at > right->at) - (left->at < right->at);
}

static bool *first_of_their_kind(const struct group *group)
{
    autofree struct first *firsts = memory_new(group->count * sizeof(*firsts));
    bool *is_first = memory_zeroed(group->count, sizeof(*is_first));
    for (size_t i = 0; i < group->count; i++) {
        const struct history_entry *entry = group->entries[i];
        uint64_t verb = str_hash(deed_of(entry->subject).verb);
        firsts[i] = (struct first){str_hash(entry->path) * 31 + verb, i};
    }
    qsort(firsts, group->count, sizeof(*firsts), by_hash_then_place);
    for (size_t i = 0; i < group->count; i++)
        is_first[firsts[i].at] = i == 0 || firsts[i].hash != firsts[i - 1].hash;
    return is_first;
}

/* "2 changes: pods/a: Running, pods/b: Running", where that fits. */
static bool write_all(struct buf *message, const struct group *group)
{
    buf_addf(message, "%zu changes: ", group->count);
    for (size_t i = 0; i < group->count; i++) {
        buf_add_text(message, i == 0 ? "" : ", ");
        add_line(message, group->entries[i]->subject);
        if (message->length > SUBJECT_BYTES) {
            buf_clear(message);
            return false;
        }
    }
    return true;
}

/* The deeds of the kind that the one at `from` belongs to, unless an earlier one does. */
static void add_kind(struct buf *text, const struct deed *deeds, size_t count, size_t from)
{
    for (size_t i = 0; i < from; i++)
        if (str_equal(deeds[i].kind, deeds[from].kind))
            return;
    add_line(text, deeds[from].kind);
    for (size_t i = from; i < count; i++)
        if (str_equal(deeds[i].kind, deeds[from].kind))
            buf_addf(text, "%s %zu " STR_FORMAT, i == from ? ":" : ",", deeds[i].count,
                     STR_ARGS(deeds[i].verb));
}

/* Else "pods: 3 created, 12 changed; replicasets: 1 created": kinds in the order of their first change, as
 * many as fit. */
static void write_subject(struct buf *message, const struct group *group)
{
    if (write_all(message, group))
        return;
    autofree bool *is_first = first_of_their_kind(group);
    struct deed *deeds = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (!is_first[i])
            continue;
        struct deed deed = deed_of(group->entries[i]->subject);
        size_t same = 0;
        while (same < count &&
               (!str_equal(deeds[same].kind, deed.kind) || !str_equal(deeds[same].verb, deed.verb)))
            same++;
        if (same < count) {
            deeds[same].count++;
            continue;
        }
        array_grow(deeds, count, capacity);
        deeds[count++] = deed;
    }
    size_t room = SUBJECT_BYTES - strlen(MORE);
    for (size_t i = 0; i < count; i++) {
        autobuf struct buf kind = {0};
        add_kind(&kind, deeds, count, i);
        if (kind.length == 0)
            continue;
        if (message->length != 0 && message->length + 2 + kind.length > room) {
            buf_add_text(message, MORE);
            break;
        }
        buf_addf(message, "%s%s", message->length != 0 ? "; " : "", kind.at);
    }
    free(deeds);
    if (message->length > SUBJECT_BYTES) {
        cut(message, room);
        buf_add_text(message, MORE);
    }
}

static void write_body(struct buf *message, const struct group *group)
{
    size_t listed = group->count <= LISTED_MOST ? group->count : LISTED_MOST - 1;
    buf_add_text(message, "\n\n");
    for (size_t i = 0; i < listed; i++) {
        buf_add_text(message, "- ");
        if (!group->one_author) {
            add_line(message, group->entries[i]->author);
            buf_add_text(message, ": ");
        }
        add_line(message, group->entries[i]->subject);
        buf_add_char(message, '\n');
    }
    if (listed < group->count)
        buf_addf(message, "- and %zu more\n", group->count - listed);
}

/* ---- which files ---- */

struct place {
    const struct history_entry *entry;
    size_t at;
};

static int by_path_then_time(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = str_compare(left->entry->path, right->entry->path);
    return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

/* Which entries are the last ones of their path, over all commits of this turn: a later one must not be
 * overwritten by a commit that comes after it. By place in the queue. */
static bool *last_of_path(const struct history_queue *queue, size_t count)
{
    autofree struct place *places = memory_new(count * sizeof(*places));
    bool *last = memory_zeroed(count, sizeof(*last));
    const struct history_entry *entry = queue->first;
    for (size_t i = 0; i < count; i++, entry = entry->next)
        places[i] = (struct place){entry, i};
    qsort(places, count, sizeof(*places), by_path_then_time);
    for (size_t i = 0; i < count; i++)
        last[places[i].at] = i + 1 == count || !str_equal(places[i].entry->path, places[i + 1].entry->path);
    return last;
}

static struct digest digest_of(const struct group *group)
{
    const struct history_entry *first = group->entries[0];
    struct digest digest = {.author = {STR("podtree"), STR("podtree@localhost")},
                            .files = group->files,
                            .file_count = group->file_count,
                            .time_ms = group->entries[group->count - 1]->time_ms};
    if (group->one_author)
        digest.author = (struct history_author){first->author, first->email};
    if (group->count == 1) {
        add_line(&digest.message, first->subject);
        return digest;
    }
    write_subject(&digest.message, group);
    write_body(&digest.message, group);
    return digest;
}

size_t digest_make(const struct history_queue *queue, size_t count, struct digest **digests)
{
    autofree bool *last = last_of_path(queue, count);
    struct group *groups = NULL;
    size_t group_count = 0, capacity = 0;
    const struct history_entry *entry = queue->first;
    for (size_t i = 0; i < count; i++, entry = entry->next)
        group_add(group_for(&groups, &group_count, &capacity, entry), entry, last[i]);

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
