#define PCRE2_CODE_UNIT_WIDTH 8
#include "fsd/pattern.h"

#include <errno.h>
#include <pcre2.h>

/* Steps of backtracking that one match may cost, at first and when it is tried again: some hundred
 * microseconds, and some milliseconds. Patterns that do their work take a few steps for each character of a
 * repeated group, and one for a run of characters. And KiB of memory. */
#define STEPS_AT_FIRST 4000
#define STEPS_AT_MOST  50000
#define MEMORY_AT_MOST 4096
/* RE2's own bound for what a quantifier counts. */
#define REPEATED_AT_MOST 1000

struct pattern {
    pcre2_code *code;
    pcre2_match_context *first, *most; /* the limits */
};

/* ---- what RE2 has ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The escapes that are letters or digits; every other ASCII character stands for itself. \1 would refer
 * back, so only octal numbers may begin with 1 to 7. */
static bool is_known_escape(struct str rest)
{
    static const char letters[] = "dDsSwWbBAzaftnrvxpPQE0";
    if (!is_letter(rest.at[0]) && !is_digit(rest.at[0]))
        return true;
    if (strchr(letters, rest.at[0]) != NULL)
        return true;
    return rest.at[0] >= '1' && rest.at[0] <= '7' && rest.length > 1 && rest.at[1] >= '0' &&
           rest.at[1] <= '7';
}

/* What stands behind "(?": flags and a colon or the closing parenthesis, or a name. */
static bool is_known_group(struct str rest)
{
    if (str_starts(rest, STR("P<")))
        return true;
    if (str_starts(rest, STR("<")))
        return rest.length > 1 && rest.at[1] != '=' && rest.at[1] != '!';
    size_t i = 0;
    while (i < rest.length && strchr("imsU-", rest.at[i]) != NULL)
        i++;
    return i < rest.length && (rest.at[i] == ':' || (i > 0 && rest.at[i] == ')'));
}

/* {3}, {3,} or {3,5}; anything else is just braces. Returns its length, 0 when it is none; `fits`: within the
 * bound. */
static size_t counted(struct str rest, bool *fits)
{
    size_t i = 1, digits = 0;
    int64_t number = 0;
    *fits = true;
    for (; i < rest.length && rest.at[i] != '}'; i++) {
        if (rest.at[i] == ',') {
            if (digits == 0)
                return 0;
            number = 0;
        } else if (is_digit(rest.at[i])) {
            digits++;
            number = number > REPEATED_AT_MOST ? number : number * 10 + (rest.at[i] - '0');
            *fits &= number <= REPEATED_AT_MOST;
        } else {
            return 0;
        }
    }
    return i < rest.length && digits != 0 ? i + 1 : 0;
}

/* The length of a quantifier that begins here, 0 when none does. */
static size_t quantifier(struct str rest, bool *fits)
{
    *fits = true;
    if (rest.length == 0)
        return 0;
    if (rest.at[0] == '{')
        return counted(rest, fits);
    return rest.at[0] == '*' || rest.at[0] == '+' || rest.at[0] == '?';
}

/* Each of the following takes what begins `rest` and returns its length; what RE2 doesn't have is said in
 * *wrong. */

static size_t take_escape(struct str rest, const char **wrong)
{
    if (rest.length < 2)
        return 1;
    if (!is_known_escape(str_cut(rest, 1, rest.length)))
        *wrong = "an escape that isn't known";
    if (rest.at[1] != 'Q')
        return 2;
    const char *end = memmem(rest.at, rest.length, "\\E", 2);
    return end != NULL ? (size_t)(end - rest.at) + 2 : rest.length;
}

static size_t take_class(struct str rest, const char **wrong)
{
    size_t i = 1;
    i += i < rest.length && rest.at[i] == '^';
    i += i < rest.length && rest.at[i] == ']'; /* at first it stands for itself */
    while (i < rest.length && rest.at[i] != ']') {
        struct str piece = str_cut(rest, i, rest.length);
        const char *end = str_starts(piece, STR("[:")) ? memmem(piece.at, piece.length, ":]", 2) : NULL;
        if (end != NULL)
            i += (size_t)(end - piece.at) + 2;
        else
            i += piece.at[0] == '\\' ? take_escape(piece, wrong) : 1;
    }
    return i + 1;
}

