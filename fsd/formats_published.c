/* The formats that the schemas of CustomResourceDefinitions may name, as Kubernetes checks them.
 *
 * They are those of OpenAPI's Go libraries, down to their liberties: an e-mail address may stand behind a
 * name, a duration may be "22 ns". Hyphens in a format's name don't count: date-time is datetime. */
#include "fsd/formats.h"

#include "lib/clock.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

/* ---- shapes ---- */

/* A text of that shape: h is a hexadecimal digit, d a decimal one, - a hyphen that may be left out; anything
 * else is itself. */
static bool has_shape(struct str s, const char *shape)
{
    size_t i = 0;
    for (; *shape != '\0'; shape++) {
        char c = i < s.length ? s.at[i] : '\0';
        if (*shape == '-' && c != '-')
            continue;
        bool fits = *shape == 'h'   ? isxdigit((unsigned char)c) != 0
                    : *shape == 'd' ? isdigit((unsigned char)c) != 0
                                    : c == *shape;
        if (!fits || i == s.length)
            return false;
        i++;
    }
    return i == s.length;
}

static bool uuid(struct str s)
{
    return has_shape(s, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
}

static bool uuid3(struct str s)
{
    return has_shape(s, "hhhhhhhh-hhhh-3hhh-hhhh-hhhhhhhhhhhh");
}

/* Of the versions 4 and 5 the fourth group says the variant, too: 8, 9, a or b. */
static bool is_variant(struct str s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.length; i++)
        if (s.at[i] != '-' && digits++ == 16)
            return strchr("89abAB", s.at[i]) != NULL;
    return false;
}

static bool uuid4(struct str s)
{
    return has_shape(s, "hhhhhhhh-hhhh-4hhh-hhhh-hhhhhhhhhhhh") && is_variant(s);
}

static bool uuid5(struct str s)
{
    return has_shape(s, "hhhhhhhh-hhhh-5hhh-hhhh-hhhhhhhhhhhh") && is_variant(s);
}

static bool object_id(struct str s)
{
    return has_shape(s, "hhhhhhhhhhhhhhhhhhhhhhhh");
}

static bool social_security(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.at[i] == ' ')
            return (i == 3 && has_shape(s, "ddd dd-dddd")) || has_shape(s, "ddd-dd dddd") ||
                   has_shape(s, "ddd dd dddd");
    return has_shape(s, "ddd-dd-dddd");
}

static bool hex_color(struct str s)
{
    if (str_starts(s, STR("#")))
        s = str_cut(s, 1, s.length);
    return has_shape(s, "hhh") || has_shape(s, "hhhhhh");
}

static bool rgb_color(struct str s)
{
    if (!str_starts(s, STR("rgb(")) || !str_ends(s, STR(")")))
        return false;
    s = str_cut(s, 4, s.length - 5);
    struct str part;
    int count = 0;
    while (str_split(&s, ',', &part)) {
        int64_t number;
        part = str_trim(part);
        bool plain =
            part.length != 0 && isdigit((unsigned char)part.at[0]) && (part.length == 1 || part.at[0] != '0');
        if (!plain || !str_to_int64(part, &number) || number > 255)
            return false;
        count++;
    }
    return count == 3;
}

/* ---- numbers with check digits ---- */

/* Its digits without what `between` has; false when there is something else, or more than fit. */
static bool collect(struct str s, const char *between, char *digits, size_t size, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.at[i] != '\0' && strchr(between, s.at[i]) != NULL)
            continue;
        bool is_last = s.at[i] == 'X' && i + 1 == s.length;
        if ((!isdigit((unsigned char)s.at[i]) && !is_last) || *count == size)
            return false;
        digits[(*count)++] = s.at[i];
    }
    return true;
}

static bool isbn10(struct str s)
{
    char digits[13];
    size_t count;
    if (!collect(s, "- ", digits, sizeof(digits), &count) || count != 10)
        return false;
    int sum = 0;
    for (int i = 0; i < 10; i++)
        sum += (10 - i) * (digits[i] == 'X' ? 10 : digits[i] - '0');
    return sum % 11 == 0;
}

static bool isbn13(struct str s)
{
    char digits[13];
    size_t count;
    if (!collect(s, "- ", digits, sizeof(digits), &count) || count != 13 || digits[12] == 'X')
        return false;
    int sum = 0;
    for (int i = 0; i < 13; i++)
        sum += (i % 2 == 0 ? 1 : 3) * (digits[i] - '0');
    return sum % 10 == 0;
}

static bool isbn(struct str s)
{
    return isbn10(s) || isbn13(s);
}

