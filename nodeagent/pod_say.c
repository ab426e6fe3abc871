/* What one pod tells the tree: its events, its status where that has changed, and that nothing is left of it.
 * All goes into the agent's outbox, where a newer status takes the place of one that waits. */
#include "lib/file.h"
#include "lib/mirror.h"
#include "lib/utf8.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/document.h"
#include "nodeagent/effect.h"
#include "nodeagent/status.h"

/* After another has changed the pod: by then that has been seen. After what the tree can't do at present. */
#define STATUS_OUTDATED_MS 100
#define STATUS_REFUSED_MS  5000
#define HELD_AT_MOST       16384
/* What the tree takes: what a probe's command has said may be longer. */
#define SENTENCE_AT_MOST 1024

/* What the tree has of it; absent: nothing. */
static struct value in_tree(const struct pod *pod)
{
    if (!pod->record->is_static)
        return pod_document(pod);
    struct value mirror = pod_mirror(pod);
    return str_is(mirror_of(mirror), pod->record->uid) ? mirror : VALUE_ABSENT;
}

static struct value begin_request(struct doc *doc, const struct pod *pod, const char *operation)
{
    const struct pod_record *record = pod->record;
    struct value request = outbox_request(doc, operation, "pods", record->namespace, record->name);
    value_set_str(request, STR("uid"), value_str(value_at(in_tree(pod), "metadata", "uid")));
    return request;
}

/* An event of a static pod waits for the mirror that it is to be told to; what is too much is left out. */
static void hold_event(struct pod *pod, struct value request)
{
    if (pod->held.length > HELD_AT_MOST)
        return;
    value_write(&pod->held, request);
    buf_add_char(&pod->held, '\n');
}

void pod_say_held(struct pod *pod)
{
    struct value uid = value_at(in_tree(pod), "metadata", "uid");
    struct str rest = buf_str(&pod->held), line;
    while (rest.length != 0 && str_split(&rest, '\n', &line)) {
        autodoc struct doc *doc = doc_parse(line, NULL);
        if (doc == NULL)
            continue;
        value_set_copy(doc_root(doc), STR("uid"), uid);
        outbox_put(pod->agent->outbox, MESSAGE_EVENT, pod->record->uid, doc_root(doc));
    }
    buf_clear(&pod->held);
    if (pod->told == NULL || !str_is(value_str(uid), pod->told))
        pod_sync_later(pod, 0);
}

void pod_say_event(struct pod *pod, const char *type, const char *reason, const char *format, ...)
{
    if (pod->agent->outbox == NULL || pod->document == NULL)
        return;
    autobuf struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    autodoc struct doc *doc = doc_new();
    struct value request = begin_request(doc, pod, "event");
    value_set_str(request, STR("type"), str_of(type));
    value_set_str(request, STR("reason"), str_of(reason));
    struct str sentence = {message.at, utf8_fitting(message.at, message.length, SENTENCE_AT_MOST)};
    value_set_str(request, STR("message"), sentence);
    if (value_exists(in_tree(pod)))
        outbox_put(pod->agent->outbox, MESSAGE_EVENT, pod->record->uid, request);
    else
        hold_event(pod, request);
}

void pod_say_what_has_no_effect(struct pod *pod)
{
    static const char beginning[] = "without effect on this node: ";
    struct pod_record *record = pod->record;
    if (pod->agent->outbox == NULL || pod->document == NULL)
        return;
    struct str known = str_of(record->said_in_vain);
    autobuf struct buf lines = {0}, some = {0};
    effect_missing(&lines, pod_document(pod));
    struct str rest = buf_str(&lines);
    bool news = false;
    while (effect_next(&rest, known, SENTENCE_AT_MOST - sizeof(beginning), &some)) {
        pod_say_event(pod, "Warning", "WithoutEffect", "%s%s", beginning, some.at);
        news = true;
    }
    if (!news)
        return;
    free(record->said_in_vain);
    record->said_in_vain = buf_take(&lines);
    pod_save(pod);
}

/* A mirror that has been made anew has to be told all. */
static bool is_untold(struct pod *pod)
{
    struct str uid = value_str(value_at(in_tree(pod), "metadata", "uid"));
    if (!pod->record->is_static || (pod->told != NULL && str_is(uid, pod->told)))
        return false;
    free(pod->told);
    pod->told = str_dup(uid);
    return true;
}

static bool mounts_are_recursive(const struct pod *pod)
{
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (container, value_at(pod_document(pod), "spec", document_container_lists[i]))
            if (runtime_recursive_read_only(pod->agent->runtime, container, NULL) > 0)
                return true;
    return false;
}

void pod_say_status(struct pod *pod, int64_t now_ms)
{
    struct agent *agent = pod->agent;
    if (agent->outbox == NULL || pod->document == NULL || !value_exists(in_tree(pod)))
        return;
    bool untold = is_untold(pod);
    struct value known = value_get(in_tree(pod), STR("status"));
    if (pod->status == NULL)
        pod->status = value_type(known) == VALUE_OBJECT ? doc_copy(known) : doc_new();
    autodoc struct doc *now = doc_copy(doc_root(pod->status));
    status_update(doc_root(now), pod_document(pod), pod->record, agent->address, mounts_are_recursive(pod),
                  now_ms);
    autodoc struct doc *doc = doc_new();
    struct value request = begin_request(doc, pod, "status");
    if (!status_difference(value_set_object(request, STR("merge")), doc_root(pod->status), doc_root(now)) &&
        !untold)
        return;
    /* Others write conditions of this pod: what they have said since it was last seen must not be lost. */
    if (value_count(value_at(pod_document(pod), "spec", "readinessGates")) != 0)
        value_set_copy(request, STR("rv"), value_at(in_tree(pod), "metadata", "resourceVersion"));
    /* Whole, not only what differs: a message that takes the place of one that was not sent must say that
     * too. */
    value_merge(value_get(request, STR("merge")), doc_root(now));
    outbox_put(agent->outbox, MESSAGE_STATUS, pod->record->uid, request);
    doc_free(pod->status);
    pod->status = take_pointer(now);
}

void pod_status_refused(struct pod *pod, bool outdated)
{
    doc_free(take_pointer(pod->status));
    pod_sync_later(pod, outdated ? STATUS_OUTDATED_MS : STATUS_REFUSED_MS);
}

void pod_say_finished(struct pod *pod)
{
    autodoc struct doc *doc = doc_new();
    value_set_bool(begin_request(doc, pod, "delete"), STR("finished"), true);
    outbox_put(pod->agent->outbox, MESSAGE_FINISH, pod->record->uid, doc_root(doc));
    pod->finishing = true;
}
