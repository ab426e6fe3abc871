/* What the agent's files share.
 *
 * agent.c follows the tree and the machine; agent_static.c, the second source of pods, follows a directory,
 * and agent_mirror.c shows its pods in the tree. agent_node.c tells the tree of the node, agent_usage.c what
 * is used. agent_groups.c shares the processors among classes
 * of pods, agent_storage.c looks what they take of the disk.
 *
 * pod.c brings one pod along. pod_admission.c may refuse it; pod_volumes.c and pod_sandbox.c make what its
 * containers share, of the objects that pod_objects.c reads; pod_start.c begins them, with the variables of
 * pod_environment.c and the images of pod_image.c, and pod_end.c ends them; pod_hook.c runs their hooks,
 * pod_probe.c tries their probes; pod_say.c tells the tree of it all. */
#ifndef PODTREE_AGENT_PRIVATE_H
#define PODTREE_AGENT_PRIVATE_H

#include "lib/cache.h"
#include "lib/map.h"
#include "nodeagent/agent.h"
#include "nodeagent/callers.h"
#include "nodeagent/names.h"
#include "nodeagent/outbox.h"
#include "nodeagent/record.h"
#include "nodeagent/runtime.h"

struct pod {
    struct map_node by_uid;
    struct agent *agent;
    struct pod_record *record;
    struct doc *document; /* as it was last seen in the tree; NULL: it isn't there */
    struct doc *status;   /* what was last said of it; NULL: nothing yet */
    char *told;           /* a static pod's: the uid of the mirror to which that was said */
    struct buf held;      /* and the events for which there was no mirror yet, as requests, a line each */
    struct loop_source *timer;
    bool finishing; /* the tree has been asked to let it go */
    bool unsaved;   /* what its record says is not on the disk */
    struct image_wait *image_waits;
    struct pod_check *checks; /* pod_probe.c's: the probes of its containers */
    struct pod_hook *hooks;   /* pod_hook.c's: hooks that are running */
    struct sandbox_times sandbox_times;
};

/* Where pods come from. A pod is left alone until it is known what its source wants. */
enum source { SOURCE_TREE, SOURCE_FILES, SOURCES };

/* The kinds that it follows: pods, nodes, ConfigMaps, Secrets. */
enum { AGENT_FOLLOWS = 4 };

/* Of nodes it only matters whether this one is there, and what it is. */
struct own_node {
    struct meta meta;
    struct value taints;
};

struct agent {
    struct loop *loop;
    struct agent_options options;
    struct runtime *runtime;
    struct outbox *outbox; /* NULL when nobody is told */
    struct callers *callers;
    struct usage *usage;
    struct storage_watch *storage; /* agent_storage.c's */
    struct loop_source *usage_timer;
    char *address;       /* of this machine */
    struct map pods;     /* by uid */
    int64_t begun_ms;    /* wall clock: since when it runs */
    bool ready[SOURCES]; /* it is known what should be: the source has been read once, or all shall end */
    struct static_pods *static_pods;
    struct loop_source *mirror_timer;
    /* agent.c's own */
    struct cache *cache;
    bool changed[AGENT_FOLLOWS], read_all;
    struct loop_source *tree_source, *read_timer, *read_all_timer, *lease_timer, *node_timer, *logs_timer,
        *runtime_timer;
    bool dns_said;     /* that there is none for the cluster */
    int64_t report_ms; /* when to say again what the end waits for */
    char *runtime_version, *runtime_complaint;
    struct doc *node_status; /* what was last said of the node */
};

/* The pod as the tree has it; absent when it isn't there. */
static inline struct value pod_document(const struct pod *pod)
{
    return doc_root(pod->document);
}

static inline const struct place *pod_place(const struct pod *pod)
{
    return pod->agent->options.place;
}

/* "default/web-1", for the log. */
#define POD_FORMAT    "%s/%s"
#define POD_ARGS(pod) (pod)->record->namespace, (pod)->record->name

/* After the machine (not the pod) failed to do something. */
#define MACHINE_RETRY_MS 1000

/* Where its containers listen. */
static inline const char *pod_address(const struct pod *pod)
{
    return pod->record->host_network && pod->agent->address != NULL ? pod->agent->address : "127.0.0.1";
}

/* ---- agent_node.c ---- */

/* Says all of the node, and goes on saying that it lives. */
void agent_begin_node(struct agent *agent);
/* The tree hasn't it, or another in its place; the same of its lease. */
void agent_say_node(struct agent *agent);
void agent_say_lease(struct agent *agent);
/* An event of the node. */
void agent_say_of_node(void *agent, const char *type, const char *reason, const char *message);

/* ---- agent_usage.c ---- */

/* Says what is used, now and from time to time. */
void agent_say_usage(void *agent);
/* Nobody has told the tree yet: the object is made, and soon filled. */
void agent_say_usage_exists(struct agent *agent);

/* ---- agent_groups.c ---- */

/* Gives the classes of pods their shares of the processors, by what they have asked for. To be called before
 * a pod's sandbox is made, and after a pod has gone. */
