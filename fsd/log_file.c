#include "fsd/log_file.h"

#include "lib/container_log.h"
#include <errno.h>

#define SCAN_BYTES ((size_t)256 << 10) /* read at a time */
#define MARK_BYTES ((int64_t)64 << 10) /* between two marks */
#define TRIES      10

/* The beginning of a line, in the piece and in what is shown of it. */
struct mark {
    int64_t raw, shown;
};

struct piece {
    int64_t sequence;
    uint64_t inode;
    int fd;             /* -1: closed */
    bool complete;      /* nothing comes to it any more, and all of it has been looked at */
    int64_t raw, shown; /* of its whole lines, as far as looked at */
    int64_t start;      /* in the file */
    struct mark *marks;
    size_t mark_count, mark_capacity;
};

struct log_file {
    struct log_source source;
    enum log_which which;
    enum log_form form;
    int64_t attempt; /* -1: none yet */
    struct piece *pieces;
    size_t count, capacity;
    int64_t time_ms;
    bool held;
    bool restored; /* the anchor counts, until starts are known */
    struct log_anchor anchor;
};

struct log_file *log_file_new(const struct log_source *source, enum log_which which, enum log_form form)
{
    struct log_file *file = memory_zeroed(1, sizeof(*file));
    file->source = (struct log_source){.state = str_dup(str_of(source->state)),
                                       .uid = str_dup(str_of(source->uid)),
                                       .container = str_dup(str_of(source->container))};
    file->which = which;
    file->form = form;
    file->attempt = -1;
    return file;
}

static void close_piece(struct piece *piece)
{
    if (piece->fd >= 0)
        close(piece->fd);
    piece->fd = -1;
}

/* All pieces from this one on. */
static void drop_pieces(struct log_file *file, size_t from)
{
    while (file->count > from) {
        struct piece *piece = &file->pieces[--file->count];
        close_piece(piece);
        free(piece->marks);
    }
}

void log_file_free(struct log_file *file)
{
    if (file == NULL)
        return;
    drop_pieces(file, 0);
    free(file->pieces);
    free((char *)(uintptr_t)file->source.state);
    free((char *)(uintptr_t)file->source.uid);
    free((char *)(uintptr_t)file->source.container);
    free(file);
}

void log_file_restore(struct log_file *file, const struct log_anchor *anchor)
{
    file->attempt = anchor->attempt;
    file->anchor = *anchor;
    file->restored = anchor->attempt >= 0;
}

/* ---- which pieces there are ---- */

/* Under the name that it has now. */
static int open_piece(const struct log_file *file, struct piece *piece)
{
    struct log_piece_name name = {.attempt = file->attempt, .sequence = piece->sequence};
    if (piece->fd >= 0)
        return 0;
    struct stat attributes;
    int fd = log_source_open(&file->source, &name);
    if (fd == -ENOENT) {
        name.current = true;
        fd = log_source_open(&file->source, &name);
    }
    if (fd < 0)
        return fd;
    if (fstat(fd, &attributes) < 0 || attributes.st_ino != piece->inode) {
        close(fd);
        return -ENOENT;
    }
    piece->fd = fd;
    return 0;
}

static int add_piece(struct log_file *file, const struct log_piece_name *name)
{
    struct stat attributes;
    int fd = log_source_open(&file->source, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &attributes) < 0) {
        int number = errno;
        close(fd);
        return -number;
    }
    array_grow(file->pieces, file->count, file->capacity);
    file->pieces[file->count++] =
        (struct piece){.sequence = name->sequence, .inode = attributes.st_ino, .fd = fd};
    return 0;
}

static const struct log_piece_name *first_of_attempt(const struct log_piece_name *names, size_t count,
                                                     int64_t attempt)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].attempt == attempt)
            return &names[i];
    return NULL;
}