/* How the numbers of the known issuers begin, and how many digits they have. */
static bool is_card_number(struct str digits)
{
    static const struct {
        const char *from, *to; /* of the first digits */
        size_t length;
    } issuers[] = {{"4", "4", 13},     {"4", "4", 16},          {"51", "55", 16},     {"6011", "6011", 16},
                   {"650", "659", 16}, {"34", "34", 15},        {"37", "37", 15},     {"300", "305", 14},
                   {"36", "36", 14},   {"38", "38", 14},        {"2131", "2131", 15}, {"1800", "1800", 15},
                   {"35", "35", 16},   {"222100", "272099", 16}};
    for (size_t i = 0; i < COUNT(issuers); i++) {
        size_t length = strlen(issuers[i].from);
        if (digits.length == issuers[i].length && memcmp(digits.at, issuers[i].from, length) >= 0 &&
            memcmp(digits.at, issuers[i].to, length) <= 0)
            return true;
    }
    return false;
}

static bool credit_card(struct str s)
{
    char digits[16];
    size_t count = 0;
    for (size_t i = 0; i < s.length; i++) { /* with anything between them */
        if (!isdigit((unsigned char)s.at[i]))
            continue;
        if (count == sizeof(digits))
            return false;
        digits[count++] = s.at[i];
    }
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';
        digit *= i % 2 == 0 ? 1 : 2;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return is_card_number((struct str){digits, count}) && sum % 10 == 0;
}

/* ---- addresses ---- */

static bool is_address(int family, struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.length >= sizeof(text) || memchr(s.at != NULL ? s.at : "", '\0', s.length) != NULL)
        return false;
    snprintf(text, sizeof(text), STR_FORMAT, STR_ARGS(s));
    return inet_pton(family, text, &address) == 1;
}

static bool ipv4(struct str s)
{
    return is_address(AF_INET, s);
}

static bool ipv6(struct str s)
{
    return is_address(AF_INET6, s);
}

/* Six, eight or twenty bytes, with one separator: 00:00:5e:00:53:01, 02-00-…, 0000.5e00.5301 */
static bool mac(struct str s)
{
    size_t step = s.length > 4 && s.at[4] == '.' ? 4 : 2;
    char separator = s.length > step ? s.at[step] : '\0';
    if ((step == 2 && separator != ':' && separator != '-') || (s.length + 1) % (step + 1) != 0)
        return false;
    for (size_t i = 0; i < s.length; i++)
        if (i % (step + 1) == step ? s.at[i] != separator : !isxdigit((unsigned char)s.at[i]))
            return false;
    size_t bytes = (s.length + 1) / (step + 1) * step / 2;
    return bytes == 6 || bytes == 8 || bytes == 20;
}

static bool is_host_label(struct str s)
{
    for (size_t i = 0; i < s.length; i++) {
        bool letter = isalnum((unsigned char)s.at[i]) || (unsigned char)s.at[i] >= 0x80;
        if (!letter && (s.at[i] != '-' || i == 0 || i + 1 == s.length))
            return false;
    }
    return s.length != 0 && s.length <= 63;
}

/* RFC 1034; what is behind the last dot has no digits. */
static bool hostname(struct str s)
{
    struct str label = STR_NONE;
    size_t count = 0;
    if (s.length > 255)
        return false;
    while (str_split(&s, '.', &label)) {
        if (!is_host_label(label))
            return false;
        count++;
    }
    for (size_t i = 0; i < label.length && count > 1; i++)
        if (isdigit((unsigned char)label.at[i]) || label.at[i] == '-')
            return false;
    return count == 1 || label.length >= 2;
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (!isalpha((unsigned char)s.at[i]) &&
            (i == 0 || (!isdigit((unsigned char)s.at[i]) && strchr("+-.", s.at[i]) == NULL)))
            return false;
    return s.length != 0;
}

/* As in a request: with a scheme, or a path from the root. */
static bool uri(struct str s)
{
    for (size_t i = 0; i < s.length; i++) {
        bool escape = s.at[i] == '%';
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f || s.at[i] == ' ' ||
            (escape && !has_shape(str_cut(s, i + 1, 2), "hh")))
            return false;
    }
    if (str_starts(s, STR("/")))
        return true;
    struct str rest = s, scheme = STR_NONE;
    return str_split(&rest, ':', &scheme) && rest.at != NULL && is_scheme(scheme);
}

static bool is_mail_word(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (!isalnum((unsigned char)s.at[i]) && (unsigned char)s.at[i] < 0x80 &&
            strchr("!#$%&'*+-/=?^_`{|}~.", s.at[i]) == NULL)
            return false;
    return s.length != 0 && s.at[0] != '.' && s.at[s.length - 1] != '.' &&
           memmem(s.at, s.length, "..", 2) == NULL;
}

/* RFC 5322: an address, or a name and an address in angle brackets. */
static bool email(struct str s)
{
    s = str_trim(s);
    if (str_ends(s, STR(">"))) {
        const char *open = memrchr(s.at, '<', s.length);
        if (open == NULL)
            return false;
        s = (struct str){open + 1, (size_t)(s.at + s.length - open) - 2};
    }
    const char *at = s.length != 0 ? memrchr(s.at, '@', s.length) : NULL;
    if (at == NULL)
        return false;
    struct str local = {s.at, (size_t)(at - s.at)};
    struct str domain = {at + 1, s.length - local.length - 1};
    bool quoted = local.length > 2 && local.at[0] == '"' && local.at[local.length - 1] == '"';
    bool literal = str_starts(domain, STR("[")) && str_ends(domain, STR("]"));
    return (quoted || is_mail_word(local)) && (literal || is_mail_word(domain));
}