void agent_share(struct agent *agent);

/* ---- agent_storage.c ---- */

void agent_watch_storage(struct agent *agent);
/* Fine when it isn't watched. */
void agent_forget_storage(struct agent *agent);

/* ---- agent_static.c ---- */

int agent_open_static_pods(struct agent *agent, struct error **err);
void agent_close_static_pods(struct agent *agent);
/* In the next turn: one has gone, so another of its name may come. */
void agent_deliver_static_pods(struct agent *agent);
/* The static pod of that name, be it an earlier one that is ending; NULL when there is none. */
struct pod *agent_find_static_pod(const struct agent *agent, struct value metadata);

/* ---- agent_mirror.c ---- */

/* In the next turn: looks whether the mirrors in the tree are as they should be. */
void agent_mirror_later(struct agent *agent);
void agent_mirror_answered(struct agent *agent, const char *subject, struct str error, struct str message);
/* What the tree has as the mirror of a static pod, be it that of an earlier one; absent: nothing. */
struct value pod_mirror(const struct pod *pod);

/* ---- agent.c ---- */

/* It is known what the source wants. */
void agent_set_ready(struct agent *agent, enum source source);
/* The pods that the tree has bound to this node, mirrors too. They live until the tree is read again. */
struct value agent_bound_pod(const struct agent *agent, const char *namespace, const char *name);
void agent_each_bound_pod(struct agent *agent, void (*visit)(void *context, struct value pod), void *context);

/* This machine's node as the tree has it; NULL when it isn't there. */
const struct own_node *agent_own_node(const struct agent *agent);
/* What of the machine pods may have together (a ResourceList), as was last said of the node; absent before.
 */
struct value agent_allocatable(const struct agent *agent);

/* The pod with that uid; NULL when there is none here. */
struct pod *agent_find_pod(const struct agent *agent, struct str uid);
/* All pods, in no order: the first for NULL, NULL after the last. */
struct pod *agent_next_pod(const struct agent *agent, const struct pod *previous);

/* ---- pod.c ---- */

/* Puts it into the agent's pods. Takes the record. */
struct pod *pod_new(struct agent *agent, struct pod_record *record);
/* Frees it and takes it out; nothing may be under way for it. */
void pod_free(struct pod *pod);
/* What the tree says of it now; NULL: it has gone. Takes the document. */
void pod_set_document(struct pod *pod, struct doc *document);
/* Does what there is to do, and says how it is. */
void pod_sync(struct pod *pod);
/* The same in `after_ms`, or before. */
void pod_sync_later(struct pod *pod, int64_t after_ms);
/* Something that it may wait for has come (an image, an object): tries again now. */
void pod_retry(struct pod *pod);
/* A verb of the runtime on its way: of which pod and container. A pod isn't freed while one is. Names,
 * because containers may find another place in the record meanwhile. */
struct step {
    struct pod *pod;
    char *container; /* NULL: the sandbox */
    int64_t begun_us;
};
struct step *step_new(struct pod *pod, const struct container_record *container);
void step_free(struct step *step);
/* It has ended: says whose it was (the container isn't busy any more; NULL for the sandbox), and how many
 * milliseconds it took. Frees it. */
int64_t step_end(void *step, struct pod **pod, struct container_record **container);

/* Writes its record; false when that can't be done. Then nothing is begun that an agent which only knows the
 * older record would begin once more (pod_sync()), and it is tried again. */
bool pod_save(struct pod *pod);
/* Looks what has become of what its record says. */
void pod_adopt(struct pod *pod);
/* Nothing of it is left, neither here nor in the tree. */
void pod_forget(struct pod *pod);

/* ---- pod_sandbox.c ---- */

/* Verbs: what comes of them is told by pod_sync(). */
void pod_run_sandbox(struct pod *pod);
void pod_stop_sandbox(struct pod *pod);
void pod_remove_sandbox(struct pod *pod);
/* What the runtime has told. */
void pod_sandbox_ended(struct pod *pod);
/* The host name of its containers; "" when it can't have one: then there is no sandbox either. */
const char *pod_hostname(const struct pod *pod, char hostname[NAMES_HOSTNAME]);

/* ---- pod_objects.c: the ConfigMaps and Secrets that it names ---- */

/* What was read of them; zero-initialised is none. */
struct pod_objects {
    const struct pod *pod;
    struct doc **docs;
    size_t count, capacity;
    struct error *error; /* pod_objects_read()'s own */
};
/* Reads all that there are. An error says that it can't be told which there are. To be freed in any case. */
int pod_objects_read(struct pod_objects *objects, const struct pod *pod, struct error **err);
/* The same of its imagePullSecrets alone, or its account and those of that (pull_secret.h). */
int pod_objects_read_passwords(struct pod_objects *objects, const struct pod *pod, struct error **err);
/* The object, or absent; references_find_fn with the pod_objects as context. */
struct value pod_objects_find(void *context, const char *kind, struct str name);
void pod_objects_free(struct pod_objects *objects);
#define autoobjects cleanup(pod_objects_free)
/* Is the object one that the pod names? */
bool pod_names_object(const struct pod *pod, const struct meta *object);

