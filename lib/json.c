/* JSON text to documents and back.
 *
 * The parser copies the text once, into the document, and works on the copy: strings are decoded where they
 * stand (an escape is never shorter than what it says), and the nodes point at them. A NUL behind the copy
 * ends every inner loop, so none of them compares with the end. Places of errors are counted in the original,
 * by the same offset. */
#include "lib/doc_private.h"
#include "lib/utf8.h"
#include <errno.h>

#define LARGEST_TEXT ((size_t)64 << 20)

/* Bytes in a guess of how many nodes a text has; if it is too low, the array grows. */
#define BYTES_PER_NODE 20

struct parser {
    struct doc *doc;
    char *at;
    const char *end;
    struct str original;
    struct error **err;
    int depth;
};

/* ---- errors ---- */

static bool fail_at(struct parser *p, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail_at(struct parser *p, const char *at, const char *format, ...)
{
    size_t offset = (size_t)(at - p->doc->text);
    int line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (p->original.at[i] == '\n')
            line++, column = 1;
        else if ((p->original.at[i] & 0xc0) != 0x80)
            column++;
    }
    autobuf struct buf sentence = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&sentence, format, args);
    va_end(args);
    error_make(p->err, EINVAL, "line %d, column %d: %s", line, column, sentence.at);
    return false;
}

static bool fail_expected(struct parser *p, const char *expected)
{
    size_t length = utf8_decode(p->at, p->end, NULL);
    if (p->at == p->end)
        return fail_at(p, p->at, "expected %s, found the end of the text", expected);
    if (length == 0 || (unsigned char)*p->at < ' ')
        return fail_at(p, p->at, "expected %s, found byte 0x%02x", expected, (unsigned char)*p->at);
    return fail_at(p, p->at, "expected %s, found '%.*s'", expected, (int)length, p->at);
}

/* ---- parsing ---- */

static void skip_space(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
}

