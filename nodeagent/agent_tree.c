/* Follows the tree. What has changed there is read by an errand (errand.h), one at a time, on the line of
 * everything that is asked of the tree or told to it, and then taken into the cache by the loop. */
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/errand.h"
#include <errno.h>
#include <sys/epoll.h>

#define READ_ALL_MS   (3 * 60 * 1000)
#define READ_RETRY_MS 100

/* The line's: what there is news of. */
struct following {
    struct tree *tree;
    bool changed[AGENT_FOLLOWS];
};

struct reading {
    struct errand errand;
    struct agent *agent; /* the loop's */
    struct following *following;
    bool everything;
    const struct view *const *views;
    int64_t from[AGENT_FOLLOWS];
    struct buf answers[AGENT_FOLLOWS]; /* lines */
    bool unwatched;                    /* not all that is followed can be watched at present */
    struct error *error;
};

/* ---- on the line ---- */

static int add_line(void *context, struct str line, struct error **err)
{
    struct buf *answer = context;
    struct str marker = STR("{\"version\":");
    (void)err;
    buf_add_str(answer, line);
    buf_add_char(answer, '\n');
    return str_starts(line, marker);
}

static void read_tree(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    struct following *following = reading->following;
    reading->unwatched = tree_events(following->tree, NULL) < 0;
    for (size_t i = 0; i < AGENT_FOLLOWS; i++) {
        const struct view *view = reading->views[i];
        if (!following->changed[i] && !reading->everything)
            continue;
        following->changed[i] =
            tree_since(following->tree, view->resource, reading->from[i], view->metadata_only, add_line,
                       &reading->answers[i], &reading->error) < 0;
        if (following->changed[i])
            return;
    }
}

static void reading_free(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    for (size_t i = 0; i < AGENT_FOLLOWS; i++)
        buf_free(&reading->answers[i]);
    error_free(reading->error);
    free(reading);
}

static void following_free(void *context)
{
    struct following *following = context;
    tree_close(following->tree);
    free(following);
}

/* ---- on the loop ---- */

static void begin(void *context);

static void read_later(struct agent *agent, int64_t after_ms)
{
    loop_remove(agent->read_timer);
    agent->read_timer = loop_timer(agent->loop, after_ms, begin, agent);
}

static void on_tree_events(void *context, uint32_t events)
{
    (void)events;
    begin(context);
}

/* While something is being read nobody need be told that there is more: the events wait. */
static int listen_to_tree(struct agent *agent, struct error **err)
{
    int fd = tree_descriptor(agent->options.tree);
    agent->tree_source = loop_fd(agent->loop, fd, EPOLLIN, on_tree_events, agent, err);
    return agent->tree_source != NULL ? 0 : -EIO;
}

static int take_lines(struct agent *agent, const struct view *view, struct str lines, struct error **err)
{
    struct str line;
    int result = 0;
    while (result == 0 && lines.length != 0 && str_split(&lines, '\n', &line))
        if (line.length != 0)
            result = cache_take_line(agent->cache, view, line, err);
    return result < 0 ? result : 0;
}

static int take_answers(struct reading *reading, struct error **err)
{
    for (size_t i = 0; i < AGENT_FOLLOWS; i++) {
        int result = take_lines(reading->agent, reading->views[i], buf_str(&reading->answers[i]), err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* What was read before it went wrong counts. */
static void on_read(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    struct agent *agent = reading->agent;
    static int64_t complained;
    autoerror struct error *error = NULL, *deaf = NULL;
    int result = take_answers(reading, &error);
    agent->reading = false;
    if (result < 0 || reading->error != NULL) {
        agent->read_all |= result < 0 || reading->everything;
        if (log_due(&complained, 10))
            log_warning("cannot read the tree: %s", error_message(result < 0 ? error : reading->error));
        read_later(agent, READ_RETRY_MS);
        return;
    }
    if (reading->unwatched || listen_to_tree(agent, &deaf) < 0)
        read_later(agent, READ_RETRY_MS);
    else if (agent->read_all)
        read_later(agent, 0);
    if (!agent->ready[SOURCE_TREE])
        agent_mirror_later(agent);
    agent_set_ready(agent, SOURCE_TREE);
}

static void begin(void *context)
{
    struct agent *agent = context;
    loop_remove(take_pointer(agent->read_timer));
    if (agent->reading)
        return;
    agent->reading = true;
    loop_remove(take_pointer(agent->tree_source));
    struct reading *reading = memory_zeroed(1, sizeof(*reading));
    *reading = (struct reading){.errand = {.work = read_tree, .done = on_read, .free = reading_free},
                                .agent = agent,
                                .following = agent->following,
                                .everything = agent->read_all,
                                .views = agent->followed};
    for (size_t i = 0; i < AGENT_FOLLOWS; i++)
        reading->from[i] = cache_begin(agent->cache, agent->followed[i], reading->everything);
    agent->read_all = false;
    line_add(agent->line, &reading->errand);
}

static void on_read_all_due(void *context)
{
    struct agent *agent = context;
    agent->read_all = true;
    agent->read_all_timer = loop_timer(agent->loop, READ_ALL_MS, on_read_all_due, agent);
    begin(agent);
}

int agent_follow_tree(struct agent *agent, const struct view *const views[AGENT_FOLLOWS], struct error **err)
{
    struct tree *tree = agent->options.tree;
    agent->line = line_new(agent->loop, "tree", err);
    if (agent->line == NULL)
        return -EIO;
    agent->followed = views;
    agent->following = memory_zeroed(1, sizeof(*agent->following));
    agent->following->tree = tree;
    for (size_t i = 0; i < AGENT_FOLLOWS; i++)
        tree_follow(tree, views[i]->resource, &agent->following->changed[i]);
    agent->read_all_timer = loop_timer(agent->loop, 0, on_read_all_due, agent);
    return 0;
}

void agent_leave_tree(struct agent *agent)
{
    loop_remove(agent->tree_source);
    loop_remove(agent->read_timer);
    loop_remove(agent->read_all_timer);
    if (agent->following != NULL)
        line_free(agent->line, following_free, agent->following);
    else if (agent->options.tree != NULL)
        tree_close(agent->options.tree);
}