static size_t take_group(struct str rest, const char **wrong)
{
    bool special = str_starts(rest, STR("(?"));
    if (str_starts(rest, STR("(*")) || (special && !is_known_group(str_cut(rest, 2, rest.length))))
        *wrong = "a group that isn't known";
    return special ? 2 : 1;
}

static size_t take_quantifier(struct str rest, size_t length, bool fits, const char **wrong)
{
    bool more;
    length += rest.length > length && rest.at[length] == '?';
    if (!fits)
        *wrong = "more than 1000 repetitions";
    if (quantifier(str_cut(rest, length, rest.length), &more) != 0)
        *wrong = "one quantifier behind another";
    return length;
}

/* What the pattern has that RE2's don't, and where; NULL when PCRE2 may have it. */
static const char *find_foreign(struct str text, size_t *place)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < text.length && wrong == NULL;) {
        struct str rest = str_cut(text, i, text.length);
        bool fits;
        size_t length = quantifier(rest, &fits);
        *place = i;
        if (length != 0)
            i += take_quantifier(rest, length, fits, &wrong);
        else if (rest.at[0] == '\\')
            i += take_escape(rest, &wrong);
        else if (rest.at[0] == '[')
            i += take_class(rest, &wrong);
        else
            i += rest.at[0] == '(' ? take_group(rest, &wrong) : 1;
    }
    return wrong;
}

/* ---- PCRE2 ---- */

static pcre2_code *compile(struct str text, struct error **err)
{
    int number;
    PCRE2_SIZE place;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        abort();
    pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* all that a dot doesn't mean */
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)(text.at != NULL ? text.at : ""), text.length,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE,
                      &number, &place, context);
    pcre2_compile_context_free(context);
    if (code == NULL) {
        char reason[128];
        pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof(reason));
        error_make(err, EINVAL, "\"" STR_FORMAT "\" is no regular expression: %s, at character %zu",
                   STR_ARGS(text), reason, (size_t)place + 1);
    }
    return code;
}

static pcre2_match_context *limits(uint32_t steps)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (context == NULL)
        abort();
    pcre2_set_match_limit(context, steps);
    pcre2_set_heap_limit(context, MEMORY_AT_MOST);
    return context;
}

struct pattern *pattern_compile(struct str text, struct error **err)
{
    size_t place = 0;
    const char *foreign = find_foreign(text, &place);
    if (foreign != NULL) {
        error_make(err, EINVAL, "\"" STR_FORMAT "\" is no regular expression: %s, at character %zu",
                   STR_ARGS(text), foreign, place + 1);
        return NULL;
    }
    pcre2_code *code = compile(text, err);
    if (code == NULL)
        return NULL;
    struct pattern *pattern = memory_zeroed(1, sizeof(*pattern));
    *pattern = (struct pattern){code, limits(STEPS_AT_FIRST), limits(STEPS_AT_MOST)};
    return pattern;
}

static int match(const struct pattern *pattern, struct str text, pcre2_match_context *limits)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL); /* of this call: others match too */
    if (data == NULL)
        abort();
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)(text.at != NULL ? text.at : ""), text.length, 0, 0,
                             data, limits);
    pcre2_match_data_free(data);
    return result;
}

bool pattern_matches(const struct pattern *pattern, struct str text, unsigned *slow)
{
    int result = match(pattern, text, pattern->first);
    if (result == PCRE2_ERROR_MATCHLIMIT && *slow < PATTERN_SLOW_AT_MOST) {
        (*slow)++;
        result = match(pattern, text, pattern->most);
    }
    return result >= 0;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->first);
    pcre2_match_context_free(pattern->most);
    free(pattern);
}
