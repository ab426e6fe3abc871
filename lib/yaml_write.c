/* Writes YAML: block style, as kubectl prints it, so that whatever is written reads back equal.
 *
 * Every text is written in the plainest of five ways that keeps it: plain; in double quotes, where plain it
 * would be read as something else ("true", "8080"); in single quotes, where its characters would be taken for
 * syntax; as a literal block, where it has lines; in double quotes with escapes, for all that remains. */
#include "lib/doc_private.h"
#include "lib/utf8.h"
#include "lib/yaml.h"
#include "lib/yaml_scalar.h"

/* A key on a line of its own mustn't be longer than 1024 characters. */
#define LONGEST_SIMPLE_KEY 1000

#define INDENT 2

static void write_block(struct buf *out, struct value v, size_t column);

/* ---- what a text consists of ---- */

enum trait {
    TRAIT_SYNTAX = 1, /* would be taken for syntax in a plain text */
    TRAIT_LINES = 2,  /* has newlines */
    TRAIT_TABS = 4,
    TRAIT_ESCAPE = 8, /* has what can only be said by an escape */
};

enum class {
    PLAIN,
    CONTROL,
    COLON, /* syntax before a space or the end */
    HASH,  /* syntax behind a space */
    WIDE,  /* begins or continues a character beyond ASCII */
};

static const unsigned char classes[256] = {
    [0 ... 0x1f] = CONTROL, [':'] = COLON, ['#'] = HASH, [0x7f] = CONTROL, [0x80 ... 0xff] = WIDE,
};

