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

bool decimal_to_int64(struct decimal number, int64_t factor, int64_t *whole, bool *exact)
{
    unsigned __int128 integer = 0, fraction = 0, scale = 1;
    if (number.point > 19)
        return false;
    for (int64_t i = 0; i < number.point; i++)
        integer = integer * 10 + (unsigned)next_digit(&number.digits);
    for (int64_t i = number.point < 0 ? number.point : 0; i < 0 && scale < FRACTION_SCALE; i++)
        scale *= 10; /* zeros between the point and the first digit */
    bool rest = scale >= FRACTION_SCALE && number.digits.length > 0;
    while (!rest && number.digits.length > 0 && scale < FRACTION_SCALE) {
        fraction = fraction * 10 + (unsigned)next_digit(&number.digits);
        scale *= 10;
    }
    while (!rest && number.digits.length > 0)
        rest = next_digit(&number.digits) != 0;
    /* The integer part is below 10^19 and the factor below 2^63, the fraction below 10^18: all fits in 128.
     */
    unsigned __int128 magnitude = integer * (uint64_t)factor + fraction * (uint64_t)factor / scale;
    bool rounds = rest || fraction * (uint64_t)factor % scale != 0;
    magnitude += rounds;
    if (magnitude > (unsigned __int128)INT64_MAX + number.negative)
        return false;
    *whole = number.negative ? (int64_t)(0 - (uint64_t)magnitude) : (int64_t)magnitude;
    if (exact != NULL)
        *exact = !rounds;
    return true;
}
