#include "nodeagent/lookup.h"

#include "lib/str.h"
#include "nodeagent/errand.h"
#include <ctype.h>
#include <errno.h>
#include <netdb.h>

/* A line of its own: no server holds up what others are asked. */
struct lookup {
    struct line *line;
    lookup_done_fn *done;
    void *context;
};

struct question {
    struct errand errand;
    struct lookup *lookup; /* the loop's */
    char *host;
    int failure; /* of getaddrinfo; 0: none */
    union address address;
};

/* Pods and nodes have IPv4: that is what is more likely to be reached. */
static void choose(const struct addrinfo *found, union address *address)
{
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
        if (each->ai_family == AF_INET && chosen->ai_family != AF_INET)
            chosen = each;
    memcpy(address, chosen->ai_addr, chosen->ai_addrlen);
}

static void ask(struct errand *errand)
{
    struct question *question = (struct question *)errand;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    question->failure = getaddrinfo(question->host, NULL, &hints, &found);
    if (question->failure != 0)
        return;
    choose(found, &question->address);
    freeaddrinfo(found);
}

static void on_answer(struct errand *errand)
{
    const struct question *question = (const struct question *)errand;
    struct lookup *lookup = question->lookup;
    autofree char *why = str_dup(str_of(gai_strerror(question->failure)));
    why[0] = (char)tolower((unsigned char)why[0]);
    bool unknown = question->failure == EAI_NONAME || question->failure == EAI_NODATA;
    lookup->done(lookup->context, question->failure == 0 ? &question->address : NULL,
                 unknown ? "no such host" : why);
    lookup_forget(lookup);
}

static void question_free(struct errand *errand)
{
    struct question *question = (struct question *)errand;
    free(question->host);
    free(question);
}

struct lookup *lookup_start(struct loop *loop, const char *host, lookup_done_fn *done, void *context,
                            struct error **err)
{
    struct line *line = line_new(loop, "lookup", err);
    if (line == NULL)
        return NULL;
    struct lookup *lookup = memory_new(sizeof(*lookup));
    *lookup = (struct lookup){line, done, context};
    struct question *question = memory_zeroed(1, sizeof(*question));
    question->errand = (struct errand){.work = ask, .done = on_answer, .free = question_free};
    question->lookup = lookup;
    question->host = str_dup(str_of(host));
    line_add(line, &question->errand);
    return lookup;
}

void lookup_forget(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    line_free(lookup->line, NULL, NULL);
    free(lookup);
}
