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

/* A bulk on its way. */
struct sending {
    struct errand errand;
    struct outbox *outbox;
    struct tree *tree;
    struct buf requests, results;
    size_t count;
    struct error *error;
};

struct outbox {
    struct loop *loop;
    struct line *line;
    struct tree *tree;
    outbox_answer_fn *answer;
    void *context;
    struct message *messages;
    size_t count, capacity;
    size_t sent;   /* the first so many are on their way */
    size_t events; /* among the others */
    struct loop_source *timer;
    int64_t retry_ms;
};

struct outbox *outbox_new(struct loop *loop, struct line *line, struct tree *tree, outbox_answer_fn *answer,
                          void *context)
{
    struct outbox *outbox = memory_zeroed(1, sizeof(*outbox));
    *outbox = (struct outbox){.loop = loop, .line = line, .tree = tree, .answer = answer, .context = context};
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

/* ---- what waits ---- */

/* Where only the last word counts. */
static bool supersedes(enum message_kind kind)
{
    return kind == MESSAGE_STATUS || kind == MESSAGE_NODE_STATUS || kind == MESSAGE_LEASE_RENEW ||
           kind == MESSAGE_USAGE;
}

static void drop(struct outbox *outbox, size_t i)
{
    outbox->events -= outbox->messages[i].kind == MESSAGE_EVENT;
    message_free(&outbox->messages[i]);
    outbox->count--;
    memmove(&outbox->messages[i], &outbox->messages[i + 1], (outbox->count - i) * sizeof(*outbox->messages));
}

/* While nobody hears them events come and come; the last ones say what is the matter now. */
static void drop_oldest_events(struct outbox *outbox, size_t most)
{
    for (size_t i = outbox->sent; outbox->events > most;)
        if (outbox->messages[i].kind == MESSAGE_EVENT)
            drop(outbox, i);
        else
            i++;
}

/* The one that the next word on this would take the place of, at `from` or behind; or outbox->count. */
static size_t find_superseded(const struct outbox *outbox, size_t from, enum message_kind kind,
                              const char *subject)
{
    size_t i = from;
    while (i < outbox->count &&
           (outbox->messages[i].kind != kind || strcmp(outbox->messages[i].subject, subject) != 0))
        i++;
    return i;
}

static struct message *place_for(struct outbox *outbox, enum message_kind kind, const char *subject)
{
    size_t i = supersedes(kind) ? find_superseded(outbox, outbox->sent, kind, subject) : outbox->count;
    if (i < outbox->count) {
        buf_clear(&outbox->messages[i].line);
        return &outbox->messages[i];
    }
    if (kind == MESSAGE_EVENT) {
        drop_oldest_events(outbox, MOST_EVENTS - 1);
        outbox->events++;
    }
    array_grow(outbox->messages, outbox->count, outbox->capacity);
    struct message *message = &outbox->messages[outbox->count++];
    *message = (struct message){.kind = kind, .subject = str_dup(str_of(subject))};
    return message;
}

/* What was on its way waits again: perhaps there is a later word on it already. */
static void take_back(struct outbox *outbox)
{
    size_t sent = outbox->sent;
    outbox->sent = outbox->events = 0;
    for (size_t i = 0; i < outbox->count; i++)
        outbox->events += outbox->messages[i].kind == MESSAGE_EVENT;
    for (size_t i = sent; i-- > 0;) {
        const struct message *message = &outbox->messages[i];
        if (supersedes(message->kind) &&
            find_superseded(outbox, i + 1, message->kind, message->subject) < outbox->count)
            drop(outbox, i);
    }
    drop_oldest_events(outbox, MOST_EVENTS);
}

/* ---- sending ---- */

static void send_all(void *context);

static void send_later(struct outbox *outbox, int64_t after_ms)
{
    if (outbox->timer == NULL && outbox->sent == 0 && outbox->count != 0)
        outbox->timer = loop_timer(outbox->loop, after_ms, send_all, outbox);
}

/* The answers are lines in the order of the requests. What answering leads to may put in new messages: so
 * those that have been sent are taken out first. */
static void take_answers(struct outbox *outbox, struct str results)
{
    size_t count = outbox->sent, left = outbox->count - count;
    struct message *sent = outbox->messages;
    outbox->messages = NULL;
    outbox->capacity = outbox->count = outbox->sent = 0;
    for (size_t i = 0; i < left; i++) {
        array_grow(outbox->messages, outbox->count, outbox->capacity);
        outbox->messages[outbox->count++] = sent[count + i];
    }
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

static void on_answered(struct errand *errand)
{
    struct sending *sending = (struct sending *)errand;
    struct outbox *outbox = sending->outbox;
    static int64_t complained;
    if (sending->error == NULL) {
        fault_point("said");
        outbox->retry_ms = 0;
        take_answers(outbox, buf_str(&sending->results));
        send_later(outbox, 0);
        return;
    }
    if (log_due(&complained, 10))
        log_warning("cannot write to the tree: %s", error_message(sending->error));
    take_back(outbox);
    outbox->retry_ms = outbox->retry_ms == 0 ? RETRY_FIRST_MS : outbox->retry_ms * 2;
    if (outbox->retry_ms > RETRY_MOST_MS)
        outbox->retry_ms = RETRY_MOST_MS;
    send_later(outbox, outbox->retry_ms);
}

static void send_bulk(struct errand *errand)
{
    struct sending *sending = (struct sending *)errand;
    tree_bulk(sending->tree, buf_str(&sending->requests), sending->count, &sending->results, &sending->error);
}

static void sending_free(struct errand *errand)
{
    struct sending *sending = (struct sending *)errand;
    buf_free(&sending->requests);
    buf_free(&sending->results);
    error_free(sending->error);
    free(sending);
}

static void send_all(void *context)
{
    struct outbox *outbox = context;
    struct sending *sending = memory_zeroed(1, sizeof(*sending));
    outbox->timer = NULL;
    *sending = (struct sending){.errand = {.work = send_bulk, .done = on_answered, .free = sending_free},
                                .outbox = outbox,
                                .tree = outbox->tree,
                                .count = outbox->count};
    for (size_t i = 0; i < outbox->count; i++)
        buf_add_str(&sending->requests, buf_str(&outbox->messages[i].line));
    outbox->sent = outbox->count;
    outbox->events = 0;
    fault_point("saying");
    line_add(outbox->line, &sending->errand);
}

void outbox_put(struct outbox *outbox, enum message_kind kind, const char *subject, struct value request)
{
    struct message *message = place_for(outbox, kind, subject);
    value_write(&message->line, request);
    buf_add_char(&message->line, '\n');
    send_later(outbox, 0);
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
