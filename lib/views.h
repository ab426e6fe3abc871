/* The views of the kinds (lib/view.h): what control loops see of each. One file per kind in lib/view/. */
#ifndef PODTREE_VIEWS_H
#define PODTREE_VIEWS_H

#include "lib/cache.h"

/* ---- pods ---- */

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED, POD_UNKNOWN };

struct pod {
    struct meta meta;
    struct str node; /* STR_NONE until it is bound */
    enum pod_phase phase;
    bool ready;
    int64_t ready_since_ms;         /* when it became ready; 0 when it is not */
    int32_t restarts;               /* of the container with the most */
    const struct amounts *requests; /* what it asks for (lib/demand.h) */
    struct str ip;
    int64_t deletion_cost; /* controller.kubernetes.io/pod-deletion-cost */
    bool host_network;
    /* What keeps it from being ready, in a word (ImagePullBackOff, CrashLoopBackOff, Unschedulable …) and as
     * a sentence; empty where nothing does, or nothing but time. */
    struct str trouble, trouble_message;
    /* only while it is not bound: */
    int32_t priority;
    struct str scheduler_name;
    struct value node_selector, node_affinity, tolerations, conditions; /* of the affinity what is required */
    struct str unscheduled_because; /* the sentence of PodScheduled=False */
    bool gated;                     /* has schedulingGates */
};
extern const struct view pod_view;

/* Neither ended nor ending: it counts for its owner. */
bool pod_is_active(const struct pod *pod);
/* Its containers have ended for good: it takes nothing of its node any more. */
bool pod_has_ended(const struct pod *pod);
/* Has it been ready for that long? Otherwise *wait_ms (if it is ready) says how long it still takes. */
bool pod_is_available(const struct pod *pod, int64_t min_ready_seconds, int64_t now_ms, int64_t *wait_ms);

/* ---- replica sets and deployments ---- */

struct replicaset {
    struct meta meta;
    int64_t replicas, min_ready_seconds;
    struct value selector, template, status, annotations;
    uint64_t template_hash; /* of the template without its pod-template-hash; never 0 */
    /* from the status: */
    int64_t observed_generation, has_replicas, ready_replicas, available_replicas;
    int64_t revision; /* deployment.kubernetes.io/revision, or 0 */
};
extern const struct view replicaset_view;

/* What changes beside the number of replicas: an int or a percentage. */
struct int_or_percent {
    int64_t number;
    bool percent;
};

struct deployment {
    struct meta meta;
    int64_t replicas, min_ready_seconds, revision_history_limit, progress_deadline_seconds;
    bool paused, recreate;
    struct int_or_percent max_surge, max_unavailable;
    struct value selector, template, status, annotations;
    uint64_t template_hash;
    int64_t collision_count;
};
extern const struct view deployment_view;

#define POD_TEMPLATE_HASH   "pod-template-hash"
#define REVISION_ANNOTATION "deployment.kubernetes.io/revision"
#define DESIRED_ANNOTATION  "deployment.kubernetes.io/desired-replicas"
#define MAX_ANNOTATION      "deployment.kubernetes.io/max-replicas"

/* ---- nodes ---- */

struct node {
    struct meta meta;
    bool unschedulable;
    bool ready;
    struct value taints;
    const struct amounts *allocatable;
    struct str address; /* InternalIP */
    bool has_status;
};
extern const struct view node_view;

/* ---- namespaces and leases ---- */

struct namespace
{
    struct meta meta;
    struct value finalizers; /* spec.finalizers */
};
extern const struct view namespace_view;

struct lease {
    struct meta meta;
    struct str holder;
    int64_t renewed_ms;
};
extern const struct view lease_view;

/* ---- any kind ---- */

/* What matters of an object of any kind whatever it is: whose it is, and what holds it. */
struct owned {
    struct meta meta;
    struct value finalizers;
    bool orphans_dependents, deletes_dependents; /* the finalizers "orphan" and "foregroundDeletion" */
};

/* A kind that is seen so, and the indexes that come with it. */
struct owned_kind {
    struct view view;
    struct cache_index *by_uid, *by_owner, *by_namespace; /* by_owner: the uid of each owner */
};

struct owned_kind *owned_kind_new(struct str resource);
void owned_kind_free(struct owned_kind *kind);

#endif