/* -1 when there is none. */
static int64_t attempt_meant(const struct log_file *file, const struct log_piece_name *names, size_t count)
{
    int64_t newest = count > 0 ? names[count - 1].attempt : -1;
    if (file->which == LOG_NEWEST)
        return newest;
    for (size_t i = count; i-- > 0;)
        if (names[i].attempt != newest)
            return names[i].attempt;
    return -1;
}

/* Another attempt has taken its name, or its oldest pieces have been removed. */
static bool is_outdated(const struct log_file *file, const struct log_piece_name *names, size_t count)
{
    int64_t meant = attempt_meant(file, names, count);
    if (file->attempt < 0 || meant < 0)
        return false;
    const struct log_piece_name *first = first_of_attempt(names, count, file->attempt);
    return meant != file->attempt || first == NULL ||
           (file->count > 0 && (first->sequence > file->pieces[0].sequence || file->pieces[0].start > 0));
}

/* Of a file that somebody reads what is there stays; it is complete, should its attempt be over. */
static bool update_meaning(struct log_file *file, unsigned flags, const struct log_piece_name *names,
                           size_t count)
{
    bool outdated = (flags & (LOG_BY_NAME | LOG_HOLD)) != 0 && is_outdated(file, names, count);
    if (outdated && !file->held && !file->restored) {
        drop_pieces(file, 0);
        file->attempt = -1;
        outdated = false;
    }
    if (file->attempt < 0)
        file->attempt = attempt_meant(file, names, count);
    return outdated && (flags & LOG_BY_NAME) != 0;
}

static int add_new_pieces(struct log_file *file, const struct log_piece_name *names, size_t count)
{
    int64_t last = file->count > 0 ? file->pieces[file->count - 1].sequence : 0;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        if (names[i].attempt == file->attempt && names[i].sequence > last)
            status = add_piece(file, &names[i]);
    return status;
}

static bool same_names(const struct log_piece_name *a, size_t a_count, const struct log_piece_name *b,
                       size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; i < a_count && same; i++)
        same = a[i].attempt == b[i].attempt && a[i].sequence == b[i].sequence && a[i].current == b[i].current;
    return same;
}

/* Has nothing been put aside, or begun, while the pieces were opened? Only then they are under the right
 * numbers. */
static bool is_stable(const struct log_file *file, const struct log_piece_name *names, size_t count)
{
    autofree struct log_piece_name *now = NULL;
    size_t now_count;
    struct stat attributes;
    if (log_source_list(&file->source, &now, &now_count) < 0 || !same_names(now, now_count, names, count))
        return false;
    const struct log_piece_name *last = NULL;
    for (size_t i = 0; i < count; i++)
        if (names[i].attempt == file->attempt)
            last = &names[i];
    return last == NULL || !last->current || file->count == 0 ||
           (log_source_stat(&file->source, file->attempt, &attributes) == 0 &&
            attributes.st_ino == file->pieces[file->count - 1].inode);
}

static int list_pieces(struct log_file *file, unsigned flags, bool *outdated)
{
    for (int i = 0; i < TRIES; i++) {
        autofree struct log_piece_name *names = NULL;
        size_t name_count;
        int status = log_source_list(&file->source, &names, &name_count);
        if (status < 0)
            return status;
        *outdated = update_meaning(file, flags, names, name_count);
        size_t before = file->count;
        status = add_new_pieces(file, names, name_count);
        if (status == 0 && is_stable(file, names, name_count))
            return 0;
        drop_pieces(file, before);
        if (status < 0 && status != -ENOENT)
            return status;
    }
    return -EAGAIN;
}

/* ---- going through them ---- */

static size_t shown_length(const struct log_file *file, struct str line)
{
    if (file->form == LOG_LINES)
        return line.length + 1;
    struct log_line parsed = log_line_parse(line);
    return parsed.content.length + !parsed.partial;
}

static void add_shown(const struct log_file *file, struct str line, struct buf *out)
{
    struct log_line parsed = {.content = line};
    if (file->form == LOG_OUTPUT)
        parsed = log_line_parse(line);
    buf_add_str(out, parsed.content);
    if (!parsed.partial)
        buf_add_char(out, '\n');
}

