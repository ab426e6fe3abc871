#include "cli/container_lines.h"

#include "lib/container_log.h"
#include "lib/file.h"

/* Colours that can be read on dark and on light ground, neighbours far apart. */
static const char *const colours[] = {"36", "33", "32", "35", "34", "31", "96", "93", "92", "95", "94", "91"};

void container_lines_init(struct container_lines *lines, const char *pod, const char *container, int colour,
                          bool timestamps)
{
    *lines = (struct container_lines){.timestamps = timestamps};
    if (pod != NULL && colour >= 0)
        lines->prefix =
            path_format("\033[%sm[%s/%s]\033[0m ", colours[(size_t)colour % COUNT(colours)], pod, container);
    else if (pod != NULL)
        lines->prefix = path_format("[%s/%s] ", pod, container);
}

void container_lines_free(struct container_lines *lines)
{
    free(lines->prefix);
    buf_free(&lines->unread);
    buf_free(&lines->unfinished[0]);
    buf_free(&lines->unfinished[1]);
}

/* The time is that of the first piece. */
static void begin_line(const struct container_lines *lines, struct str time, struct buf *out)
{
    if (lines->prefix != NULL)
        buf_add_text(out, lines->prefix);
    if (lines->timestamps && time.length > 0) {
        buf_add_str(out, time);
        buf_add_char(out, ' ');
    }
}

static void take_line(struct container_lines *lines, struct str text, struct buf *out)
{
    struct log_line line = log_line_parse(text);
    struct buf *unfinished = &lines->unfinished[str_is(line.stream, "stderr")];
    bool whole_lines = lines->prefix != NULL || lines->timestamps;
    if (whole_lines && unfinished->length == 0)
        begin_line(lines, line.time, unfinished);
    buf_add_str(unfinished, line.content);
    if (!line.partial)
        buf_add_char(unfinished, '\n');
    if (whole_lines && line.partial)
        return;
    buf_add_str(out, buf_str(unfinished));
    buf_clear(unfinished);
}

void container_lines_take(struct container_lines *lines, struct str bytes, struct buf *out)
{
    buf_add_str(&lines->unread, bytes);
    struct str rest = buf_str(&lines->unread), line;
    for (const char *end; rest.length > 0 && (end = memchr(rest.at, '\n', rest.length)) != NULL;) {
        line = (struct str){rest.at, (size_t)(end - rest.at)};
        take_line(lines, line, out);
        rest = str_cut(rest, line.length + 1, SIZE_MAX);
    }
    buf_drop(&lines->unread, lines->unread.length - rest.length);
}

void container_lines_end(struct container_lines *lines, struct buf *out)
{
    for (size_t i = 0; i < COUNT(lines->unfinished); i++) {
        if (lines->unfinished[i].length == 0)
            continue;
        buf_add_str(out, buf_str(&lines->unfinished[i]));
        buf_add_char(out, '\n');
        buf_clear(&lines->unfinished[i]);
    }
    buf_clear(&lines->unread);
}

int64_t container_lines_last(struct str end, bool whole, int64_t count)
{
    const char *from = end.at, *newline;
    if (end.length == 0 || count == 0)
        return whole || count == 0 ? (int64_t)end.length : -1;
    if (!whole) { /* the first line is cut */
        newline = memchr(from, '\n', end.length);
        if (newline == NULL)
            return -1;
        from = newline + 1;
    }
    /* Where lines of the container begin: a ring of the last ones. What has not ended yet is one, too. There
     * are fewer of them than bytes. */
    if (count > (int64_t)end.length)
        count = (int64_t)end.length;
    autofree int64_t *begins = memory_zeroed((size_t)count, sizeof(*begins));
    int64_t seen = 0;
    bool begun = false;
    for (; from < end.at + end.length; from = newline + 1) {
        newline = memchr(from, '\n', end.length - (size_t)(from - end.at));
        if (newline == NULL)
            break;
        if (!begun)
            begins[seen++ % count] = from - end.at;
        begun = log_line_parse((struct str){from, (size_t)(newline - from)}).partial;
    }
    /* The first line that was found may have begun before. */
    if (seen > count || (seen == count && whole))
        return begins[seen % count];
    return whole ? (seen > 0 ? begins[0] : 0) : -1;
}
