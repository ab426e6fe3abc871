/* The plugins DefaultStorageClass, DefaultIngressClass and StorageObjectInUseProtection. */
#include "fsd/admission.h"

#include "fsd/default.h"

/* ---- default classes ---- */

static struct value annotation(struct value object, const char *name)
{
    return value_at(object, "metadata", "annotations", name);
}

/* Of several the newest, then the first by name. Times in this form are ordered as their texts. */
static struct value default_class(const struct policies *policies, enum policy_type type,
                                  const char *const *marks)
{
    struct value class, found = VALUE_ABSENT;
    for (size_t place = 0; value_exists(class = policies_next(policies, type, STR(""), &place));) {
        bool marked = false;
        for (size_t i = 0; marks[i] != NULL; i++)
            marked |= value_is(annotation(class, marks[i]), "true");
        if (marked && (!value_exists(found) ||
                       str_compare(value_str(value_at(class, "metadata", "creationTimestamp")),
                                   value_str(value_at(found, "metadata", "creationTimestamp"))) > 0))
            found = class;
    }
    return found;
}

/* "" counts: it says that none is wanted. */
static void take_default(const struct review *review, const char *member, const char *old_annotation,
                         enum policy_type type, const char *const *marks)
{
    struct value spec = value_at(review->object, "spec");
    if (value_type(spec) != VALUE_OBJECT || value_exists(value_get(spec, str_of(member))) ||
        value_exists(annotation(review->object, old_annotation)))
        return;
    struct value class = default_class(review->policies, type, marks);
    if (value_exists(class))
        value_set_copy(spec, str_of(member), value_at(class, "metadata", "name"));
}

int admit_storage_class(const struct review *review, struct error **err)
{
    static const char *const marks[] = {"storageclass.kubernetes.io/is-default-class",
                                        "storageclass.beta.kubernetes.io/is-default-class", NULL};
    (void)err;
    take_default(review, "storageClassName", "volume.beta.kubernetes.io/storage-class", POLICY_STORAGE_CLASS,
                 marks);
    return 0;
}

int admit_ingress_class(const struct review *review, struct error **err)
{
    static const char *const marks[] = {"ingressclass.kubernetes.io/is-default-class", NULL};
    (void)err;
    take_default(review, "ingressClassName", "kubernetes.io/ingress.class", POLICY_INGRESS_CLASS, marks);
    return 0;
}

/* ---- what is in use: a controller takes the finalizer away once it isn't any more ---- */

int admit_volume_protection(const struct review *review, struct error **err)
{
    (void)err;
    default_finalizer(review->object, "kubernetes.io/pv-protection");
    return 0;
}

int admit_claim_protection(const struct review *review, struct error **err)
{
    (void)err;
    default_finalizer(review->object, "kubernetes.io/pvc-protection");
    return 0;
}
