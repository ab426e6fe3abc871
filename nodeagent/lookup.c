#include "nodeagent/lookup.h"

#include "lib/str.h"
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct lookup {
    struct loop_source *source;
    int socket;
    lookup_done_fn *done;
    void *context;
};

/* The thread's own. */
struct question {
    char *host;
    int socket;
};

/* What it says, in one piece. */
struct answer {
    int failure; /* of getaddrinfo; 0: none */
    int number;  /* errno, where that was EAI_SYSTEM */
    union address address;
};

/* ---- the thread ---- */

/* Pods and nodes have IPv4: that is what is more likely to be reached. */
static void choose(const struct addrinfo *found, union address *address)
{
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
        if (each->ai_family == AF_INET && chosen->ai_family != AF_INET)
            chosen = each;
    memcpy(address, chosen->ai_addr, chosen->ai_addrlen);
}

static void *ask(void *argument)
{
    struct question *question = argument;
    struct answer answer = {0};
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    answer.failure = getaddrinfo(question->host, NULL, &hints, &found);
    answer.number = errno;
    if (answer.failure == 0) {
        choose(found, &answer.address);
        freeaddrinfo(found);
    }
    (void)send(question->socket, &answer, sizeof(answer), MSG_NOSIGNAL); /* perhaps nobody listens any more */
    close(question->socket);
    free(question->host);
    free(question);
    return NULL;
}

/* Takes the socket. */
static int start_thread(const char *host, int socket, struct error **err)
{
    struct question *question = memory_new(sizeof(*question));
    *question = (struct question){str_dup(str_of(host)), socket};
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int number = pthread_create(&thread, &attributes, ask, question);
    pthread_attr_destroy(&attributes);
    if (number == 0)
        return 0;
    close(socket);
    free(question->host);
    free(question);
    return error_errno(err, number, "cannot look up %s", host);
}

/* ---- who waits for it ---- */

static void on_answer(void *context, uint32_t events)
{
    struct lookup *lookup = context;
    struct answer answer;
    (void)events;
    if (recv(lookup->socket, &answer, sizeof(answer), 0) != sizeof(answer))
        answer = (struct answer){.failure = EAI_SYSTEM, .number = EIO};
    autofree char *why = str_dup(
        str_of(answer.failure == EAI_SYSTEM ? strerror(answer.number) : gai_strerror(answer.failure)));
    why[0] = (char)tolower((unsigned char)why[0]);
    bool unknown = answer.failure == EAI_NONAME || answer.failure == EAI_NODATA;
    loop_remove(take_pointer(lookup->source));
    lookup->done(lookup->context, answer.failure == 0 ? &answer.address : NULL,
                 unknown ? "no such host" : why);
    lookup_forget(lookup);
}

struct lookup *lookup_start(struct loop *loop, const char *host, lookup_done_fn *done, void *context,
                            struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        error_errno(err, errno, "cannot look up %s", host);
        return NULL;
    }
    struct lookup *lookup = memory_new(sizeof(*lookup));
    *lookup = (struct lookup){.socket = ends[0], .done = done, .context = context};
    int result = start_thread(host, ends[1], err);
    if (result == 0)
        lookup->source = loop_fd(loop, lookup->socket, EPOLLIN, on_answer, lookup, err);
    if (result < 0 || lookup->source == NULL) {
        lookup_forget(lookup);
        return NULL;
    }
    return lookup;
}

void lookup_forget(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    loop_remove(lookup->source);
    close(lookup->socket);
    free(lookup);
}
