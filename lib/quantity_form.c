#include "lib/quantity.h"

#include <stdio.h>

/* A quantity as a whole number of billionths: Kubernetes keeps no more either. */
#define BILLION 1000000000

struct parsed {
    __int128 billionths;
    enum { DECIMAL, EXPONENT, BINARY } form;
};

static bool multiply(__int128 *number, int64_t base, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        if (__builtin_mul_overflow(*number, base, number))
            return false;
    return true;
}

/* The suffix as a power of ten, or of 1024. */
static bool read_suffix(struct str suffix, int64_t *ten, int64_t *kibi, struct parsed *parsed)
{
    static const char *const decimal[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    static const char *const binary[] = {"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    *ten = *kibi = 0;
    for (int i = 0; i < 10; i++)
        if (str_is(suffix, decimal[i])) {
            *ten = 3 * i - 9;
            return true;
        }
    for (int i = 0; i < 6; i++)
        if (str_is(suffix, binary[i])) {
            *kibi = i + 1;
            parsed->form = BINARY;
            return true;
        }
    parsed->form = EXPONENT;
    return (suffix.at[0] == 'e' || suffix.at[0] == 'E') &&
           str_to_int64((struct str){suffix.at + 1, suffix.length - 1}, ten);
}

/* Digits with at most one point, which counts against the power of ten. */
static bool read_digits(struct str *text, __int128 *number, int64_t *behind_point)
{
    size_t digits = 0, i = 0;
    bool point = false;
    *number = 0;
    *behind_point = 0;
    for (; i < text->length; i++) {
        char c = text->at[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, c - '0', number))
            return false;
        digits++;
        *behind_point += point;
    }
    *text = (struct str){text->at + i, text->length - i};
    return digits != 0;
}

static bool parse(struct str text, struct parsed *parsed)
{
    *parsed = (struct parsed){.form = DECIMAL};
    bool negative = text.length != 0 && text.at[0] == '-';
    if (text.length != 0 && (text.at[0] == '-' || text.at[0] == '+'))
        text.at++, text.length--;
    int64_t behind_point, ten, kibi;
    __int128 number;
    if (!read_digits(&text, &number, &behind_point) || !read_suffix(text, &ten, &kibi, parsed))
        return false;
    if (number == 0)
        return true;
    if (ten > 60)
        return false;
    ten = (ten > -60 ? ten : -60) + 9 -
          behind_point; /* what is smaller is rounded up to a billionth all the same */
    if (!multiply(&number, 1024, kibi) || !multiply(&number, 10, ten))
        return false;
    for (; ten < 0 && number != 0; ten++)
        number = number / 10 + (number % 10 != 0); /* away from zero */
    parsed->billionths = negative ? -number : number;
    return true;
}

static void write_number(__int128 number, const char *suffix, char out[QUANTITY_TEXT])
{
    char digits[48];
    size_t at = sizeof(digits) - 1;
    bool negative = number < 0;
    digits[at] = '\0';
    do {
        int digit = (int)(number % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        number /= 10;
    } while (number != 0);
    snprintf(out, QUANTITY_TEXT, "%s%s%s", negative ? "-" : "", digits + at, suffix);
}

bool quantity_canonical(struct str text, char out[QUANTITY_TEXT])
{
    struct parsed parsed;
    if (!parse(text, &parsed))
        return false;
    __int128 number = parsed.billionths;
    __int128 kibi = (__int128)1024 * BILLION;
    if (parsed.form == BINARY && number % BILLION == 0 && (number >= kibi || number <= -kibi)) {
        static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
        int power = 0;
        for (number /= BILLION; number % 1024 == 0 && power < 6; number /= 1024)
            power++;
        write_number(number, suffixes[power], out);
        return true;
    }
    static const char *const suffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    int power = 0;
    for (; number % 1000 == 0 && power < 9 && number != 0; number /= 1000)
        power++;
    char exponent[16] = "";
    if (parsed.form == EXPONENT && power != 3)
        snprintf(exponent, sizeof(exponent), "e%d", 3 * power - 9);
    write_number(number, number == 0 ? "" : parsed.form == EXPONENT ? exponent : suffixes[power], out);
    return true;
}
