#include "fsd/admission.h"

#define NEVER       0
#define AT_CREATION 1
#define AT_UPDATES  2
#define ALWAYS      (AT_CREATION | AT_UPDATES)

struct step_of_row {
    admission_step *step;
    int when;
};

/* In the order of Kubernetes 1.32 (pkg/kubeapiserver/options/plugins.go), which matters: who comes later sees
 * what those before have filled in. When each is asked is as there: a pod's containers, its priority and its
 * runtime class are settled when it is made. */
static const struct {
    const char *plugin;
    const char *group, *kind;
    struct step_of_row complete, check;
} rows[] = {
    {"LimitRanger", "", "Pod", {admit_limits, AT_CREATION}, {admit_within_limits, AT_CREATION}},
    {"LimitRanger", "", "PersistentVolumeClaim", {NULL, NEVER}, {admit_within_limits, ALWAYS}},
    {"Priority", "", "Pod", {admit_priority, ALWAYS}, {NULL, NEVER}},
    {"Priority", "scheduling.k8s.io", "PriorityClass", {NULL, NEVER}, {admit_priority_class, ALWAYS}},
    {"DefaultTolerationSeconds", "", "Pod", {admit_tolerations, ALWAYS}, {NULL, NEVER}},
    {"DefaultStorageClass", "", "PersistentVolumeClaim", {admit_storage_class, AT_CREATION}, {NULL, NEVER}},
    {"StorageObjectInUseProtection",
     "",
     "PersistentVolume",
     {admit_volume_protection, AT_CREATION},
     {NULL, NEVER}},
    {"StorageObjectInUseProtection",
     "",
     "PersistentVolumeClaim",
     {admit_claim_protection, AT_CREATION},
     {NULL, NEVER}},
    {"RuntimeClass", "", "Pod", {admit_runtime, AT_CREATION}, {admit_overhead, AT_CREATION}},
    {"DefaultIngressClass",
     "networking.k8s.io",
     "Ingress",
     {admit_ingress_class, AT_CREATION},
     {NULL, NEVER}},
};

static int take_step(const struct step_of_row *step, const struct review *review, struct error **err)
{
    int now = value_exists(review->before) ? AT_UPDATES : AT_CREATION;
    return (step->when & now) != 0 ? step->step(review, err) : 0;
}

static int take_steps(const struct review *review, bool check, struct error **err)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!kind_is(review->kind, rows[i].group, rows[i].kind))
            continue;
        int status = take_step(check ? &rows[i].check : &rows[i].complete, review, err);
        if (status < 0)
            return status;
    }
    return 0;
}

int admission_complete(const struct review *review, struct error **err)
{
    return take_steps(review, false, err);
}

int admission_check(const struct review *review, struct error **err)
{
    return take_steps(review, true, err);
}
