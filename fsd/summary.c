/* The subject is what `git log --oneline` shows, and what people search. It begins with an object and ends
 * with who did it. Where not all fits, an object is told in brief; then objects of the same kind are counted
 * by what has become of them; and then what takes the least room is said, so that most is said:
 *
 *     deployments/web: replicas 2 -> 3 (root)
 *     pods/web-6d5f-x2x8z: created, Running ready=1/1; deployments/web: 3/3 ready and 1 more (nodeagent,
 *     scheduler, workloads)
 *     replicasets/web-6d5f: deleted; pods: 30 deleted (gc, nodeagent)
 */
#include "fsd/summary.h"

#include "fsd/digest.h"

#define SUBJECT_BYTES 100 /* without who did it, and how much is left out */
#define LISTED_MOST   100
#define CUT           "…"

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
    if (message->length <= length)
        return;
    while (length > 0 && (message->at[length] & 0xc0) == 0x80)
        length--;
    message->length = length;
    buf_add_text(message, CUT);
}

static struct str before(struct str text, size_t length)
{
    return (struct str){text.at, length};
}

static struct str behind(struct str text, size_t length)
{
    return (struct str){text.at + length, text.length - length};
}

/* Where `part` begins in the text; its length when it doesn't. */
static size_t find(struct str text, const char *part)
{
    const char *found = text.length != 0 ? memmem(text.at, text.length, part, strlen(part)) : NULL;
    return found != NULL ? (size_t)(found - text.at) : text.length;
}

/* ---- objects ---- */

/* What a commit does to one object. */
struct part {
    const struct history_entry *last;
    int64_t begun; /* the version of its first change */
    bool created;
};

/* "pods/web-1: Running ready=1/1" is said of pods/web-1, in these words. */
struct saying {
    struct str object, words;
};

static struct saying saying_of(const struct history_entry *entry)
{
    struct str subject = entry->subject;
    size_t colon = find(subject, ": ");
    if (colon == subject.length)
        return (struct saying){subject, STR_NONE};
    return (struct saying){before(subject, colon), behind(subject, colon + 2)};
}

static bool is_creation(const struct history_entry *entry)
{
    return str_is(saying_of(entry).words, "created");
}

static int by_first_change(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    return (left->begun > right->begun) - (left->begun < right->begun);
}

/* In the order of their first changes. */
static struct part *parts_of(const struct history_entry *const *entries, size_t count, size_t *part_count)
{
    autofree const struct history_entry **sorted = memory_new(count * sizeof(*sorted));
    struct part *parts = memory_new(count * sizeof(*parts));
    size_t made = 0;
    memcpy(sorted, entries, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), history_entry_order);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !str_equal(sorted[i - 1]->path, sorted[i]->path))
            parts[made++] = (struct part){.begun = sorted[i]->version};
        parts[made - 1].last = sorted[i];
        parts[made - 1].created |= is_creation(sorted[i]);
    }
    qsort(parts, made, sizeof(*parts), by_first_change);
    *part_count = made;
    return parts;
}

/* A status line ("Running ready=1/1 restarts=0 ip=10.0.0.7") up to its first "key=", where there are words
 * before that one. */
static size_t brief_status(struct str words)
{
    size_t length = 0, keys = 0;
    struct str rest = words, word = STR_NONE;
    while (str_split(&rest, ' ', &word)) {
        size_t end = (size_t)(word.at - words.at) + word.length;
        bool key = find(word, "=") != word.length;
        if (key && length == 0)
            return words.length;
        if (key && keys++ > 0)
            return length;
        length = end;
    }
    return words.length;
}

static void add_brief(struct buf *text, struct str words)
{
    size_t comma = find(words, ", ");
    bool values = find(words, " -> ") != words.length; /* of which none is a word of a status line */
    if (comma != words.length) {
        add_line(text, before(words, comma + 2));
        buf_add_text(text, CUT);
    } else {
        add_line(text, values ? words : before(words, brief_status(words)));
    }
}

/* "pods/web-1: created, Running ready=1/1" */
static void add_part(struct buf *text, const struct part *part, bool brief)
{
    struct saying saying = saying_of(part->last);
    add_line(text, saying.object);
    if (saying.words.length == 0)
        return;
    buf_add_text(text, part->created && !is_creation(part->last) ? ": created, " : ": ");
    if (brief)
        add_brief(text, saying.words);
    else
        add_line(text, saying.words);
}

static bool write_parts(struct buf *message, const struct part *parts, size_t count, bool brief)
{
    for (size_t i = 0; i < count && message->length <= SUBJECT_BYTES; i++) {
        buf_add_text(message, i == 0 ? "" : "; ");
        add_part(message, &parts[i], brief);
    }
    if (message->length <= SUBJECT_BYTES)
        return true;
    buf_clear(message);
    return false;
}

/* ---- kinds ---- */

/* How many came to this: to be "created", "Running", "created and Running". */
struct tally {
    bool created;
    struct str state; /* none: created is all that is to be said */
    size_t count;
};

/* What is said of one kind. */
struct clause {
    struct str kind;
    const struct part *first;
    size_t objects;
    struct tally *tallies;
    size_t tally_count, tally_capacity;
    struct buf text;
    bool told;
};

struct clauses {
    struct clause *at;
    size_t count, capacity;
};

