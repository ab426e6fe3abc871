#include "fsd/columns.h"

#include "fsd/jsonpath.h"
#include "lib/clock.h"

#define GAP 3 /* blanks between columns, as kubectl's */

struct table {
    const struct kind *kind;
    const struct kind_form *form;
    bool with_namespace;
    int64_t now_ms;
    uint32_t *widths; /* NAMESPACE, NAME, then the kind's; the caller's */
    struct buf cell;
};

#define FIXED_COLUMNS 2

/* ---- cells ---- */

static void write_age(struct buf *out, struct str time, int64_t now_ms)
{
    int64_t then;
    char age[CLOCK_TEXT];
    if (!clock_parse(time, &then))
        return;
    clock_age(now_ms > then ? now_ms - then : 0, age);
    buf_add_text(out, age);
}

static bool is_terminating(struct value object)
{
    return value_exists(value_at(object, "metadata", "deletionTimestamp"));
}

/* What keeps a deleted object there, perhaps behind something else. */
static void write_waits(const struct kind *kind, struct value object, bool behind, struct buf *out)
{
    const char *between = behind ? "; deleted, waits for " : "deleted, waits for ";
    struct value lists[] = {value_at(object, "metadata", "finalizers"),
                            kind_is(kind, "", "Namespace") ? value_at(object, "spec", "finalizers")
                                                           : VALUE_ABSENT};
    for (size_t i = 0; i < 2; i++)
        value_each (finalizer, lists[i]) {
            buf_addf(out, "%s" STR_FORMAT, between, STR_ARGS(value_str(finalizer)));
            between = ", ";
        }
}

/* What the column says of the object; empty when it says nothing. */
static void write_cell(const struct kind *kind, const struct column *column, struct value object,
                       int64_t now_ms, struct buf *out)
{
    size_t before = out->length;
    if (column->compute != NULL) {
        column->compute(out, object, now_ms);
    } else if (str_is(column->type, "date")) {
        autobuf struct buf time = {0};
        jsonpath_write(column->path, object, &time);
        write_age(out, buf_str(&time), now_ms);
    } else if (column->path.length != 0) {
        jsonpath_write(column->path, object, out);
    }
    if (column->is_reason && is_terminating(object))
        write_waits(kind, object, out->length != before, out);
    for (size_t i = before; i < out->length; i++) /* a line is a line */
        if ((unsigned char)out->at[i] < ' ')
            out->at[i] = ' ';
}

/* How wide a terminal shows it, nearly: a character a column. */
static size_t display_width(struct str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.length; i++)
        width += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return width;
}

/* ---- the table ---- */

static struct str heading(const struct kind_form *form, size_t i)
{
    return i == 0 ? STR("NAMESPACE") : i == 1 ? STR("NAME") : form->columns[i - FIXED_COLUMNS].name;
}

static size_t column_count(const struct kind_form *form)
{
    return form->column_count + FIXED_COLUMNS;
}

struct table *table_new(const struct kind *kind, bool with_namespace, int64_t now_ms, struct buf *widths)
{
    struct table *table = memory_zeroed(1, sizeof(*table));
    table->kind = kind;
    table->form = kind_form(kind);
    table->with_namespace = with_namespace && kind->namespaced;
    table->now_ms = now_ms;
    if (widths->length != column_count(table->form) * sizeof(*table->widths)) {
        buf_clear(widths);
        for (size_t i = 0; i < column_count(table->form); i++) {
            uint32_t width = (uint32_t)display_width(heading(table->form, i));
            buf_add(widths, &width, sizeof(width));
        }
    }
    table->widths = (void *)widths->at;
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    buf_free(&table->cell);
    free(table);
}

/* The text of column i in table->cell. */
static struct str fill_cell(struct table *table, struct value object, size_t i)
{
    buf_clear(&table->cell);
    if (i >= FIXED_COLUMNS)
        write_cell(table->kind, &table->form->columns[i - FIXED_COLUMNS], object, table->now_ms,
                   &table->cell);
    else
        buf_add_str(&table->cell, value_str(value_at(object, "metadata", i == 0 ? "namespace" : "name")));
    if (table->cell.length == 0)
        buf_add_text(&table->cell, "<none>");
    return buf_str(&table->cell);
}

/* What has changed since it was measured may be wider. */
static void pad_cell(const struct table *table, size_t i, struct str text, struct buf *out)
{
    buf_add_str(out, text);
    if (i + 1 == column_count(table->form))
        return;
    size_t width = display_width(text);
    size_t blanks = GAP + (width < table->widths[i] ? table->widths[i] - width : 0);
    for (; blanks > 0; blanks--)
        buf_add_char(out, ' ');
}

void table_measure(struct table *table, struct value object)
{
    for (size_t i = table->with_namespace ? 0 : 1; i < column_count(table->form); i++) {
        size_t width = display_width(fill_cell(table, object, i));
        if (width > table->widths[i])
            table->widths[i] = (uint32_t)width;
    }
}

void table_header(struct table *table, struct buf *out)
{
    for (size_t i = table->with_namespace ? 0 : 1; i < column_count(table->form); i++) {
        struct str name = heading(table->form, i);
        buf_clear(&table->cell);
        for (size_t j = 0; j < name.length; j++)
            buf_add_char(&table->cell,
                         (char)(name.at[j] >= 'a' && name.at[j] <= 'z' ? name.at[j] & ~0x20 : name.at[j]));
        pad_cell(table, i, buf_str(&table->cell), out);
    }
    buf_add_char(out, '\n');
}

void table_row(struct table *table, struct value object, struct buf *out)
{
    for (size_t i = table->with_namespace ? 0 : 1; i < column_count(table->form); i++)
        pad_cell(table, i, fill_cell(table, object, i), out);
    buf_add_char(out, '\n');
}

/* ---- status lines ---- */

static void write_in_form(struct str form, struct str cell, struct buf *out)
{
    for (size_t i = 0; i < form.length; i++) {
        if (form.at[i] == '%')
            buf_add_str(out, cell);
        else
            buf_add_char(out, form.at[i]);
    }
}

/* The columns whose form begins with their value are the state, and come first. */
static bool is_state(const struct column *column)
{
    return str_starts(column->status_form, STR("%"));
}

static void add_to_line(const struct kind *kind, const struct column *column, struct value object,
                        struct buf *cell, struct buf *out)
{
    buf_clear(cell);
    write_cell(kind, column, object, 0, cell);
    if (cell->length == 0)
        return;
    if (out->length != 0)
        buf_add_char(out, ' ');
    autobuf struct buf quoted = {0};
    bool sentence = memchr(cell->at, ' ', cell->length) != NULL;
    if (sentence)
        json_write_string(&quoted, buf_str(cell));
    write_in_form(column->status_form, buf_str(sentence ? &quoted : cell), out);
}

void status_line(const struct kind *kind, struct value object, struct buf *out)
{
    autobuf struct buf cell = {0}, line = {0};
    const struct kind_form *form = kind_form(kind);
    for (int state = 1; state >= 0; state--)
        for (size_t i = 0; i < form->column_count; i++)
            if (form->columns[i].in_status && is_state(&form->columns[i]) == (state == 1))
                add_to_line(kind, &form->columns[i], object, &cell, &line);
    /* Some kinds have a column that says so. */
    if (is_terminating(object) && !str_starts(buf_str(&line), STR("Terminating")))
        buf_add_text(out, line.length != 0 ? "Terminating " : "Terminating");
    buf_add_str(out, buf_str(&line));
}