/* ---- times ---- */

static bool date(struct str s)
{
    char text[32];
    int64_t ms;
    if (s.length != 10)
        return false;
    snprintf(text, sizeof(text), STR_FORMAT "T00:00:00Z", STR_ARGS(s));
    return clock_parse(str_of(text), &ms);
}

/* As RFC 3339 has it, in any case of T and Z. */
static bool date_time(struct str s)
{
    char text[64];
    int64_t ms;
    if (s.length < 20 || s.length >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.length; i++)
        text[i] = (char)(s.at[i] == 't' ? 'T' : s.at[i] == 'z' ? 'Z' : s.at[i]);
    return clock_parse((struct str){text, s.length}, &ms);
}

/* One number and a unit with spaces between them, as Scala writes it: 22 ns, 3 days. */
static bool is_spaced_duration(struct str s)
{
    static const char *const units[] = {
        "ns",     "nano",   "nanos",   "nanosecond",  "nanoseconds",  "us",          "µs",
        "micro",  "micros", "ms",      "milli",       "millis",       "s",           "sec",
        "second", "secs",   "seconds", "microsecond", "microseconds", "millisecond", "milliseconds",
        "m",      "min",    "minute",  "mins",        "minutes",      "h",           "hr",
        "hour",   "hrs",    "hours",   "d",           "day",          "days",        "w",
        "wk",     "week",   "wks",     "weeks"};
    size_t digits = 0;
    while (digits < s.length && isdigit((unsigned char)s.at[digits]))
        digits++;
    struct str unit = str_trim(str_cut(s, digits, s.length));
    for (size_t i = 0; i < COUNT(units) && digits != 0; i++)
        if (str_is(unit, units[i]))
            return true;
    return false;
}

static bool duration(struct str s)
{
    return format_find(STR("duration"))->check(s) || is_spaced_duration(s);
}

static bool cidr(struct str s)
{
    return format_find(STR("cidr"))->check(s);
}

static bool base64(struct str s)
{
    return s.length != 0 && format_find(STR("byte"))->check(s);
}

static bool any(struct str s)
{
    (void)s;
    return true;
}

/* ---- the table ---- */

static const struct format published[] = {
    {"bsonobjectid", object_id, "24 hexadecimal digits"},
    {"uri", uri, "a URI as https://example.com/a"},
    {"email", email, "an e-mail address"},
    {"hostname", hostname, "the name of a host"},
    {"ipv4", ipv4, "an IPv4 address"},
    {"ipv6", ipv6, "an IPv6 address"},
    {"cidr", cidr, "a network as address/bits (10.0.0.0/24)"},
    {"mac", mac, "a MAC address as 00:00:5e:00:53:01"},
    {"uuid", uuid, "a UUID"},
    {"uuid3", uuid3, "a UUID of version 3"},
    {"uuid4", uuid4, "a UUID of version 4"},
    {"uuid5", uuid5, "a UUID of version 5"},
    {"isbn", isbn, "an ISBN"},
    {"isbn10", isbn10, "an ISBN of 10 digits"},
    {"isbn13", isbn13, "an ISBN of 13 digits"},
    {"creditcard", credit_card, "the number of a credit card"},
    {"ssn", social_security, "a social security number as 123-45-6789"},
    {"hexcolor", hex_color, "a color as #ff8800"},
    {"rgbcolor", rgb_color, "a color as rgb(255,128,0)"},
    {"byte", base64, "base64"},
    {"password", any, "a password"},
    {"date", date, "a date as 2026-01-31"},
    {"duration", duration, "a duration as 1h30m, 250ms or 22 ns"},
    {"datetime", date_time, "a time as 2026-01-31T12:00:00Z"},
};

static bool is_called(const char *name, struct str given)
{
    size_t i = 0;
    for (size_t j = 0; j < given.length; j++) {
        if (given.at[j] == '-')
            continue;
        if (name[i] == '\0' || given.at[j] != name[i])
            return false;
        i++;
    }
    return name[i] == '\0';
}

const struct format *format_find_published(struct str name)
{
    for (size_t i = 0; i < COUNT(published); i++)
        if (is_called(published[i].name, name))
            return &published[i];
    return NULL;
}

struct str format_published(enum schema_type type, struct str name)
{
    static const struct {
        enum schema_type type;
        struct str name;
    } numbers[] = {{SCHEMA_INTEGER, STR("int32")},
                   {SCHEMA_INTEGER, STR("int64")},
                   {SCHEMA_NUMBER, STR("float")},
                   {SCHEMA_NUMBER, STR("double")}};
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (type == numbers[i].type && str_equal(name, numbers[i].name))
            return numbers[i].name;
    bool text = type == SCHEMA_STRING || type == SCHEMA_INT_OR_STRING || type == SCHEMA_ANY;
    const struct format *format = text ? format_find_published(name) : NULL;
    return format != NULL ? str_of(format->name) : STR_NONE;
}
