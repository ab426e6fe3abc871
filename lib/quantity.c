#include "lib/quantity.h"

#include "lib/decimal.h"
#include <stdio.h>

/* Kubernetes keeps nothing smaller than a billionth. */
#define NANO 9

/* In what family of suffixes a quantity is written, and so is written again. */
enum family { DECIMAL, EXPONENT, BINARY };

struct quantity {
    __int128 number;
    enum family family;
};

/* The largest last: a power of 1000 more each, from the billionth; and a power of 1024 more each, from one.
 */
static const char *const decimal_suffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
static const char *const binary_suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

static bool find_suffix(const char *const *suffixes, size_t count, struct str text, int *power)
{
    for (*power = 0; *power < (int)count; ++*power)
        if (str_is(text, suffixes[*power]))
            return true;
    return false;
}

static bool has_exponent(struct str number)
{
    return number.length > 0 &&
           (memchr(number.at, 'e', number.length) != NULL || memchr(number.at, 'E', number.length) != NULL);
}

/* The quantity times ten to that power. A number with an exponent has no suffix; the E of 1E is a suffix. */
static bool read_quantity(struct str text, int power_of_ten, struct quantity *quantity)
{
    struct str suffix = text;
    struct decimal decimal;
    int power;
    int64_t factor = 1;
    if (!decimal_read(&suffix, &decimal))
        return false;
    quantity->family = has_exponent((struct str){text.at, text.length - suffix.length}) ? EXPONENT : DECIMAL;
    if (find_suffix(decimal_suffixes, COUNT(decimal_suffixes), suffix, &power)) {
        decimal.point += 3 * power - NANO;
    } else if (find_suffix(binary_suffixes, COUNT(binary_suffixes), suffix, &power)) {
        factor = (int64_t)1 << (10 * power);
    } else {
        return false;
    }
    if (suffix.length > 0 && quantity->family == EXPONENT)
        return false;
    if (factor != 1)
        quantity->family = BINARY;
    decimal.point += power_of_ten;
    if (decimal.digits.length == 0) /* nothing is nothing, whatever the power */
        decimal.point = 0;
    return decimal_to_int128(decimal, factor, &quantity->number, NULL);
}

static bool read_int64(struct str text, int power_of_ten, int64_t *number)
{
    struct quantity quantity;
    if (!read_quantity(text, power_of_ten, &quantity) || quantity.number > INT64_MAX ||
        quantity.number < INT64_MIN)
        return false;
    *number = (int64_t)quantity.number;
    return true;
}

bool quantity_milli(struct str text, int64_t *milli)
{
    return read_int64(text, 3, milli);
}

bool quantity_units(struct str text, int64_t *units)
{
    return read_int64(text, 0, units);
}

/* ---- writing ---- */

/* Divides as long as nothing is left over, from suffix `power` up to the last, and returns where that ends.
 */
static int reduce(__int128 *number, int base, int power, int last)
{
    for (; *number != 0 && *number % base == 0 && power < last; power++)
        *number /= base;
    return power;
}

static void write_number(__int128 number, const char *suffix, char *out, size_t size)
{
    char digits[48];
    size_t at = sizeof(digits) - 1;
    const char *sign = number < 0 ? "-" : "";
    digits[at] = '\0';
    do {
        int digit = (int)(number % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        number /= 10;
    } while (number != 0);
    snprintf(out, size, "%s%s%s", sign, digits + at, suffix);
}

static void write_decimal(__int128 number, int power, char *out, size_t size)
{
    power = reduce(&number, 1000, power, COUNT(decimal_suffixes) - 1);
    write_number(number, number != 0 ? decimal_suffixes[power] : "", out, size);
}

static void write_exponent(__int128 number, int power, char *out, size_t size)
{
    char exponent[16] = "";
    power = reduce(&number, 1000, power, COUNT(decimal_suffixes) - 1);
    if (3 * power != NANO && number != 0)
        snprintf(exponent, sizeof(exponent), "e%d", 3 * power - NANO);
    write_number(number, exponent, out, size);
}

static void write_binary(__int128 number, char *out, size_t size)
{
    int power = reduce(&number, 1024, 0, COUNT(binary_suffixes) - 1);
    write_number(number, binary_suffixes[power], out, size);
}

void quantity_format_cpu(int64_t milli, char out[32])
{
    write_decimal(milli, (NANO - 3) / 3, out, 32);
}

void quantity_format_bytes(int64_t bytes, char out[32])
{
    write_binary(bytes, out, 32);
}

static void write_canonical(__int128 nano, enum family family, char out[QUANTITY_TEXT])
{
    const __int128 one = 1000000000, kibi = one * 1024;
    if (family == BINARY && nano % one == 0 && (nano >= kibi || nano <= -kibi))
        write_binary(nano / one, out, QUANTITY_TEXT);
    else if (family == EXPONENT)
        write_exponent(nano, 0, out, QUANTITY_TEXT);
    else /* also what is too small or too odd for a binary suffix */
        write_decimal(nano, 0, out, QUANTITY_TEXT);
}

bool quantity_canonical(struct str text, char out[QUANTITY_TEXT])
{
    struct quantity quantity;
    if (!read_quantity(text, NANO, &quantity))
        return false;
    write_canonical(quantity.number, quantity.family, out);
    return true;
}

bool quantity_nano(struct str text, __int128 *nano)
{
    struct quantity quantity;
    if (!read_quantity(text, NANO, &quantity))
        return false;
    *nano = quantity.number;
    return true;
}

void quantity_format_nano(__int128 nano, struct str like, char out[QUANTITY_TEXT])
{
    struct quantity quantity = {.family = DECIMAL};
    (void)read_quantity(like, NANO, &quantity);
    write_canonical(nano, quantity.family, out);
}
