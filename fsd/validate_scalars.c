#include "fsd/validate_private.h"

#include "fsd/constraints.h"
#include "fsd/formats.h"
#include "fsd/pattern.h"
#include "fsd/secret.h"

/* ---- sentences ---- */

void validate_say_given(struct check *check, const struct step *at, const char *wanted, struct value v)
{
    autobuf struct buf given = {0};
    check_quote(&given, v);
    if (check->discreet)
        check_say(check, at, "must be %s", wanted);
    else
        check_say(check, at, "must be %s, not %s", wanted, given.at);
}

void validate_say_malformed(struct check *check, const struct step *at, const char *wanted, struct value v)
{
    check->malformed++;
    validate_say_given(check, at, wanted, v);
}

static void say_choices(struct check *check, const struct step *at, const struct schema *schema,
                        struct value v)
{
    autobuf struct buf choices = {0};
    for (size_t i = 0; i < schema->enumeration_count; i++)
        if (schema->enumeration[i].length != 0)
            buf_addf(&choices, "%s" STR_FORMAT, choices.length != 0 ? ", " : "",
                     STR_ARGS(schema->enumeration[i]));
    autobuf struct buf wanted = {0};
    buf_addf(&wanted, "%s%s", schema->enumeration_count > 1 ? "one of " : "", choices.at);
    validate_say_given(check, at, wanted.at, v);
}

/* ---- scalars ---- */

static size_t count_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

static bool is_listed(const struct schema *schema, struct value v)
{
    struct value choices = constraints_of(schema)->choices;
    value_each (choice, choices)
        if (value_equal(choice, v))
            return true;
    for (size_t i = 0; i < schema->enumeration_count && !value_exists(choices); i++)
        if (value_type(v) == VALUE_STRING && str_equal(schema->enumeration[i], value_str(v)))
            return true;
    return false;
}

void validate_choice(struct check *check, const struct step *at, const struct schema *schema, struct value v)
{
    if (!check->loose && schema->enumeration_count != 0 && !is_listed(schema, v))
        say_choices(check, at, schema, v);
}

static void check_text(struct check *check, const struct step *at, const struct schema *schema,
                       struct value v)
{
    struct str text = value_str(v);
    if (check->loose)
        return;
    if (text.length == 0 && schema->min_length > 0) {
        check_lacks(check, at, "must not be empty");
        return;
    }
    if (schema->secret && secret_is_sealed(text)) {
        check_say(check, at, "is encrypted, and can't be read with the key that is here: give it a value");
        return;
    }
    validate_choice(check, at, schema, v);
    if (schema->format_check != NULL && (text.length != 0 || !schema->zero_unset) &&
        !schema->format_check->check(text))
        validate_say_given(check, at, schema->format_check->wanted, v);
    if (schema->pattern_compiled != NULL && !pattern_matches(schema->pattern_compiled, text, &check->slow)) {
        autobuf struct buf wanted = {0};
        buf_addf(&wanted, "of the pattern " STR_FORMAT, STR_ARGS(schema->pattern));
        validate_say_given(check, at, wanted.at, v);
    }
    if (schema->min_length <= 1 && schema->max_length < 0)
        return;
    int64_t length = (int64_t)count_characters(text);
    if (length < schema->min_length)
        check_say(check, at, "must have at least %lld characters, not %lld", (long long)schema->min_length,
                  (long long)length);
    if (schema->max_length >= 0 && length > schema->max_length)
        check_say(check, at, "must have at most %lld characters, not %lld", (long long)schema->max_length,
                  (long long)length);
}

/* As exactly as Kubernetes has it: numbers of JSON are inexact, and so is what division makes of them. */
static bool is_multiple(double number, double factor)
{
    double quotient = factor < 1 ? 1 / factor * number : number / factor, most = 9007199254740991.0;
    if (!(quotient >= -most && quotient <= most))
        return false;
    double whole = (double)(int64_t)quotient;
    double rest = quotient > whole ? quotient - whole : whole - quotient;
    double size = quotient > 0 ? quotient + whole : -quotient - whole;
    return rest == 0 || (whole != 0 && rest / size < 1e-9);
}

