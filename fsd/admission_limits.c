/* The plugin LimitRanger: what containers get that say nothing of their resources, and how much containers,
 * pods and claims may ask for. Each LimitRange of the namespace counts, in the order of their names. */
#include "fsd/admission.h"

#include "fsd/check.h"
#include "fsd/default.h"
#include "fsd/usage.h"
#include "lib/quantity.h"
#include <errno.h>

static struct value next_range(const struct review *review, size_t *place)
{
    return policies_next(review->policies, POLICY_LIMIT_RANGE, review->namespace, place);
}

/* Init containers come last, as in Kubernetes' sentences. */
static const struct {
    const char *list, *called;
} containers[] = {{"containers", "container"}, {"initContainers", "init container"}};

/* ---- defaults ---- */

/* Which of the amounts of `defaults` a container is given, said as "cpu, memory request for container a". */
static void fill_in(struct value container, const char *member, struct value defaults, const char *what,
                    const char *called, struct buf *note)
{
    struct value resources = value_get(container, STR("resources"));
    if (value_count(defaults) == 0 || !default_is_or_absent(resources, VALUE_OBJECT) ||
        !default_is_or_absent(value_get(resources, str_of(member)), VALUE_OBJECT))
        return;
    struct value amounts =
        value_ensure_object(value_ensure_object(container, STR("resources")), str_of(member));
    bool any = false;
    value_each (amount, defaults) {
        if (value_exists(value_get(amounts, value_key(amount))))
            continue;
        value_set_copy(amounts, value_key(amount), amount);
        buf_addf(note, "%s" STR_FORMAT,
                 any                 ? ", "
                 : note->length != 0 ? "; "
                                     : "",
                 STR_ARGS(value_key(amount)));
        any = true;
    }
    if (any)
        buf_addf(note, " %s for %s " STR_FORMAT, what, called,
                 STR_ARGS(value_str(value_get(container, STR("name")))));
}

/* What the items for containers say together; a later one counts. In the order of names. */
static void gather_defaults(struct value range, const char *member, struct value defaults)
{
    value_each (item, value_at(range, "spec", "limits"))
        if (value_is(value_get(item, STR("type")), "Container"))
            value_each (amount, value_get(item, str_of(member)))
                value_set_copy(defaults, value_key(amount), amount);
    value_sort(defaults);
}

static void fill_in_containers(struct value spec, struct value range, struct buf *note)
{
    autodoc struct doc *limits = doc_new(), *requests = doc_new();
    gather_defaults(range, "default", doc_root(limits));
    gather_defaults(range, "defaultRequest", doc_root(requests));
    for (size_t i = 0; i < COUNT(containers); i++)
        value_each (container, value_get(spec, str_of(containers[i].list))) {
            if (value_type(container) != VALUE_OBJECT)
                continue;
            fill_in(container, "requests", doc_root(requests), "request", containers[i].called, note);
            fill_in(container, "limits", doc_root(limits), "limit", containers[i].called, note);
        }
}

int admit_limits(const struct review *review, struct error **err)
{
    (void)err;
    struct value range, metadata = value_at(review->object, "metadata"),
                        spec = value_at(review->object, "spec");
    for (size_t place = 0; value_exists(range = next_range(review, &place));) {
        autobuf struct buf note = {0};
        fill_in_containers(spec, range, &note);
        if (note.length == 0 || value_type(metadata) != VALUE_OBJECT ||
            !default_is_or_absent(value_at(metadata, "annotations"), VALUE_OBJECT))
            continue;
        value_setf(value_ensure_object(metadata, STR("annotations")), STR("kubernetes.io/limit-ranger"),
                   "LimitRanger plugin set: %s", note.at);
    }
    return 0;
}

/* ---- amounts ---- */

/* What is asked for and limited to, of one container, one pod, one claim. */
struct asked {
    struct value requests, limits;
    bool only_requests; /* claims have no limits */
    bool sums;          /* of several containers: no field says them */
};

struct limit {
    const char *type; /* Container, Pod, PersistentVolumeClaim */
    struct str resource;
    struct value amount;
};

static bool nano(struct value amount, __int128 *number)
{
    return value_exists(amount) && quantity_nano(value_str(amount), number);
}

/* `member`: requests or limits */
static void say(struct check *check, const struct step *at, const struct asked *asked, const char *member,
                const struct limit *limit, const char *least_or_most)
{
    bool request = strcmp(member, "requests") == 0;
    struct value given = value_get(request ? asked->requests : asked->limits, limit->resource);
    struct step list = STEP_MEMBER(at, str_of(member)), step = STEP_KEY(&list, limit->resource);
    autobuf struct buf sentence = {0};
    buf_addf(&sentence, "%s " STR_FORMAT " usage per %s is " STR_FORMAT ", ", least_or_most,
             STR_ARGS(limit->resource), limit->type, STR_ARGS(value_str(limit->amount)));
    if (value_exists(given))
        buf_addf(&sentence, "but %s is " STR_FORMAT, request ? "request" : "limit",
                 STR_ARGS(value_str(given)));
    else
        buf_addf(&sentence, "and no %s is specified", request ? "request" : "limit");
    check_say(check, asked->sums ? at : &step, "%s", sentence.at);
}

/* The request must be there and not below; a limit isn't either. */
static void check_least(struct check *check, const struct step *at, const struct asked *asked,
                        const struct limit *limit)
{
    __int128 least, given;
    struct value request = value_get(asked->requests, limit->resource),
                 limited = value_get(asked->limits, limit->resource);
    if (!nano(limit->amount, &least))
        return;
    if (!nano(request, &given) || given < least)
        say(check, at, asked, "requests", limit, "minimum");
    else if (nano(limited, &given) && given < least)
        say(check, at, asked, "limits", limit, "minimum");
}