/* ---- pod_volumes.c ---- */

/* Before the sandbox. The sentence is that of a FailedMount event. */
int pod_set_up_volumes(struct pod *pod, struct error **err);
/* When an object or the pod's metadata has changed; says itself what fails. */
void pod_update_volumes(struct pod *pod);
/* Before each start of a container: what its subPaths lead to. */
int pod_bind_volumes(struct pod *pod, struct value container, struct value variables, struct error **err);
/* When no container and no sandbox is left. Only then may the pod's directories be removed: parts of the
 * machine's own directories may be bound there. */
int pod_tear_down_volumes(const struct pod *pod, struct error **err);

/* ---- pod_image.c ---- */

/* What the container is to be made of (to be freed), as its policy wants it. NULL when it can't be had at
 * present: it is being pulled, or there is a reason; then the container waits, and is looked at again. */
struct doc *pod_image(struct pod *pod, struct container_record *container, struct value spec);
/* An attempt is made of it: the next one asks again. */
void pod_image_used(struct pod *pod, const struct container_record *container, struct value image);
/* Nothing is waited for any more. */
void pod_forget_images(struct pod *pod);

/* ---- pod_start.c ---- */

/* Makes its next attempt, or says what it waits for. */
void pod_create_container(struct pod *pod, struct container_record *container);
/* Starts the attempt that has been made. */
void pod_start_container(struct pod *pod, struct container_record *container);

/* ---- pod_end.c ---- */

/* Its grace begins: it has to be ended, or another image is asked for. */
void pod_stop_container(struct pod *pod, struct container_record *container);
void pod_change_container(struct pod *pod, struct container_record *container);
/* Sends the signal that asks it to stop; the one that it can't refuse. */
void pod_signal_container(struct pod *pod, struct container_record *container);
void pod_kill_container(struct pod *pod, struct container_record *container);
/* Takes away what there is of its newest attempt. */
void pod_remove_container(struct pod *pod, struct container_record *container);
/* It took too much of the node: it has failed, and is ended at once. */
void pod_evict(struct pod *pod, const char *message);
/* It has to make room for a critical one: likewise, with its own grace. */
void pod_preempt(struct pod *pod);
/* How it ended, into the record. */
void pod_note_end(struct pod *pod, struct container_record *container, const struct runtime_end *end);
/* What the runtime has told. */
void pod_container_ended(struct pod *pod, const char *name, int attempt, const struct runtime_end *end);

/* ---- pod_admission.c ---- */

/* Decides once whether the node takes it. One that it refuses is over, and has failed; the tree is told. */
void pod_admit(struct pod *pod);
/* Must others end before it may begin, because they make room for it? Or, where all are ended, before it
 * does? */
bool pod_is_held(const struct pod *pod);

/* ---- pod_probe.c ---- */

/* Tries the probes that are due, and brings what they say into the record: which containers have started, are
 * ready, have to be ended. Brings *wake_ms forward to when to look again. To be called before anything is
 * decided. */
void pod_probe(struct pod *pod, int64_t now_ms, int64_t *wake_ms);
/* Gives up all tries. */
void pod_forget_probes(struct pod *pod);

/* ---- pod_hook.c ---- */

enum pod_hook_kind { HOOK_POST_START, HOOK_PRE_STOP };

bool pod_has_hook(const struct pod *pod, const struct container_record *container, enum pod_hook_kind kind);
/* Runs it; when it has ended the record says so, and the pod is looked at again. */
void pod_run_hook(struct pod *pod, struct container_record *container, enum pod_hook_kind kind);
/* Gives up what runs of that container; NULL: of all. */
void pod_forget_hooks(struct pod *pod, const char *container);

/* ---- pod_environment.c ---- */

/* The variables that it gives the container (to be freed). NULL and an error when they can't be had: the
 * container waits with CreateContainerConfigError. */
struct doc *pod_variables(struct pod *pod, struct value container, struct error **err);

/* ---- pod_say.c: nothing happens where nobody is told ---- */

/* `type` is Normal or Warning. */
__attribute__((format(printf, 4, 5))) void pod_say_event(struct pod *pod, const char *type,
                                                         const char *reason, const char *format, ...);
/* Says which of its fields have no effect, those that it hasn't said yet: each is said once in a pod's life.
 */
void pod_say_what_has_no_effect(struct pod *pod);
/* Says how it is, if that is not what was said last. */
void pod_say_status(struct pod *pod, int64_t now_ms);
/* The tree would not have it, because another has changed the pod meanwhile or for a reason of its own: it is
 * said again. */
void pod_status_refused(struct pod *pod, bool outdated);
/* There is a mirror: tells it the events that have been held for it. */
void pod_say_held(struct pod *pod);
/* Asks the tree to let it go. */
void pod_say_finished(struct pod *pod);

#endif
