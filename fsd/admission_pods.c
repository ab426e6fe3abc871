/* The plugins Priority, DefaultTolerationSeconds and RuntimeClass: what a pod gets from the classes that it
 * names, or doesn't. */
#include "fsd/admission.h"

#include "fsd/default.h"
#include <errno.h>

/* ---- Priority ---- */

/* Of several the lowest: who made the second one knew nothing of the first. */
static struct value default_priority_class(const struct policies *policies)
{
    struct value class, found = VALUE_ABSENT;
    for (size_t place = 0;
         value_exists(class = policies_next(policies, POLICY_PRIORITY_CLASS, STR(""), &place));)
        if (value_true(value_at(class, "globalDefault")) &&
            (!value_exists(found) ||
             value_int_or(value_at(class, "value"), 0) < value_int_or(value_at(found, "value"), 0)))
            found = class;
    return found;
}

/* API validation lets nobody change either; a manifest that doesn't mention them leaves them. */
static void keep_priority(const struct review *review)
{
    static const char *const members[] = {"priority", "preemptionPolicy"};
    struct value spec = value_at(review->object, "spec");
    for (size_t i = 0; i < COUNT(members); i++) {
        struct value old = value_get(value_at(review->before, "spec"), str_of(members[i]));
        if (value_exists(old) && !value_exists(value_get(spec, str_of(members[i]))))
            value_set_copy(spec, str_of(members[i]), old);
    }
}

static int refuse_other(const char *member, struct value class, struct str wanted, struct value given,
                        struct error **err)
{
    if (!value_exists(class))
        return error_make(err, EINVAL,
                          "spec.%s: must be " STR_FORMAT ", where no PriorityClass is named, not " STR_FORMAT,
                          member, STR_ARGS(wanted), STR_ARGS(value_str(given)));
    return error_make(
        err, EINVAL, "spec.%s: must be " STR_FORMAT ", as PriorityClass " STR_FORMAT " says, not " STR_FORMAT,
        member, STR_ARGS(wanted), STR_ARGS(value_str(value_at(class, "metadata", "name"))),
        STR_ARGS(value_str(given)));
}

/* What the class says becomes the pod's, who may have said the same himself. */
static int take_from_class(struct value spec, const char *member, struct value class, struct value of_class,
                           struct error **err)
{
    struct value given = value_get(spec, str_of(member));
    if (value_exists(given) && value_type(given) != value_type(of_class))
        return 0; /* which is refused as that */
    if (value_exists(given) && !value_equal(given, of_class))
        return refuse_other(member, class, value_str(of_class), given, err);
    if (!value_exists(given))
        value_set_copy(spec, str_of(member), of_class);
    return 0;
}

static int resolve_priority(struct value spec, struct value class, struct error **err)
{
    autodoc struct doc *none = doc_new();
    struct value priority = value_at(class, "value"), policy = value_at(class, "preemptionPolicy");
    if (!value_exists(priority))
        priority = value_set_int(doc_root(none), STR("value"), 0);
    if (!value_exists(policy))
        policy = value_set_str(doc_root(none), STR("preemptionPolicy"), STR("PreemptLowerPriority"));
    int status = take_from_class(spec, "priority", class, priority, err);
    return status == 0 ? take_from_class(spec, "preemptionPolicy", class, policy, err) : status;
}

int admit_priority(const struct review *review, struct error **err)
{
    struct value spec = value_at(review->object, "spec");
    if (value_type(spec) != VALUE_OBJECT)
        return 0;
    if (value_exists(review->before)) {
        keep_priority(review);
        return 0;
    }
    struct value given = value_at(spec, "priorityClassName"), class;
    struct str name = value_str(given);
    if (!default_is_or_absent(given, VALUE_STRING))
        return 0;
    if (name.length == 0) {
        class = default_priority_class(review->policies);
        if (value_exists(class))
            value_set_copy(spec, STR("priorityClassName"), value_at(class, "metadata", "name"));
    } else {
        class = policies_find(review->policies, POLICY_PRIORITY_CLASS, STR(""), name);
        if (!value_exists(class))
            return error_make(err, EINVAL,
                              "spec.priorityClassName: no PriorityClass with name " STR_FORMAT " was found",
                              STR_ARGS(name));
    }
    return resolve_priority(spec, class, err);
}

int admit_priority_class(const struct review *review, struct error **err)
{
    struct value other = default_priority_class(review->policies);
    struct str name = value_str(value_at(other, "metadata", "name"));
    if (!value_true(value_at(review->object, "globalDefault")) || !value_exists(other) ||
        str_equal(name, review->name))
        return 0;
    return error_make(err, EINVAL,
                      "globalDefault: PriorityClass " STR_FORMAT
                      " is already marked as default, and only one can be",
                      STR_ARGS(name));
}

/* ---- DefaultTolerationSeconds ---- */

/* Whoever looks after pods of nodes that aren't well gives them five minutes, unless they say otherwise. */
static void tolerate(struct value spec, const char *key)
{
    value_each (toleration, value_at(spec, "tolerations")) {
        struct value effect = value_at(toleration, "effect");
        struct value its_key = value_at(toleration, "key");
        if ((value_str(its_key).length == 0 || value_is(its_key, key)) &&
            (value_str(effect).length == 0 || value_is(effect, "NoExecute")))
            return;
    }
    if (!default_is_or_absent(value_at(spec, "tolerations"), VALUE_ARRAY))
        return;
    struct value added = value_append_object(value_ensure_array(spec, STR("tolerations")));
    value_setf(added, STR("key"), "%s", key);
    value_setf(added, STR("operator"), "Exists");
    value_setf(added, STR("effect"), "NoExecute");
    value_set_int(added, STR("tolerationSeconds"), 300);
}

