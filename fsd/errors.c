#include "fsd/errors.h"

#include "lib/clock.h"
#include <stdatomic.h>

#define LINE_AT_MOST 8192u

void errors_mark(struct memory *memory)
{
    for (int i = 0; i < MEMORY_ERRORS; i++)
        if (memory->errors[i].used)
            arena_mark(memory->arena, memory->errors[i].text.ref);
}

static struct errors_record *find(const struct memory *memory, uid_t uid)
{
    for (int i = 0; i < MEMORY_ERRORS; i++)
        if (memory->errors[i].used && memory->errors[i].uid == uid)
            return &memory->errors[i];
    return NULL;
}

static struct errors_record *make(struct memory *memory, uid_t uid)
{
    struct errors_record *oldest = &memory->errors[0];
    for (int i = 0; i < MEMORY_ERRORS && oldest->used; i++)
        if (!memory->errors[i].used || memory->errors[i].time_ms < oldest->time_ms)
            oldest = &memory->errors[i];
    oldest->used = 0;
    atomic_signal_fence(memory_order_seq_cst);
    arena_bytes_free(memory->arena, &oldest->text);
    oldest->uid = uid;
    atomic_signal_fence(memory_order_seq_cst);
    oldest->used = 1;
    return oldest;
}

/* One line, whatever names and values have got into it; the end of a very long one is cut off, so that it
 * doesn't drive out all others. */
static void finish_line(struct buf *line)
{
    size_t end = line->length;
    if (end > LINE_AT_MOST) {
        end = LINE_AT_MOST;
        while (((unsigned char)line->at[end] & 0xc0) == 0x80)
            end--; /* not through a character */
    }
    bool cut = end < line->length;
    line->length = end;
    for (size_t i = 0; i < line->length; i++)
        if ((unsigned char)line->at[i] < ' ' || line->at[i] == 0x7f)
            line->at[i] = ' ';
    buf_add_text(line, cut ? "…\n" : "\n");
}

void errors_add(struct memory *memory, uid_t uid, int64_t wall_ms, struct str path, const char *sentence)
{
    struct errors_record *record = find(memory, uid);
    if (record == NULL)
        record = make(memory, uid);
    char time[CLOCK_TEXT];
    clock_format(wall_ms, time);
    autobuf struct buf line = {0};
    buf_addf(&line, "%s " STR_FORMAT ": %s", time, STR_ARGS(path), sentence);
    finish_line(&line);
    struct arena_bytes *text = &record->text;
    if (text->length + line.length > ERRORS_KEPT) {
        /* Whole lines go, half of what there is, so that it does not happen with every line. */
        const char *at = arena_at(memory->arena, text->ref);
        const char *end = memchr(at + text->length / 2, '\n', text->length - text->length / 2);
        arena_bytes_drop(memory->arena, text, end != NULL ? (size_t)(end + 1 - at) : text->length);
    }
    record->time_ms = wall_ms;
    (void)arena_bytes_write(memory->arena, text, text->length, buf_str(&line)); /* full: there is no line */
}

struct str errors_text(const struct memory *memory, uid_t uid, int64_t *time_ms)
{
    const struct errors_record *record = find(memory, uid);
    *time_ms = record != NULL ? record->time_ms : 0;
    return record != NULL ? arena_bytes_str(memory->arena, &record->text) : STR("");
}