/* Bytes of a string that stand for themselves and begin nothing. */
static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= ' ';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; *at is behind the u. */
static bool read_unit(const char *at, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return false;
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* p->at is behind "\u"; writes the character to *out. */
static bool parse_unicode(struct parser *p, char **out)
{
    const char *escape = p->at - 2;
    uint32_t code, low;
    if (!read_unit(p->at, &code))
        return fail_at(p, escape, "\\u must be followed by four hexadecimal digits");
    p->at += 4;
    if (code >= 0xd800 && code < 0xdc00 && p->at[0] == '\\' && p->at[1] == 'u' &&
        read_unit(p->at + 2, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        p->at += 6;
    }
    if (code >= 0xd800 && code < 0xe000)
        return fail_at(p, escape, "\\u%04x is half of a surrogate pair and has no other half", code);
    *out += utf8_encode(code, *out);
    return true;
}

static bool parse_escape(struct parser *p, char **out)
{
    static const char meaning[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char c = p->at[1];
    p->at += 2;
    if (c == 'u')
        return parse_unicode(p, out);
    if (meaning[(unsigned char)c] == 0)
        return fail_at(p, p->at - 2,
                       "no such escape in a string: only \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    *(*out)++ = meaning[(unsigned char)c];
    return true;
}

/* p->at is at what is not plain: takes one character or escape. */
static bool parse_special(struct parser *p, char **out)
{
    if (*p->at == '\\')
        return parse_escape(p, out);
    if (p->at == p->end)
        return fail_at(p, p->at, "a string has no closing '\"'");
    if ((unsigned char)*p->at < ' ')
        return fail_at(p, p->at, "byte 0x%02x must be written as an escape in a string",
                       (unsigned char)*p->at);
    size_t length = utf8_decode(p->at, p->end, NULL);
    if (length == 0)
        return fail_at(p, p->at, "byte 0x%02x is not valid UTF-8 here", (unsigned char)*p->at);
    memmove(*out, p->at, length);
    *out += length;
    p->at += length;
    return true;
}

static bool parse_string(struct parser *p, struct str *decoded)
{
    char *begin = ++p->at;
    while (plain[(unsigned char)*p->at])
        p->at++;
    char *out = p->at;
    while (*p->at != '"') {
        if (plain[(unsigned char)*p->at])
            *out++ = *p->at++;
        else if (!parse_special(p, &out))
            return false;
    }
    p->at++;
    *decoded = (struct str){begin, (size_t)(out - begin)};
    return true;
}

static bool skip_digits(struct parser *p)
{
    const char *begin = p->at;
    while (*p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at != begin;
}

static bool parse_number(struct parser *p, uint32_t node)
{
    char *begin = p->at;
    if (*p->at == '-')
        p->at++;
    if (*p->at == '0')
        p->at++;
    else if (!skip_digits(p))
        return fail_expected(p, "a digit");
    if (*p->at >= '0' && *p->at <= '9')
        return fail_at(p, begin, "a number must not begin with a superfluous 0");
    if (*p->at == '.') {
        p->at++;
        if (!skip_digits(p))
            return fail_expected(p, "a digit");
    }
    if (*p->at == 'e' || *p->at == 'E') {
        p->at++;
        if (*p->at == '+' || *p->at == '-')
            p->at++;
        if (!skip_digits(p))
            return fail_expected(p, "a digit");
    }
    doc_put_text(p->doc, node, VALUE_NUMBER, (struct str){begin, (size_t)(p->at - begin)});
    return true;
}

static bool parse_word(struct parser *p, uint32_t node, enum value_type type, struct str word)
{
    if ((size_t)(p->end - p->at) < word.length || memcmp(p->at, word.at, word.length) != 0)
        return fail_expected(p, "a value");
    if (type == VALUE_NULL)
        doc_put_empty(p->doc, node, type);
    else
        doc_put_text(p->doc, node, type, (struct str){p->at, word.length});
    p->at += word.length;
    return true;
}

static bool parse_value(struct parser *p, uint32_t node);

/* What stands between two children and behind the last; *more says which. */
static bool parse_separator(struct parser *p, char close, bool *more)
{
    skip_space(p);
    *more = *p->at == ',';
    if (!*more && *p->at != close)
        return fail_expected(p, close == '}' ? "',' or '}'" : "',' or ']'");
    p->at++;
    return true;
}

/* At a child, or behind the `close` of what is empty. */
static bool parse_opening(struct parser *p, char close, bool *more)
{
    if (++p->depth > DOC_DEPTH)
        return fail_at(p, p->at, "nested more than %d levels deep", DOC_DEPTH);
    p->at++;
    skip_space(p);
    *more = *p->at != close;
    if (!*more)
        p->at++;
    return true;
}

static bool parse_member(struct parser *p, uint32_t object)
{
    struct str key;
    skip_space(p);
    if (*p->at != '"')
        return fail_expected(p, "a key in double quotes");
    if (!parse_string(p, &key))
        return false;
    skip_space(p);
    if (*p->at != ':')
        return fail_expected(p, "':' behind a key");
    p->at++;
    return parse_value(p, doc_append(p->doc, object, key));
}

static bool parse_object(struct parser *p, uint32_t node)
{
    bool more;
    doc_put_empty(p->doc, node, VALUE_OBJECT);
    if (!parse_opening(p, '}', &more))
        return false;
    while (more)
        if (!parse_member(p, node) || !parse_separator(p, '}', &more))
            return false;
    p->depth--;
    struct value repeated = doc_repeated((struct value){p->doc, node});
    if (value_exists(repeated)) {
        struct str key = value_key(repeated);
        return fail_at(p, key.at - 1, "the key \"" STR_FORMAT "\" appears twice", STR_ARGS(key));
    }
    return true;
}

static bool parse_array(struct parser *p, uint32_t node)
{
    bool more;
    doc_put_empty(p->doc, node, VALUE_ARRAY);
    if (!parse_opening(p, ']', &more))
        return false;
    while (more)
        if (!parse_value(p, doc_append(p->doc, node, STR_NONE)) || !parse_separator(p, ']', &more))
            return false;
    p->depth--;
    return true;
}

static bool parse_value(struct parser *p, uint32_t node)
{
    struct str string;
    skip_space(p);
    switch (*p->at) {
    case '{':
        return parse_object(p, node);
    case '[':
        return parse_array(p, node);
    case '"':
        if (!parse_string(p, &string))
            return false;
        doc_put_text(p->doc, node, VALUE_STRING, string);
        return true;
    case 't':
        return parse_word(p, node, VALUE_BOOL, STR("true"));
    case 'f':
        return parse_word(p, node, VALUE_BOOL, STR("false"));
    case 'n':
        return parse_word(p, node, VALUE_NULL, STR("null"));
    case '-':
    case '0' ... '9':
        return parse_number(p, node);
    default:
        return fail_expected(p, "a value");
    }
}

struct doc *doc_parse(struct str text, struct error **err)
{
    if (text.length > LARGEST_TEXT) {
        error_make(err, EFBIG, "the document has %zu bytes, more than %zu", text.length, LARGEST_TEXT);
        return NULL;
    }
    autodoc struct doc *doc = doc_make(text.length + 1, (uint32_t)(text.length / BYTES_PER_NODE));
    doc_keep(doc, text);
    doc_keep(doc, (struct str){"", 1});
    struct parser p = {
        .doc = doc, .at = doc->text, .end = doc->text + text.length, .original = text, .err = err};
    if (!parse_value(&p, DOC_ROOT))
        return NULL;
    skip_space(&p);
    if (p.at != p.end) {
        fail_at(&p, p.at, "the document ends here, but more text follows");
        return NULL;
    }
    return take_pointer(doc);
}

/* ---- writing ---- */

static const char *short_escape(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

/* Writes the character that begins at `at` and is not plain; returns how long it is. */
static size_t write_special(struct buf *out, const char *at, const char *end)
{
    const char *escape = short_escape(*at);
    size_t length = utf8_decode(at, end, NULL);
    if (escape != NULL)
        buf_add_text(out, escape);
    else if (length == 0)
        buf_add_text(out,
                     "\xef\xbf\xbd"); /* U+FFFD stands for a byte that is no UTF-8: the text stays JSON */
    else if (length == 1)
        buf_addf(out, "\\u%04x", (unsigned)*at);
    else
        buf_add(out, at, length);
    return length != 0 ? length : 1;
}

void json_write_string(struct buf *out, struct str text)
{
    const char *at = text.at, *end = text.at + text.length;
    buf_reserve(out, text.length + 2);
    buf_add_char(out, '"');
    while (at != end) {
        const char *begin = at;
        while (at != end && plain[(unsigned char)*at])
            at++;
        buf_add(out, begin, (size_t)(at - begin));
        if (at != end)
            at += write_special(out, at, end);
    }
    buf_add_char(out, '"');
}

void value_write(struct buf *out, struct value v)
{
    enum value_type type = value_type(v);
    bool object = type == VALUE_OBJECT;
    switch (type) {
    case VALUE_BOOL:
    case VALUE_NUMBER:
        buf_add_str(out, value_str(v));
        return;
    case VALUE_STRING:
        json_write_string(out, value_str(v));
        return;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        buf_add_char(out, object ? '{' : '[');
        value_each (child, v) {
            if (child.at != value_first(v).at)
                buf_add_char(out, ',');
            if (object) {
                json_write_string(out, value_key(child));
                buf_add_char(out, ':');
            }
            value_write(out, child);
        }
        buf_add_char(out, object ? '}' : ']');
        return;
    default:
        buf_add_text(out, "null");
    }
}
