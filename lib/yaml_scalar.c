#include "lib/yaml_scalar.h"

#include <math.h>

/* Numbers that JSON would write differently (hexadecimal, with underscores or superfluous zeros) are short.
 */
#define LONGEST_SPECIAL 100
/* Decimal numbers up to this length and without exponent are in the range of floating point. */
#define SURELY_FINITE 300

static const struct word {
    struct str text;
    enum value_type type;
    bool truth;
} words[] = {
    {STR("true"), VALUE_BOOL, true},   {STR("True"), VALUE_BOOL, true},   {STR("TRUE"), VALUE_BOOL, true},
    {STR("yes"), VALUE_BOOL, true},    {STR("Yes"), VALUE_BOOL, true},    {STR("YES"), VALUE_BOOL, true},
    {STR("y"), VALUE_BOOL, true},      {STR("Y"), VALUE_BOOL, true},      {STR("on"), VALUE_BOOL, true},
    {STR("On"), VALUE_BOOL, true},     {STR("ON"), VALUE_BOOL, true},     {STR("false"), VALUE_BOOL, false},
    {STR("False"), VALUE_BOOL, false}, {STR("FALSE"), VALUE_BOOL, false}, {STR("no"), VALUE_BOOL, false},
    {STR("No"), VALUE_BOOL, false},    {STR("NO"), VALUE_BOOL, false},    {STR("n"), VALUE_BOOL, false},
    {STR("N"), VALUE_BOOL, false},     {STR("off"), VALUE_BOOL, false},   {STR("Off"), VALUE_BOOL, false},
    {STR("OFF"), VALUE_BOOL, false},   {STR("~"), VALUE_NULL, false},     {STR("null"), VALUE_NULL, false},
    {STR("Null"), VALUE_NULL, false},  {STR("NULL"), VALUE_NULL, false},  {STR(".nan"), VALUE_NONE, false},
    {STR(".NaN"), VALUE_NONE, false},  {STR(".NAN"), VALUE_NONE, false},  {STR(".inf"), VALUE_NONE, false},
    {STR(".Inf"), VALUE_NONE, false},  {STR(".INF"), VALUE_NONE, false},  {STR("+.inf"), VALUE_NONE, false},
    {STR("+.Inf"), VALUE_NONE, false}, {STR("+.INF"), VALUE_NONE, false}, {STR("-.inf"), VALUE_NONE, false},
    {STR("-.Inf"), VALUE_NONE, false}, {STR("-.INF"), VALUE_NONE, false},
};

/* What the first byte allows the text to be. */
enum hint { ONLY_STRING, WORD, NUMBER };

static const unsigned char hints[256] = {
    ['0' ... '9'] = NUMBER, ['+'] = NUMBER, ['-'] = NUMBER, ['.'] = NUMBER, ['t'] = WORD,
    ['T'] = WORD,           ['f'] = WORD,   ['F'] = WORD,   ['y'] = WORD,   ['Y'] = WORD,
    ['n'] = WORD,           ['N'] = WORD,   ['o'] = WORD,   ['O'] = WORD,   ['~'] = WORD};

static const struct word *find_word(struct str text)
{
    if (text.length > 5)
        return NULL;
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_equal(words[i].text, text))
            return &words[i];
    return NULL;
}

/* ---- decimal numbers ---- */

struct spelling {
    char sign; /* or 0 */
    struct str integer, fraction, exponent;
    bool dot;
};

static struct str take_digits(struct str *text)
{
    struct str digits = {text->at, 0};
    while (digits.length < text->length && text->at[digits.length] >= '0' && text->at[digits.length] <= '9')
        digits.length++;
    text->at += digits.length;
    text->length -= digits.length;
    return digits;
}

static bool take_char(struct str *text, const char *allowed, char *found)
{
    if (text->length == 0 || text->at[0] == '\0' || strchr(allowed, text->at[0]) == NULL)
        return false;
    *found = text->at[0];
    text->at++;
    text->length--;
    return true;
}

