/* What the agent's files share: agent.c follows the tree and the machine, pod.c brings one pod along,
 * pod_environment.c knows its containers' variables, and pod_say.c tells the tree of it. */
#ifndef PODTREE_AGENT_PRIVATE_H
#define PODTREE_AGENT_PRIVATE_H

#include "lib/cache.h"
#include "lib/map.h"
#include "nodeagent/agent.h"
#include "nodeagent/outbox.h"
#include "nodeagent/record.h"
#include "nodeagent/runtime.h"

struct pod {
    struct map_node by_uid;
    struct agent *agent;
    struct pod_record *record;
    struct doc *document; /* as it was last seen in the tree; NULL: it isn't there */
    struct doc *status;   /* what was last said of it; NULL: nothing yet */
    struct loop_source *timer;
    bool finishing; /* the tree has been asked to let it go */
};

/* The kinds that it follows: pods and nodes. */
enum { AGENT_FOLLOWS = 2 };

struct agent {
    struct loop *loop;
    struct agent_options options;
    struct runtime *runtime;
    struct outbox *outbox; /* NULL when nobody is told */
    char *address;         /* of this machine */
    struct map pods;       /* by uid */
    bool ready;            /* it is known what should be: the tree has been read once, or all shall end */
    /* agent.c's own */
    struct cache *cache;
    bool changed[AGENT_FOLLOWS], read_all;
    struct loop_source *tree_source, *read_timer, *read_all_timer, *lease_timer, *node_timer, *images_source;
    int images;        /* inotify */
    int64_t report_ms; /* when to say again what the end waits for */
    char *runtime_version;
    struct doc *node_status; /* what was last said of the node */
};

/* The pod as the tree has it; absent when it isn't there. */
static inline struct value pod_document(const struct pod *pod)
{
    return doc_root(pod->document);
}

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
/* Where it waits for an image, tries again now. */
void pod_retry_images(struct pod *pod);
/* What the runtime has told. */
void pod_sandbox_ended(struct pod *pod);
void pod_container_ended(struct pod *pod, const char *name, int attempt, const struct runtime_end *end);
/* Looks what has become of what its record says. */
void pod_adopt(struct pod *pod);
/* Nothing of it is left, neither here nor in the tree. */
void pod_forget(struct pod *pod);

/* ---- pod_environment.c ---- */

/* The variables that it gives the container (to be freed). NULL and an error when they can't be had: the
 * container waits with CreateContainerConfigError. */
struct doc *pod_variables(struct pod *pod, struct value container, struct error **err);

/* ---- pod_say.c: nothing happens where nobody is told ---- */

/* `type` is Normal or Warning. */
__attribute__((format(printf, 4, 5))) void pod_say_event(const struct pod *pod, const char *type,
                                                         const char *reason, const char *format, ...);
/* Says how it is, if that is not what was said last. */
void pod_say_status(struct pod *pod, int64_t now_ms);
/* Asks the tree to let it go. */
void pod_say_finished(struct pod *pod);

#endif
