/* Conditions made of conditions: allOf, anyOf, oneOf and not.
 *
 * Whether a branch fits is found out with a check of its own, of whose findings nothing is said when another
 * branch fits; when none does, the sentence has them all. In a draft what is still missing is what keeps a
 * branch from fitting, so there the whole condition is one of the things that are missing. */
#include "fsd/validate_private.h"

#include "fsd/constraints.h"
#include <errno.h>

/* Does the value fit? If not, and `reasons` is not NULL, why it doesn't is added there. */
static bool fits(struct check *check, const struct step *at, const struct schema *branch, struct value v,
                 struct buf *reasons)
{
    struct check own = {.discreet = check->discreet, .slow = check->slow};
    autoerror struct error *err = NULL;
    validate_value(&own, at, branch, v);
    check->slow = own.slow;
    if (check_result(&own, EINVAL, &err) == 0)
        return true;
    if (reasons != NULL)
        buf_addf(reasons, "%s(%s)", reasons->length != 0 ? " or " : "", err->message);
    return false;
}

static size_t count_fitting(struct check *check, const struct step *at, const struct branches *branches,
                            struct value v, struct buf *reasons)
{
    size_t count = 0;
    for (size_t i = 0; i < branches->count; i++)
        count += fits(check, at, branches->schemas[i], v, reasons);
    return count;
}

static void check_any_of(struct check *check, const struct step *at, const struct branches *branches,
                         struct value v)
{
    autobuf struct buf reasons = {0};
    if (branches->count != 0 && count_fitting(check, at, branches, v, &reasons) == 0)
        check_lacks(check, at, "must fit at least one branch of anyOf: %s", reasons.at);
}

static void check_one_of(struct check *check, const struct step *at, const struct branches *branches,
                         struct value v)
{
    autobuf struct buf reasons = {0};
    size_t count = branches->count != 0 ? count_fitting(check, at, branches, v, &reasons) : 1;
    if (count == 0)
        check_lacks(check, at, "must fit exactly one branch of oneOf: %s", reasons.at);
    else if (count > 1)
        check_say(check, at, "must fit exactly one branch of oneOf, not %zu", count);
}

void validate_branches(struct check *check, const struct step *at, const struct schema *schema,
                       struct value v)
{
    const struct constraints *more = constraints_of(schema);
    for (size_t i = 0; i < more->all_of.count; i++)
        validate_value(check, at, more->all_of.schemas[i], v);
    check_any_of(check, at, &more->any_of, v);
    check_one_of(check, at, &more->one_of, v);
    if (more->not != NULL && fits(check, at, more->not, v, NULL))
        check_lacks(check, at, "must not fit the schema of not");
}
