#include "nodeagent/outbox.h"

#include "lib/fault.h"
#include "lib/log.h"

#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS  2000
#define MOST_EVENTS    1000

struct message {
    enum message_kind kind;
    char *subject;
    struct buf line; /* with its newline */
};

struct outbox {
    struct loop *loop;
    struct tree *tree;
    outbox_answer_fn *answer;
    void *context;
    struct message *messages;
    size_t count, capacity, events;
    struct loop_source *timer;
    int64_t retry_ms;
};

struct outbox *outbox_new(struct loop *loop, struct tree *tree, outbox_answer_fn *answer, void *context)
{
    struct outbox *outbox = memory_zeroed(1, sizeof(*outbox));
    *outbox = (struct outbox){.loop = loop, .tree = tree, .answer = answer, .context = context};
    return outbox;
}

static void message_free(struct message *message)
{
    free(message->subject);
    buf_free(&message->line);
}

static void messages_free(struct message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        message_free(&messages[i]);
    free(messages);
}

void outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    loop_remove(outbox->timer);
    messages_free(outbox->messages, outbox->count);
    free(outbox);
}

/* The answers are lines in the order of the requests. What answering leads to may put in new messages: so
 * those that have been sent are taken out first. */
static void take_answers(struct outbox *outbox, struct str results)
{
    struct message *sent = outbox->messages;
    size_t count = outbox->count;
    outbox->messages = NULL;
    outbox->count = outbox->capacity = outbox->events = 0;
    for (size_t i = 0; i < count; i++) {
        struct str line = STR_NONE;
        str_split(&results, '\n', &line);
        autodoc struct doc *doc = doc_parse(line, NULL);
        outbox->answer(outbox->context, sent[i].kind, sent[i].subject,
                       value_str(value_at(doc_root(doc), "error")),
                       value_str(value_at(doc_root(doc), "message")));
    }
    messages_free(sent, count);
}

static void send_all(void *context)
{
    struct outbox *outbox = context;
    static int64_t complained;
    outbox->timer = NULL;
    autobuf struct buf requests = {0}, results = {0};
    for (size_t i = 0; i < outbox->count; i++)
        buf_add_str(&requests, buf_str(&outbox->messages[i].line));
    autoerror struct error *error = NULL;
    fault_point("saying");
    if (tree_bulk(outbox->tree, buf_str(&requests), outbox->count, &results, &error) == 0) {
        fault_point("said");
        outbox->retry_ms = 0;
        take_answers(outbox, buf_str(&results));
        return;
    }
    if (log_due(&complained, 10))
        log_warning("cannot write to the tree: %s", error_message(error));
    outbox->retry_ms = outbox->retry_ms == 0 ? RETRY_FIRST_MS : outbox->retry_ms * 2;
    if (outbox->retry_ms > RETRY_MOST_MS)
        outbox->retry_ms = RETRY_MOST_MS;
    outbox->timer = loop_timer(outbox->loop, outbox->retry_ms, send_all, outbox);
}

/* Where only the last word counts. */
static bool supersedes(enum message_kind kind)
{
    return kind == MESSAGE_STATUS || kind == MESSAGE_NODE_STATUS || kind == MESSAGE_LEASE_RENEW ||
           kind == MESSAGE_USAGE;
}

/* While nobody hears them events come and come; the last ones say what is the matter now. */
static void drop_oldest_event(struct outbox *outbox)
{
    size_t i = 0;
    while (outbox->messages[i].kind != MESSAGE_EVENT)
        i++;
    message_free(&outbox->messages[i]);
    outbox->count--;
    outbox->events--;
    memmove(&outbox->messages[i], &outbox->messages[i + 1], (outbox->count - i) * sizeof(*outbox->messages));
}

static struct message *place_for(struct outbox *outbox, enum message_kind kind, const char *subject)
{
    for (size_t i = 0; supersedes(kind) && i < outbox->count; i++)
        if (outbox->messages[i].kind == kind && strcmp(outbox->messages[i].subject, subject) == 0) {
            buf_clear(&outbox->messages[i].line);
            return &outbox->messages[i];
        }
    if (kind == MESSAGE_EVENT && outbox->events == MOST_EVENTS)
        drop_oldest_event(outbox);
    outbox->events += kind == MESSAGE_EVENT;
    array_grow(outbox->messages, outbox->count, outbox->capacity);
    struct message *message = &outbox->messages[outbox->count++];
    *message = (struct message){.kind = kind, .subject = str_dup(str_of(subject))};
    return message;
}

void outbox_put(struct outbox *outbox, enum message_kind kind, const char *subject, struct value request)
{
    struct message *message = place_for(outbox, kind, subject);
    value_write(&message->line, request);
    buf_add_char(&message->line, '\n');
    if (outbox->timer == NULL)
        outbox->timer = loop_timer(outbox->loop, 0, send_all, outbox);
}

struct value outbox_creation(struct doc *doc)
{
    value_set_str(doc_root(doc), STR("op"), STR("create"));
    return value_set_object(doc_root(doc), STR("object"));
}

struct value outbox_request(struct doc *doc, const char *operation, const char *resource,
                            const char *namespace, const char *name)
{
    struct value request = doc_root(doc);
    value_set_str(request, STR("op"), str_of(operation));
    value_set_str(request, STR("resource"), str_of(resource));
    if (namespace != NULL)
        value_set_str(request, STR("namespace"), str_of(namespace));
    value_set_str(request, STR("name"), str_of(name));
    return request;
}