/* Characters beyond ASCII that readers take for line breaks, for nothing, or refuse. */
static bool is_unprintable(uint32_t code)
{
    return code < 0xa0 || code == 0x2028 || code == 0x2029 || code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

static size_t wide_length(const char *at, const char *end, unsigned *traits)
{
    uint32_t code;
    size_t length = utf8_decode(at, end, &code);
    if (length == 0 || is_unprintable(code))
        *traits |= TRAIT_ESCAPE;
    return length != 0 ? length : 1;
}

static unsigned traits_of(struct str text)
{
    unsigned traits = 0;
    const char *begin = text.at, *end = text.at + text.length;
    for (const char *at = begin; at < end;) {
        switch (classes[(unsigned char)*at]) {
        case PLAIN:
            at++;
            continue;
        case CONTROL:
            traits |= *at == '\n' ? TRAIT_LINES : *at == '\t' ? TRAIT_TABS : TRAIT_ESCAPE;
            break;
        case COLON:
            if (at + 1 == end || at[1] == ' ')
                traits |= TRAIT_SYNTAX;
            break;
        case HASH:
            if (at > begin && at[-1] == ' ')
                traits |= TRAIT_SYNTAX;
            break;
        default:
            at += wide_length(at, end, &traits);
            continue;
        }
        at++;
    }
    return traits;
}

/* Can't begin a plain text (a '-' can, before what is not a space). */
static bool begins_like_syntax(struct str text)
{
    if (text.at[0] == '-')
        return text.length == 1 || text.at[1] == ' ' || str_starts(text, STR("---"));
    return strchr(" ?:,[]{}#&*!|>'\"%@`", text.at[0]) != NULL || str_starts(text, STR("...")) ||
           str_is(text, "=") || str_is(text, "<<");
}

/* ---- plain or not ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Other readers of YAML take 2026-01-31 for a date and 12:30 for a number to the base of 60. */
static bool misleads_others(struct str text)
{
    size_t digits = 0, colons = 0;
    while (digits + colons < text.length &&
           (is_digit(text.at[digits + colons]) || text.at[digits + colons] == ':'))
        *(text.at[digits + colons] == ':' ? &colons : &digits) += 1;
    if (digits + colons == text.length)
        return colons > 0;
    return digits == 4 && colons == 0 && text.at[4] == '-';
}

static bool is_ambiguous(struct str text)
{
    return yaml_resolve(text, NULL, NULL) != VALUE_STRING || (is_digit(text.at[0]) && misleads_others(text));
}

/* ---- the ways to write a text ---- */

static void write_single_quoted(struct buf *out, struct str text)
{
    struct str piece;
    buf_add_char(out, '\'');
    for (bool first = true; str_split(&text, '\'', &piece); first = false) {
        if (!first)
            buf_add_text(out, "''");
        buf_add_str(out, piece);
    }
    buf_add_char(out, '\'');
}

static void write_escape(struct buf *out, uint32_t code)
{
    switch (code) {
    case '"':
        buf_add_text(out, "\\\"");
        return;
    case '\\':
        buf_add_text(out, "\\\\");
        return;
    case '\n':
        buf_add_text(out, "\\n");
        return;
    case '\r':
        buf_add_text(out, "\\r");
        return;
    case '\t':
        buf_add_text(out, "\\t");
        return;
    default:
        buf_addf(out, code < 0x100 ? "\\x%02X" : code < 0x10000 ? "\\u%04X" : "\\U%08X", code);
    }
}

static void write_double_quoted(struct buf *out, struct str text)
{
    const char *end = text.at + text.length;
    buf_add_char(out, '"');
    for (const char *at = text.at; at < end;) {
        uint32_t code = 0xfffd; /* stands for a byte that is no UTF-8 */
        size_t length = utf8_decode(at, end, &code);
        if (code < ' ' || code == '"' || code == '\\' || (code >= 0x7f && is_unprintable(code)) ||
            length == 0)
            write_escape(out, code);
        else
            buf_add(out, at, length);
        at += length != 0 ? length : 1;
    }
    buf_add_char(out, '"');
}

static void write_padding(struct buf *out, size_t column)
{
    memset(buf_reserve(out, column), ' ', column);
    out->length += column;
    out->at[out->length] = '\0';
}

/* Exact: the indentation is said where the text would hide it, and the mark behind | says what the end is. */
static void write_literal(struct buf *out, struct str text, size_t column)
{
    bool ends = text.at[text.length - 1] == '\n';
    bool more = ends && (text.length == 1 || text.at[text.length - 2] == '\n');
    buf_add_char(out, '|');
    if (strchr(" \t\n", text.at[0]) != NULL)
        buf_add_char(out, '0' + INDENT);
    if (!ends || more)
        buf_add_char(out, more ? '+' : '-');
    buf_add_char(out, '\n');
    if (ends)
        text.length--;
    for (struct str line; str_split(&text, '\n', &line);) {
        if (line.length > 0)
            write_padding(out, column);
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
}

/* On one line, without its end. */
static void write_text(struct buf *out, struct str text, unsigned traits)
{
    if (text.length == 0)
        buf_add_text(out, "\"\"");
    else if (traits & (TRAIT_ESCAPE | TRAIT_LINES | TRAIT_TABS))
        write_double_quoted(out, text);
    else if ((traits & TRAIT_SYNTAX) || begins_like_syntax(text) || text.at[text.length - 1] == ' ')
        write_single_quoted(out, text);
    else if (is_ambiguous(text))
        write_double_quoted(out, text);
    else
        buf_add_str(out, text);
}

/* ---- values ---- */

static void write_number(struct buf *out, struct str text)
{
    if (yaml_resolve(text, NULL, NULL) != VALUE_NUMBER) /* beyond the range of floating point */
        buf_add_text(out, "!!float ");
    buf_add_str(out, text);
}

/* What fits on the line, and literal blocks; with the end of the line. `column` is that of the map or list.
 */
static void write_scalar(struct buf *out, struct value v, size_t column)
{
    struct str text = value_str(v);
    unsigned traits;
    switch (value_type(v)) {
    case VALUE_STRING:
        traits = traits_of(text);
        if ((traits & TRAIT_LINES) && !(traits & TRAIT_ESCAPE)) {
            write_literal(out, text, column + INDENT);
            return;
        }
        write_text(out, text, traits);
        break;
    case VALUE_NUMBER:
        write_number(out, text);
        break;
    case VALUE_BOOL:
        buf_add_str(out, text);
        break;
    case VALUE_ARRAY:
        buf_add_text(out, "[]");
        break;
    case VALUE_OBJECT:
        buf_add_text(out, "{}");
        break;
    default:
        buf_add_text(out, "null");
    }
    buf_add_char(out, '\n');
}

static void write_key(struct buf *out, struct str key, size_t column)
{
    size_t begin = out->length;
    write_text(out, key, traits_of(key));
    if (out->length - begin > LONGEST_SIMPLE_KEY) {
        autofree char *written = str_dup((struct str){out->at + begin, out->length - begin});
        out->length = begin;
        buf_addf(out, "? %s\n", written);
        write_padding(out, column);
    }
    buf_add_char(out, ':');
}

/* Stands behind the ':'. A list begins at the column of its key. */
static void write_member_value(struct buf *out, struct value v, size_t column)
{
    if (value_count(v) == 0) {
        buf_add_char(out, ' ');
        write_scalar(out, v, column);
        return;
    }
    size_t inner = value_type(v) == VALUE_OBJECT ? column + INDENT : column;
    buf_add_char(out, '\n');
    write_padding(out, inner);
    write_block(out, v, inner);
}

/* The output stands at `column` already; ends with a newline. */
static void write_block(struct buf *out, struct value v, size_t column)
{
    bool object = value_type(v) == VALUE_OBJECT;
    value_each (child, v) {
        if (child.at != value_first(v).at)
            write_padding(out, column);
        if (object) {
            write_key(out, value_key(child), column);
            write_member_value(out, child, column);
        } else {
            buf_add_text(out, "- ");
            if (value_count(child) != 0)
                write_block(out, child, column + INDENT);
            else
                write_scalar(out, child, column);
        }
    }
}

void yaml_write(struct buf *out, struct value v)
{
    if (value_count(v) != 0)
        write_block(out, v, 0);
    else
        write_scalar(out, v, 0);
}