/* The limit must be there and not above; a request isn't either. */
static void check_most(struct check *check, const struct step *at, const struct asked *asked,
                       const struct limit *limit)
{
    __int128 most, given;
    struct value request = value_get(asked->requests, limit->resource),
                 limited = value_get(asked->limits, limit->resource);
    if (!nano(limit->amount, &most))
        return;
    if (!asked->only_requests && (!nano(limited, &given) || given > most))
        say(check, at, asked, "limits", limit, "maximum");
    else if ((nano(request, &given) && given > most) || (asked->only_requests && !value_exists(request)))
        say(check, at, asked, "requests", limit, "maximum");
}

static void check_ratio(struct check *check, const struct step *at, const struct asked *asked,
                        const struct limit *limit)
{
    __int128 most, request = 0, limited = 0;
    struct step list = STEP_MEMBER(at, STR("limits")), of_limit = STEP_KEY(&list, limit->resource);
    const struct step *step = asked->sums ? at : &of_limit;
    if (!nano(limit->amount, &most))
        return;
    (void)nano(value_get(asked->requests, limit->resource), &request);
    (void)nano(value_get(asked->limits, limit->resource), &limited);
    autobuf struct buf wanted = {0};
    buf_addf(&wanted, STR_FORMAT " max limit to request ratio per %s is " STR_FORMAT,
             STR_ARGS(limit->resource), limit->type, STR_ARGS(value_str(limit->amount)));
    if (request == 0 || limited == 0) {
        check_say(check, step, "%s, but no %s is specified, or it is 0", wanted.at,
                  request == 0 ? "request" : "limit");
        return;
    }
    double ratio = (double)limited / (double)request;
    if (ratio > (double)most / 1e9)
        check_say(check, step, "%s, but provided ratio is %f", wanted.at, ratio);
}

static const struct {
    const char *member;
    void (*check)(struct check *check, const struct step *at, const struct asked *asked,
                  const struct limit *limit);
} item_checks[] = {{"min", check_least}, {"max", check_most}, {"maxLimitRequestRatio", check_ratio}};

static void check_item(struct check *check, const struct step *at, struct value item,
                       const struct asked *asked, const char *type)
{
    for (size_t i = 0; i < COUNT(item_checks); i++)
        value_each (amount, value_get(item, str_of(item_checks[i].member))) {
            const struct limit limit = {type, value_key(amount), amount};
            if (!asked->only_requests || item_checks[i].check != check_ratio)
                item_checks[i].check(check, at, asked, &limit);
        }
}

/* ---- pods ---- */

static void check_containers(struct check *check, const struct step *spec_step, struct value spec,
                             struct value item)
{
    for (size_t i = 0; i < COUNT(containers); i++) {
        struct step list = STEP_MEMBER(spec_step, str_of(containers[i].list));
        size_t index = 0;
        value_each (container, value_get(spec, str_of(containers[i].list))) {
            struct step element = STEP_ELEMENT(&list, index++),
                        resources = STEP_MEMBER(&element, STR("resources"));
            const struct asked asked = {.requests = value_at(container, "resources", "requests"),
                                        .limits = value_at(container, "resources", "limits")};
            check_item(check, &resources, item, &asked, "Container");
        }
    }
}

/* What all its containers ask for together, of each resource that the item says something of. Overhead
 * doesn't count (podRequests() of Kubernetes' plugin). */
static void sum_up(struct value spec, struct value item, const char *member, struct value sums)
{
    for (size_t i = 0; i < COUNT(item_checks); i++)
        value_each (limit, value_get(item, str_of(item_checks[i].member))) {
            __int128 sum;
            struct str like;
            char text[QUANTITY_TEXT];
            if (!usage_of_containers(spec, member, value_key(limit), &sum, &like))
                continue;
            quantity_format_nano(sum, like, text);
            value_set_str(sums, value_key(limit), str_of(text));
        }
}

static void check_pod(struct check *check, const struct step *spec_step, struct value spec, struct value item)
{
    autodoc struct doc *requests = doc_new(), *limits = doc_new();
    sum_up(spec, item, "requests", doc_root(requests));
    sum_up(spec, item, "limits", doc_root(limits));
    const struct asked asked = {.requests = doc_root(requests), .limits = doc_root(limits), .sums = true};
    check_item(check, spec_step, item, &asked, "Pod");
}

static void check_claim(struct check *check, const struct step *spec_step, struct value spec,
                        struct value item)
{
    struct step resources = STEP_MEMBER(spec_step, STR("resources"));
    const struct asked asked = {.requests = value_at(spec, "resources", "requests"), .only_requests = true};
    check_item(check, &resources, item, &asked, "PersistentVolumeClaim");
}

int admit_within_limits(const struct review *review, struct error **err)
{
    static const struct {
        const char *kind, *type;
        void (*check)(struct check *check, const struct step *at, struct value spec, struct value item);
    } rows[] = {{"Pod", "Container", check_containers},
                {"Pod", "Pod", check_pod},
                {"PersistentVolumeClaim", "PersistentVolumeClaim", check_claim}};
    if (value_exists(value_at(review->object, "metadata", "deletionTimestamp")))
        return 0;
    struct check check = {0};
    struct step step = STEP_MEMBER(NULL, STR("spec"));
    struct value range, spec = value_at(review->object, "spec");
    for (size_t place = 0; value_exists(range = next_range(review, &place));)
        value_each (item, value_at(range, "spec", "limits"))
            for (size_t i = 0; i < COUNT(rows); i++)
                if (str_is(review->kind->name, rows[i].kind) &&
                    value_is(value_at(item, "type"), rows[i].type))
                    rows[i].check(&check, &step, spec, item);
    return check_result(&check, EINVAL, err);
}