int admit_tolerations(const struct review *review, struct error **err)
{
    (void)err;
    struct value spec = value_at(review->object, "spec");
    if (value_type(spec) == VALUE_OBJECT) {
        tolerate(spec, "node.kubernetes.io/not-ready");
        tolerate(spec, "node.kubernetes.io/unreachable");
    }
    return 0;
}

/* ---- RuntimeClass ---- */

/* Does everything that `narrow` tolerates tolerate `wide`? */
static bool covers(struct value wide, struct value narrow)
{
    struct value seconds = value_at(wide, "tolerationSeconds"),
                 of_narrow = value_at(narrow, "tolerationSeconds");
    bool exists = value_is(value_at(wide, "operator"), "Exists");
    struct str key = value_str(value_at(wide, "key")), effect = value_str(value_at(wide, "effect"));
    if (!str_equal(key, value_str(value_at(narrow, "key"))) && !(key.length == 0 && exists))
        return false;
    if (effect.length != 0 && !str_equal(effect, value_str(value_at(narrow, "effect"))))
        return false;
    if (str_is(effect, "NoExecute") && value_exists(seconds) &&
        (!value_exists(of_narrow) || value_int_or(of_narrow, 0) > value_int_or(seconds, 0)))
        return false;
    return exists || (!value_is(value_at(narrow, "operator"), "Exists") &&
                      str_equal(value_str(value_at(wide, "value")), value_str(value_at(narrow, "value"))));
}

/* A pod has its own tolerations and those of its class; what another one covers is left out, the first of
 * equal ones stays (Kubernetes: pkg/util/tolerations). */
static void merge_tolerations(struct value spec, struct value more)
{
    autodoc struct doc *scratch = doc_new();
    struct value all = value_set_array(doc_root(scratch), STR("all"));
    value_each (toleration, value_at(spec, "tolerations"))
        value_append_copy(all, toleration);
    value_each (toleration, more)
        value_append_copy(all, toleration);
    struct value kept = value_set_array(spec, STR("tolerations"));
    value_each (toleration, all) {
        bool redundant = false;
        value_each (other, kept)
            redundant = redundant || value_equal(other, toleration) || covers(other, toleration);
        for (struct value other = value_next(toleration); value_exists(other); other = value_next(other))
            redundant = redundant || (!value_equal(other, toleration) && covers(other, toleration));
        if (!redundant)
            value_append_copy(kept, toleration);
    }
}

static int take_node_selector(struct value spec, struct value selector, struct error **err)
{
    if (value_count(selector) == 0 || !default_is_or_absent(value_at(spec, "nodeSelector"), VALUE_OBJECT))
        return 0;
    struct value own = value_ensure_object(spec, STR("nodeSelector"));
    value_each (wanted, selector) {
        struct value given = value_get(own, value_key(wanted));
        if (value_exists(given) && !value_equal(given, wanted))
            return error_make(err, EINVAL,
                              "spec.nodeSelector[" STR_FORMAT "]: must be " STR_FORMAT
                              ", as its RuntimeClass says, not " STR_FORMAT,
                              STR_ARGS(value_key(wanted)), STR_ARGS(value_str(wanted)),
                              STR_ARGS(value_str(given)));
        value_set_copy(own, value_key(wanted), wanted);
    }
    return 0;
}

static struct value overhead_of(struct value class)
{
    return value_at(class, "overhead", "podFixed");
}

/* As JSON, for a sentence. */
static int refuse_overhead(struct value wanted, struct error **err)
{
    autobuf struct buf text = {0};
    if (!value_exists(wanted))
        return error_make(err, EINVAL,
                          "spec.overhead: must not be there: no RuntimeClass that the pod names "
                          "has one");
    value_write(&text, wanted);
    return error_make(err, EINVAL, "spec.overhead: must be what its RuntimeClass says: %s", text.at);
}

static struct value class_of(const struct review *review)
{
    struct str name = value_str(value_at(review->object, "spec", "runtimeClassName"));
    return policies_find(review->policies, POLICY_RUNTIME_CLASS, STR(""), name);
}

int admit_runtime(const struct review *review, struct error **err)
{
    struct value spec = value_at(review->object, "spec"), class = class_of(review);
    struct str name = value_str(value_at(spec, "runtimeClassName"));
    if (name.length == 0)
        return 0;
    if (!value_exists(class))
        return error_make(err, EINVAL,
                          "spec.runtimeClassName: no RuntimeClass with name " STR_FORMAT " was found",
                          STR_ARGS(name));
    struct value overhead = overhead_of(class), given = value_at(spec, "overhead");
    if (value_exists(overhead) && value_exists(given) && !value_equal(overhead, given))
        return refuse_overhead(overhead, err);
    if (value_exists(overhead))
        value_set_copy(spec, STR("overhead"), overhead);
    struct value scheduling = value_at(class, "scheduling");
    if (!value_exists(scheduling))
        return 0;
    if (default_is_or_absent(value_at(spec, "tolerations"), VALUE_ARRAY))
        merge_tolerations(spec, value_at(scheduling, "tolerations"));
    return take_node_selector(spec, value_at(scheduling, "nodeSelector"), err);
}

int admit_overhead(const struct review *review, struct error **err)
{
    struct value given = value_at(review->object, "spec", "overhead"),
                 overhead = overhead_of(class_of(review));
    return value_exists(given) && !value_exists(overhead) ? refuse_overhead(VALUE_ABSENT, err) : 0;
}