static struct clause *clause_for(struct clauses *clauses, const struct part *part)
{
    struct str rest = part->last->subject, kind = STR_NONE;
    str_split(&rest, '/', &kind);
    for (size_t i = 0; i < clauses->count; i++)
        if (str_equal(clauses->at[i].kind, kind))
            return &clauses->at[i];
    array_grow(clauses->at, clauses->count, clauses->capacity);
    clauses->at[clauses->count] = (struct clause){.kind = kind, .first = part};
    return &clauses->at[clauses->count++];
}

/* The first word of a status line, if it is a name like Running; what is said of a change otherwise. */
static struct str state_of(struct str words)
{
    if (str_is(words, "created") || str_is(words, "deleted"))
        return words;
    if (str_is(words, "deletion begun"))
        return STR("being deleted");
    if (words.length != 0 && *words.at >= 'A' && *words.at <= 'Z')
        return before(words, find(words, " "));
    return STR("changed");
}

static void count_part(struct clause *clause, const struct part *part)
{
    struct str state = state_of(saying_of(part->last).words);
    if (part->created && (is_creation(part->last) || str_is(state, "changed")))
        state = STR_NONE;
    clause->objects++;
    for (size_t i = 0; i < clause->tally_count; i++) {
        struct tally *tally = &clause->tallies[i];
        if (tally->created == part->created && str_equal(tally->state, state)) {
            tally->count++;
            return;
        }
    }
    array_grow(clause->tallies, clause->tally_count, clause->tally_capacity);
    clause->tallies[clause->tally_count++] = (struct tally){part->created, state, 1};
}

static void add_tally(struct buf *text, const struct tally *tally)
{
    buf_addf(text, "%zu ", tally->count);
    if (tally->created)
        buf_add_text(text, tally->state.length != 0 ? "created and " : "created");
    add_line(text, tally->state);
}

static void write_clause(struct clause *clause)
{
    if (clause->objects == 1) {
        add_part(&clause->text, clause->first, true);
    } else {
        add_line(&clause->text, clause->kind);
        for (size_t i = 0; i < clause->tally_count; i++) {
            buf_add_text(&clause->text, i == 0 ? ": " : ", ");
            add_tally(&clause->text, &clause->tallies[i]);
        }
    }
    cut(&clause->text, SUBJECT_BYTES);
}

static struct clause *shortest(const struct clauses *clauses)
{
    struct clause *found = NULL;
    for (size_t i = 0; i < clauses->count; i++) {
        struct clause *clause = &clauses->at[i];
        if (!clause->told && (found == NULL || clause->text.length < found->text.length))
            found = clause;
    }
    return found;
}

/* As many as fit, one at least. */
static void choose(struct clauses *clauses)
{
    size_t length = 0;
    struct clause *next;
    while ((next = shortest(clauses)) != NULL &&
           (length == 0 || length + 2 + next->text.length <= SUBJECT_BYTES)) {
        next->told = true;
        length += next->text.length + 2;
    }
}

static void write_kinds(struct buf *message, const struct part *parts, size_t count)
{
    struct clauses clauses = {0};
    for (size_t i = 0; i < count; i++)
        count_part(clause_for(&clauses, &parts[i]), &parts[i]);
    for (size_t i = 0; i < clauses.count; i++)
        write_clause(&clauses.at[i]);
    choose(&clauses);
    size_t untold = 0;
    for (size_t i = 0; i < clauses.count; i++) {
        struct clause *clause = &clauses.at[i];
        if (clause->told)
            buf_addf(message, "%s%s", message->length != 0 ? "; " : "", clause->text.at);
        else
            untold += clause->objects;
        free(clause->tallies);
        buf_free(&clause->text);
    }
    if (untold != 0)
        buf_addf(message, " and %zu more", untold);
    free(clauses.at);
}

/* ---- the message ---- */

/* " (scheduler, workloads)", in the order of their first changes. Returns how many they are: few, since
 * persons don't share a commit. */
static size_t write_authors(struct buf *message, const struct history_entry *const *entries, size_t count)
{
    struct str *authors = NULL;
    size_t known = 0, capacity = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        while (same < known && !str_equal(authors[same], entries[i]->author))
            same++;
        if (same < known)
            continue;
        buf_add_text(message, known == 0 ? " (" : ", ");
        add_line(message, entries[i]->author);
        array_grow(authors, known, capacity);
        authors[known++] = entries[i]->author;
    }
    buf_add_char(message, ')');
    free(authors);
    return known;
}

static void write_body(struct buf *message, const struct history_entry *const *entries, size_t count,
                       bool with_authors)
{
    size_t listed = count <= LISTED_MOST ? count : LISTED_MOST - 1;
    buf_add_text(message, "\n\n");
    for (size_t i = 0; i < listed; i++) {
        buf_add_text(message, "- ");
        if (with_authors) {
            add_line(message, entries[i]->author);
            buf_add_text(message, ": ");
        }
        add_line(message, entries[i]->subject);
        buf_add_char(message, '\n');
    }
    if (listed < count)
        buf_addf(message, "- and %zu more\n", count - listed);
}

void summary_write(struct buf *message, const struct history_entry *const *entries, size_t count)
{
    if (count == 1) {
        add_line(message, entries[0]->subject);
        write_authors(message, entries, 1);
        return;
    }
    size_t part_count;
    autofree struct part *parts = parts_of(entries, count, &part_count);
    if (!write_parts(message, parts, part_count, false) && !write_parts(message, parts, part_count, true))
        write_kinds(message, parts, part_count);
    size_t authors = write_authors(message, entries, count);
    write_body(message, entries, count, authors > 1);
}
