#include "lib/decimal.h"

/* Exponents are cut off here: far beyond what any conversion takes, and sums of a few can't overflow. */
#define EXPONENT_LIMIT ((int64_t)1 << 60)
#define FRACTION_SCALE 1000000000000000000u /* 18 digits */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void advance(struct str *text, size_t count)
{
    text->at += count;
    text->length -= count;
}

static bool read_sign(struct str *text)
{
    bool negative = text->length > 0 && text->at[0] == '-';
    if (negative || (text->length > 0 && text->at[0] == '+'))
        advance(text, 1);
    return negative;
}

/* Takes the exponent, if there is one, off *text. */
static int64_t read_exponent(struct str *text)
{
    struct str rest = *text;
    if (rest.length == 0 || (rest.at[0] != 'e' && rest.at[0] != 'E'))
        return 0;
    advance(&rest, 1);
    bool negative = read_sign(&rest);
    if (rest.length == 0 || !is_digit(rest.at[0]))
        return 0;
    int64_t exponent = 0;
    for (; rest.length > 0 && is_digit(rest.at[0]); advance(&rest, 1))
        if (exponent < EXPONENT_LIMIT / 10)
            exponent = exponent * 10 + (rest.at[0] - '0');
    *text = rest;
    return negative ? -exponent : exponent;
}

bool decimal_read(struct str *text, struct decimal *number)
{
    struct str rest = *text;
    bool negative = read_sign(&rest);
    const char *first = NULL; /* digit that is not zero */
    const char *dot = NULL;
    int64_t before = 0, zeros_behind = 0, all = 0;
    for (; rest.length > 0 && (is_digit(rest.at[0]) || (rest.at[0] == '.' && dot == NULL));
         advance(&rest, 1)) {
        if (rest.at[0] == '.') {
            dot = rest.at;
            continue;
        }
        all++;
        if (first == NULL && rest.at[0] != '0')
            first = rest.at;
        if (dot == NULL && first != NULL)
            before++;
        else if (dot != NULL && first == NULL)
            zeros_behind++;
    }
    if (all == 0)
        return false;
    *number = (struct decimal){.negative = negative && first != NULL};
    if (first != NULL)
        number->digits = (struct str){first, (size_t)(rest.at - first)};
    int64_t exponent = read_exponent(&rest);
    if (first != NULL)
        number->point = before - zeros_behind + exponent;
    *text = rest;
    return true;
}

/* The next digit; zeros without end behind the last. */
static int next_digit(struct str *digits)
{
    if (digits->length > 0 && digits->at[0] == '.')
        advance(digits, 1);
    if (digits->length == 0)
        return 0;
    int digit = digits->at[0] - '0';
    advance(digits, 1);
    return digit;
}

bool decimal_equal(struct decimal a, struct decimal b)
{
    if (a.negative != b.negative || a.point != b.point)
        return false;
    while (a.digits.length > 0 || b.digits.length > 0)
        if (next_digit(&a.digits) != next_digit(&b.digits))
            return false;
    return true;
}

/* The digits before the point. */
static bool take_integer(struct decimal *number, __int128 *integer)
{
    *integer = 0;
    for (; number->point > 0; number->point--)
        if (__builtin_mul_overflow(*integer, 10, integer) ||
            __builtin_add_overflow(*integer, next_digit(&number->digits), integer))
            return false;
    return true;
}

/* The digits behind the point as *part / *scale; *rest says whether there is more that is not zero. */
static void take_fraction(struct decimal *number, uint64_t *part, uint64_t *scale, bool *rest)
{
    *part = 0;
    *scale = 1;
    for (; number->digits.length > 0 && *scale < FRACTION_SCALE; *scale *= 10)
        if (number->point < 0)
            number->point++; /* a zero between the point and the first digit */
        else
            *part = *part * 10 + (unsigned)next_digit(&number->digits);
    for (*rest = false; !*rest && number->digits.length > 0;)
        *rest = next_digit(&number->digits) != 0;
}

bool decimal_to_int128(struct decimal number, int64_t factor, __int128 *whole, bool *exact)
{
    bool negative = number.negative, rest;
    uint64_t part, scale;
    __int128 magnitude;
    if (!take_integer(&number, &magnitude) || __builtin_mul_overflow(magnitude, factor, &magnitude))
        return false;
    take_fraction(&number, &part, &scale, &rest);
    __int128 product = (__int128)part * factor; /* below 10^18 * 2^63 */
    bool rounds = rest || product % scale != 0;
    if (__builtin_add_overflow(magnitude, product / scale + rounds, &magnitude))
        return false;
    *whole = negative ? -magnitude : magnitude;
    if (exact != NULL)
        *exact = !rounds;
    return true;
}

bool decimal_to_int64(struct decimal number, int64_t factor, int64_t *whole, bool *exact)
{
    __int128 wide;
    bool good;
    if (!decimal_to_int128(number, factor, &wide, &good) || wide > INT64_MAX || wide < INT64_MIN)
        return false;
    *whole = (int64_t)wide;
    if (exact != NULL)
        *exact = good;
    return true;
}