static void check_bounds(struct check *check, const struct step *at, const struct schema *schema,
                         struct value v)
{
    const struct constraints *more = constraints_of(schema);
    double number;
    if (check->loose || !value_number(v, &number))
        return;
    bool low = schema->has_minimum &&
               (more->exclusive_minimum ? number <= schema->minimum : number < schema->minimum);
    bool high = schema->has_maximum &&
                (more->exclusive_maximum ? number >= schema->maximum : number > schema->maximum);
    autobuf struct buf wanted = {0};
    if ((low || high) && schema->has_minimum && schema->has_maximum && !more->exclusive_minimum &&
        !more->exclusive_maximum)
        buf_addf(&wanted, "between %.15g and %.15g", schema->minimum, schema->maximum);
    else if (low)
        buf_addf(&wanted, "%s %.15g", more->exclusive_minimum ? "greater than" : "at least", schema->minimum);
    else if (high)
        buf_addf(&wanted, "%s %.15g", more->exclusive_maximum ? "less than" : "at most", schema->maximum);
    else if (more->multiple_of > 0 && !is_multiple(number, more->multiple_of))
        buf_addf(&wanted, "a multiple of %.15g", more->multiple_of);
    if (wanted.length != 0)
        validate_say_given(check, at, wanted.at, v);
    validate_choice(check, at, schema, v);
}

static bool is_int32(struct value v)
{
    int64_t number;
    return value_int(v, &number) && number >= INT32_MIN && number <= INT32_MAX;
}

static void check_integer(struct check *check, const struct step *at, const struct schema *schema,
                          struct value v)
{
    int64_t number;
    if (value_type(v) != VALUE_NUMBER)
        validate_say_malformed(check, at, "an integer", v);
    else if (!value_int(v, &number))
        validate_say_malformed(check, at, "an integer of at most 64 bits", v);
    else if (str_is(schema->format, "int32") && !is_int32(v))
        validate_say_malformed(check, at, "between -2147483648 and 2147483647", v);
    else
        check_bounds(check, at, schema, v);
}

static void check_string(struct check *check, const struct step *at, const struct schema *schema,
                         struct value v)
{
    bool number_counts = value_type(v) == VALUE_NUMBER && str_is(schema->format, "quantity");
    if (value_type(v) == VALUE_STRING || number_counts)
        check_text(check, at, schema, v);
    else
        validate_say_malformed(check, at, str_is(schema->format, "quantity") ? "a quantity" : "a string", v);
}

/* The type of built-in kinds has 32 bits. */
static bool is_int_of(const struct schema *schema, struct value v)
{
    int64_t number;
    return schema->dialect == DIALECT_KINDS ? is_int32(v) : value_int(v, &number);
}

static void check_int_or_string(struct check *check, const struct step *at, const struct schema *schema,
                                struct value v)
{
    if (value_type(v) == VALUE_STRING)
        check_text(check, at, schema, v);
    else if (value_type(v) == VALUE_NUMBER && is_int_of(schema, v))
        check_bounds(check, at, schema, v);
    else
        validate_say_malformed(check, at, "an integer or a string", v);
}

static void check_number(struct check *check, const struct step *at, const struct schema *schema,
                         struct value v)
{
    if (value_type(v) == VALUE_NUMBER)
        check_bounds(check, at, schema, v);
    else
        validate_say_malformed(check, at, "a number", v);
}

static void check_boolean(struct check *check, const struct step *at, const struct schema *schema,
                          struct value v)
{
    if (value_type(v) == VALUE_BOOL)
        validate_choice(check, at, schema, v);
    else
        validate_say_malformed(check, at, "true or false", v);
}

/* What has no type: the conditions on the type that it is of count. */
static void check_any_scalar(struct check *check, const struct step *at, const struct schema *schema,
                             struct value v)
{
    if (value_type(v) == VALUE_STRING)
        check_text(check, at, schema, v);
    else if (value_type(v) == VALUE_NUMBER)
        check_bounds(check, at, schema, v);
    else
        validate_choice(check, at, schema, v);
}

void validate_scalar(struct check *check, const struct step *at, const struct schema *schema, struct value v)
{
    static void (*const checks[])(struct check *, const struct step *, const struct schema *,
                                  struct value) = {
        [SCHEMA_STRING] = check_string,
        [SCHEMA_INTEGER] = check_integer,
        [SCHEMA_NUMBER] = check_number,
        [SCHEMA_BOOLEAN] = check_boolean,
        [SCHEMA_INT_OR_STRING] = check_int_or_string,
        [SCHEMA_ANY] = check_any_scalar,
    };
    checks[schema->type](check, at, schema, v);
}