/* [sign] digits [. digits] or [sign] . digits, and an exponent. */
static bool spell_decimal(struct str text, struct spelling *s)
{
    char found;
    *s = (struct spelling){0};
    take_char(&text, "+-", &s->sign);
    s->integer = take_digits(&text);
    s->dot = take_char(&text, ".", &found);
    if (s->dot)
        s->fraction = take_digits(&text);
    if (s->integer.length == 0 && s->fraction.length == 0)
        return false;
    if (take_char(&text, "eE", &found)) {
        const char *begin = text.at;
        take_char(&text, "+-", &found);
        if (take_digits(&text).length == 0)
            return false;
        s->exponent = (struct str){begin, (size_t)(text.at - begin)};
    }
    return text.length == 0;
}

static bool is_json(const struct spelling *s)
{
    return s->sign != '+' && s->integer.length > 0 && (s->integer.at[0] != '0' || s->integer.length == 1) &&
           (!s->dot || s->fraction.length > 0);
}

static void respell(const struct spelling *s, struct buf *out)
{
    struct str integer = s->integer;
    while (integer.length > 0 && integer.at[0] == '0')
        integer.at++, integer.length--;
    if (s->sign == '-')
        buf_add_char(out, '-');
    buf_add_str(out, integer.length > 0 ? integer : STR("0"));
    if (s->fraction.length > 0) {
        buf_add_char(out, '.');
        buf_add_str(out, s->fraction);
    }
    if (s->exponent.length > 0) {
        buf_add_char(out, 'e');
        buf_add_str(out, s->exponent);
    }
}

/* ---- other bases ---- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= ' ';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* 0x, 0o, 0b, and octal with just a leading zero, as far as 64 bits go. */
static bool read_radix(struct str text, bool *negative, uint64_t *number)
{
    char found;
    *negative = take_char(&text, "+-", &found) && found == '-';
    if (text.length < 2 || text.at[0] != '0')
        return false;
    char letter = text.at[1] | ' ';
    unsigned radix = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    size_t prefix = letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1;
    if (text.length == prefix)
        return false;
    *number = 0;
    for (size_t i = prefix; i < text.length; i++) {
        unsigned digit = (unsigned)digit_value(text.at[i]);
        if (digit >= radix || __builtin_mul_overflow(*number, radix, number) ||
            __builtin_add_overflow(*number, digit, number))
            return false;
    }
    return !*negative || *number <= (uint64_t)INT64_MAX + 1;
}

/* ---- together ---- */

static struct str without_underscores(struct str text, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] != '_')
            out[length++] = text.at[i];
    return (struct str){out, length};
}

bool yaml_number(struct str plain, struct str *json, struct buf *scratch)
{
    struct spelling spelling;
    if (spell_decimal(plain, &spelling) && is_json(&spelling)) {
        if (json != NULL)
            *json = plain;
        return true;
    }
    if (plain.length == 0 || plain.length > LONGEST_SPECIAL || hints[(unsigned char)plain.at[0]] != NUMBER)
        return false;
    char memory[LONGEST_SPECIAL];
    struct str text = plain.at[0] != '.' ? without_underscores(plain, memory) : plain;
    bool negative;
    uint64_t number;
    bool in_radix = read_radix(text, &negative, &number);
    if (!in_radix && !spell_decimal(text, &spelling))
        return false;
    if (json == NULL)
        return true;
    buf_clear(scratch);
    if (in_radix)
        buf_addf(scratch, "%s%llu", negative ? "-" : "", (unsigned long long)number);
    else
        respell(&spelling, scratch);
    *json = buf_str(scratch);
    return true;
}

static bool is_finite(struct str number)
{
    if (number.length < SURELY_FINITE && memchr(number.at, 'e', number.length) == NULL &&
        memchr(number.at, 'E', number.length) == NULL)
        return true;
    autofree char *text = str_dup(number);
    return isfinite(strtod(text, NULL));
}

enum value_type yaml_resolve(struct str plain, struct str *json, struct buf *scratch)
{
    if (plain.length == 0)
        return VALUE_NULL;
    enum hint hint = hints[(unsigned char)plain.at[0]];
    if (hint == ONLY_STRING)
        return VALUE_STRING;
    const struct word *word = find_word(plain);
    if (word != NULL) {
        if (json != NULL)
            *json = word->truth ? STR("true") : STR("false");
        return word->type;
    }
    return hint == NUMBER && yaml_number(plain, json, scratch) && is_finite(plain) ? VALUE_NUMBER
                                                                                   : VALUE_STRING;
}
