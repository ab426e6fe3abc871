#include "lib/quantity.h"

#include "lib/decimal.h"
#include <stdio.h>

/* A suffix multiplies by a power of ten or of 1024. */
static const struct suffix {
    const char *text;
    int power_of_ten;
    int power_of_1024;
} suffixes[] = {
    {"n", -9, 0}, {"u", -6, 0}, {"m", -3, 0}, {"", 0, 0},   {"k", 3, 0},  {"M", 6, 0},
    {"G", 9, 0},  {"T", 12, 0}, {"P", 15, 0}, {"E", 18, 0}, {"Ki", 0, 1}, {"Mi", 0, 2},
    {"Gi", 0, 3}, {"Ti", 0, 4}, {"Pi", 0, 5}, {"Ei", 0, 6},
};

static const struct suffix *find_suffix(struct str text)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (str_is(text, suffixes[i].text))
            return &suffixes[i];
    return NULL;
}

static bool has_exponent(struct str number)
{
    return number.length > 0 &&
           (memchr(number.at, 'e', number.length) != NULL || memchr(number.at, 'E', number.length) != NULL);
}

/* A number with an exponent has no suffix; the E of 1E is a suffix. */
static bool read_scaled(struct str text, int power_of_ten, int64_t *number)
{
    struct str rest = text;
    struct decimal decimal;
    if (!decimal_read(&rest, &decimal))
        return false;
    const struct suffix *suffix = find_suffix(rest);
    if (suffix == NULL || (rest.length > 0 && has_exponent((struct str){text.at, text.length - rest.length})))
        return false;
    if (decimal.digits.length != 0)
        decimal.point += power_of_ten + suffix->power_of_ten;
    return decimal_to_int64(decimal, (int64_t)1 << (10 * suffix->power_of_1024), number, NULL);
}

bool quantity_milli(struct str text, int64_t *milli)
{
    return read_scaled(text, 3, milli);
}

bool quantity_units(struct str text, int64_t *units)
{
    return read_scaled(text, 0, units);
}

/* The largest suffix that leaves a whole number. */
void quantity_format_cpu(int64_t milli, char out[32])
{
    static const char *const names[] = {"m", "", "k", "M", "G", "T", "P"};
    size_t name = 0;
    while (milli != 0 && milli % 1000 == 0 && name + 1 < sizeof(names) / sizeof(names[0])) {
        milli /= 1000;
        name++;
    }
    snprintf(out, 32, "%lld%s", (long long)milli, milli != 0 ? names[name] : "");
}

void quantity_format_bytes(int64_t bytes, char out[32])
{
    static const char *const names[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    size_t name = 0;
    while (bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        name++;
    }
    snprintf(out, 32, "%lld%s", (long long)bytes, names[name]);
}