static void pass_line(const struct log_file *file, struct piece *piece, struct str line)
{
    int64_t marked = piece->mark_count > 0 ? piece->marks[piece->mark_count - 1].raw : 0;
    if (piece->raw - marked >= MARK_BYTES) {
        array_grow(piece->marks, piece->mark_count, piece->mark_capacity);
        piece->marks[piece->mark_count++] = (struct mark){piece->raw, piece->shown};
    }
    piece->shown += (int64_t)shown_length(file, line);
    piece->raw += (int64_t)line.length + 1;
}

/* Reads from the place on, at least to the end of a line if there is one. 0 or a negative errno; nothing
 * comes at the end. */
static int read_lines(const struct piece *piece, int64_t from, int64_t to, struct buf *text)
{
    buf_clear(text);
    while (from + (int64_t)text->length < to &&
           (text->length == 0 || memrchr(text->at, '\n', text->length) == NULL)) {
        int64_t left = to - from - (int64_t)text->length;
        size_t size = left < (int64_t)SCAN_BYTES ? (size_t)left : SCAN_BYTES;
        ssize_t n = pread(piece->fd, buf_reserve(text, size), size, from + (int64_t)text->length);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        text->length += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Cuts the next whole line off; false: there is none. */
static bool next_line(struct str *text, struct str *line)
{
    const char *end = text->length > 0 ? memchr(text->at, '\n', text->length) : NULL;
    if (end == NULL)
        return false;
    *line = (struct str){text->at, (size_t)(end - text->at)};
    *text = str_cut(*text, line->length + 1, SIZE_MAX);
    return true;
}

static int64_t changed_ms(const struct stat *attributes)
{
    return attributes->st_mtim.tv_sec * 1000 + attributes->st_mtim.tv_nsec / 1000000;
}

/* What has come to the piece since the last time. */
static int scan_piece(struct log_file *file, struct piece *piece)
{
    struct stat attributes;
    int status = open_piece(file, piece);
    if (status < 0)
        return status;
    if (fstat(piece->fd, &attributes) < 0)
        return -errno;
    file->time_ms = changed_ms(&attributes);
    autobuf struct buf text = {0};
    for (int64_t before = -1; piece->raw != before && piece->raw < attributes.st_size;) {
        before = piece->raw;
        status = read_lines(piece, piece->raw, attributes.st_size, &text);
        if (status < 0)
            return status;
        struct str rest = buf_str(&text), line;
        while (next_line(&rest, &line))
            pass_line(file, piece, line);
    }
    return 0;
}

/* A piece behind which there was another one before it was looked through is complete: whoever writes has
 * closed it before he began the next. One that is gone before anybody could look is lost, and takes no room.
 */
static int scan(struct log_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        struct piece *piece = &file->pieces[i];
        if (piece->complete)
            continue;
        int status = scan_piece(file, piece);
        if (status < 0 && status != -ENOENT)
            return status;
        piece->complete = i + 1 < file->count;
    }
    return 0;
}

/* The anchor's piece begins where the anchor says; if it has gone, then the next one does. */
static void place_pieces(struct log_file *file)
{
    size_t fixed = 0;
    while (file->restored && fixed + 1 < file->count && file->pieces[fixed].sequence < file->anchor.sequence)
        fixed++;
    if (file->restored && file->count > 0) {
        file->pieces[fixed].start = file->anchor.offset;
        for (size_t i = fixed; i-- > 0;)
            file->pieces[i].start = file->pieces[i + 1].start - file->pieces[i].shown;
        file->restored = false;
    }
    for (size_t i = fixed + 1; i < file->count; i++)
        file->pieces[i].start = file->pieces[i - 1].start + file->pieces[i - 1].shown;
}

/* ---- looking ---- */

static bool nothing_is_new(const struct log_file *file)
{
    struct stat attributes;
    if (file->count == 0 || log_source_stat(&file->source, file->attempt, &attributes) < 0)
        return false;
    return attributes.st_ino == file->pieces[file->count - 1].inode;
}

/* What can't be opened any more has gone a moment ago. */
static void hold_all(struct log_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        open_piece(file, &file->pieces[i]);
}

void log_file_let_go(struct log_file *file)
{
    file->held = false;
    for (size_t i = 0; i < file->count; i++)
        close_piece(&file->pieces[i]);
}

struct log_look log_file_look(struct log_file *file, unsigned flags)
{
    struct log_look look = {0};
    if (file->attempt < 0 || (flags & (LOG_BY_NAME | LOG_HOLD)) != 0 || !nothing_is_new(file))
        look.status = list_pieces(file, flags, &look.outdated);
    if (look.status == -EAGAIN) /* it is put aside faster than can be followed: what is known is good */
        look.status = 0;
    if (look.status == 0)
        look.status = scan(file);
    place_pieces(file);
    if ((flags & LOG_HOLD) != 0) {
        file->held = true;
        hold_all(file);
    } else if (!file->held) {
        log_file_let_go(file);
    }
    const struct piece *last = file->count > 0 ? &file->pieces[file->count - 1] : NULL;
    look.time_ms = file->time_ms;
    look.anchor = (struct log_anchor){.attempt = file->attempt};
    if (last != NULL) {
        look.size = last->start + last->shown;
        look.anchor.sequence = last->sequence;
        look.anchor.offset = last->start;
    } else if (file->restored) {
        look.anchor = file->anchor;
        look.size = file->anchor.offset;
    }
    return look;
}

/* ---- reading ---- */

/* The last beginning of a line at or before what is asked for. */
static struct mark mark_before(const struct piece *piece, int64_t shown)
{
    size_t behind = sorted_place(piece->mark_count, i, piece->marks[i].shown > shown);
    return behind > 0 ? piece->marks[behind - 1] : (struct mark){0, 0};
}

/* Adds what is shown of the piece from `from` on, until `out` has `enough`. */
static int read_piece(struct log_file *file, struct piece *piece, int64_t from, size_t enough,
                      struct buf *out)
{
    struct mark at = mark_before(piece, from);
    autobuf struct buf text = {0}, shown = {0};
    int status = open_piece(file, piece);
    while (status == 0 && at.raw < piece->raw && out->length < enough) {
        status = read_lines(piece, at.raw, piece->raw, &text);
        struct str rest = buf_str(&text), line;
        if (status == 0 && text.length == 0)
            return -EIO; /* somebody has cut it */
        while (status == 0 && out->length < enough && next_line(&rest, &line)) {
            buf_clear(&shown);
            add_shown(file, line, &shown);
            if (at.shown + (int64_t)shown.length > from)
                buf_add_str(out, str_cut(buf_str(&shown), at.shown < from ? (size_t)(from - at.shown) : 0,
                                         enough - out->length));
            at.shown += (int64_t)shown.length;
            at.raw += (int64_t)line.length + 1;
        }
    }
    return status;
}

int log_file_read(struct log_file *file, int64_t offset, size_t size, struct buf *out)
{
    size_t enough = out->length + size;
    int status = 0;
    for (size_t i = 0; i < file->count && status == 0 && out->length < enough; i++) {
        struct piece *piece = &file->pieces[i];
        if (offset < piece->start) /* what was there has gone with its piece */
            return out->length > 0 ? 0 : -EIO;
        if (offset >= piece->start + piece->shown)
            continue;
        size_t before = out->length;
        status = read_piece(file, piece, offset - piece->start, enough, out);
        offset += (int64_t)(out->length - before);
        if (!file->held)
            close_piece(piece);
    }
    return status == 0 || out->length > 0 ? 0 : status == -ENOENT ? -EIO : status;
}
