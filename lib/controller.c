#include "lib/controller.h"

#include "lib/log.h"
#include "lib/queue.h"

/* A step is: take note of events; read what has changed, which wakes keys; look at the keys that are ready;
 * send their plans in one bulk; hand each its results. What was written is then read at once, without waiting
 * to be told: the step asks to be called again immediately. So a chain of changes within the process
 * (deployment, replica set, pods) goes as fast as the disk.
 *
 * When it is not known whether a bulk was carried out, all kinds are read again before anything else: the
 * cache tells. A kind that can't be read holds up everything, because a pass must see the whole picture. */

enum {
    BACKOFF_LEAST_MS = 5,
    BACKOFF_MOST_MS = 60 * 1000,
    RETRY_MOST_MS = 1000,          /* between attempts to read a tree that isn't there */
    LIST_EVERY_MS = 5 * 60 * 1000, /* each kind is listed anew */
    EVENTS_HELD_MS = 50,           /* for the next bulk to take them along */
    UNREACHED_MS = 50,             /* versions that should have been there */
    REPORTS_MS = 10,               /* from one report of a key to its next */
    BULK_ENOUGH = 8 * 1024 * 1024  /* what is ready beyond that waits for the next turn */
};

struct follow {
    const struct view *view;
    bool changed;
    int64_t list_at; /* monotonic */
};

struct loop_state {
    const struct controller *controller;
    struct queue queue;
};

struct controllers {
    struct tree *tree;
    struct cache *cache;
    struct follow *follows;
    size_t follow_count;
    struct loop_state *loops;
    size_t loop_count;
    struct plan plan;
    struct buf bulk, results;
    struct buf events; /* what has been done and is still to be told */
    size_t event_count;
    int64_t events_due; /* monotonic: when they go out in any case */
    bool started;
    bool outdated; /* somebody wants the controllers to be made anew */
    int attempts;  /* failed in a row to reach the tree */
    int64_t complained;
};

/* ---- waking ---- */

struct keys {
    struct queue *queue;
};

void keys_add(struct keys *keys, struct key key)
{
    queue_add(keys->queue, key);
}

bool controller_key(const void *object, const struct view *kind, struct key *key)
{
    const struct owner *owner = object != NULL ? meta_of(object)->controller : NULL;
    if (owner == NULL || !str_is(owner->kind, kind->kind) || !str_is(owner->api_version, kind->api_version))
        return false;
    *key = (struct key){meta_of(object)->namespace, owner->name};
    return true;
}

void wake_self(struct keys *keys, const struct controller *controller, const struct cache *cache,
               const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    keys_add(keys, key_of(now != NULL ? now : before));
}

void wake_controller(struct keys *keys, const struct controller *controller, const struct cache *cache,
                     const void *before, const void *now)
{
    (void)cache;
    const struct view *kind = controller->watches[0].view;
    struct key key;
    if (controller_key(now, kind, &key))
        keys_add(keys, key);
    if (controller_key(before, kind, &key))
        keys_add(keys, key);
}

static void wake(void *context, const void *before, const void *now)
{
    struct controllers *c = context;
    const struct view *view = meta_of(now != NULL ? now : before)->view;
    for (size_t i = 0; i < c->loop_count; i++) {
        struct keys keys = {&c->loops[i].queue};
        for (const struct watch *watch = c->loops[i].controller->watches; watch->view != NULL; watch++)
            if (watch->view == view)
                watch->wake(&keys, c->loops[i].controller, c->cache, before, now);
    }
}

/* ---- reading ---- */

static int64_t backoff(int attempts, int64_t most)
{
    int64_t wait = attempts < 20 ? (int64_t)BACKOFF_LEAST_MS << (attempts - 1) : most;
    return wait < most ? wait : most;
}

static void complain(struct controllers *c, struct error *err)
{
    c->attempts++;
    if (log_due(&c->complained, 10))
        log_warning("the tree doesn't answer as it should: %s", error_message(err));
}

static int read_follow(struct controllers *c, struct follow *follow, int64_t now)
{
    bool everything = follow->list_at <= now;
    if (!follow->changed && !everything)
        return 0;
    autoerror struct error *err = NULL;
    follow->changed = false; /* what changes while it is read may be missed: so before */
    int result = cache_read(c->cache, follow->view, c->tree, everything, &err);
    if (result < 0) {
        follow->changed = true;
        complain(c, err);
        return result;
    }
    if (everything)
        follow->list_at = now + LIST_EVERY_MS;
    return 0;
}

/* Brings the cache up to date. */
static int refresh(struct controllers *c, int64_t now)
{
    autoerror struct error *err = NULL;
    int result = tree_events(c->tree, &err);
    if (result < 0)
        complain(c, err);
    for (size_t i = 0; i < c->follow_count; i++) {
        int read = read_follow(c, &c->follows[i], now);
        if (read < 0)
            return read;
    }
    if (result == 0)
        c->attempts = 0;
    return 0;
}

static void read_again(struct controllers *c, const struct view *view)
{
    for (size_t i = 0; i < c->follow_count; i++)
        if (c->follows[i].view == view || view == NULL)
            c->follows[i].changed = true;
}

static bool is_followed(const struct controllers *c, const struct view *view)
{
    for (size_t i = 0; i < c->follow_count; i++)
        if (c->follows[i].view == view)
            return true;
    return false;
}

/* ---- passes ---- */

static void work_failed(struct controllers *c, struct loop_state *loop, struct work *work,
                        struct str sentence)
{
    work->failures++;
    work_fail(work, sentence);
    queue_at(&loop->queue, work, tree_clock_ms(c->tree) + backoff(work->failures, BACKOFF_MOST_MS));
}

static void work_done(struct work *work)
{
    work->failures = work->conflicts = 0;
    work_fail(work, STR_NONE);
}

/* What the pass asked for beside its plan. */
static void keep_wishes(struct controllers *c, struct loop_state *loop, struct work *work,
                        const struct pass *pass)
{
    if (pass->again_ms >= 0)
        queue_at(&loop->queue, work, tree_clock_ms(c->tree) + pass->again_ms);
    for (size_t i = 0; i < pass->need_count; i++) {
        work_needs(work, pass->needs[i]);
        read_again(c, pass->needs[i].view);
    }
    if (pass->need_count != 0)
        queue_again(&loop->queue, work);
}

/* What the rows from `first` on are: how many, and how many of them reports. */
static size_t count_reports(const struct plan *plan, size_t first)
{
    size_t reports = 0;
    for (size_t i = first; i < plan->count; i++)
        reports += plan->requests[i].kind == REQUEST_STATUS;
    return reports;
}

/* Nothing but a report that comes too soon after the last one is left out, and looked at again when it is
 * time.
 */
static void space_reports(struct controllers *c, struct loop_state *loop, struct work *work, size_t first)
{
    int64_t now = tree_clock_ms(c->tree);
    size_t rows = c->plan.count - first, reports = count_reports(&c->plan, first);
    bool resting = now < work->rest_ms;
    if (resting && reports == rows)
        plan_truncate(&c->plan, first);
    else if (reports != 0)
        work->rest_ms = now + REPORTS_MS;
    if (resting || reports != 0) /* until then the key is not forgotten */
        queue_at(&loop->queue, work, work->rest_ms);
}

static void run_pass(struct controllers *c, struct loop_state *loop, struct work *work)
{
    struct pass pass = {.cache = c->cache,
                        .now_ms = tree_wall_ms(c->tree),
                        .memory = &work->memory,
                        .failures = work->failures,
                        .failure = work->failure,
                        .plan = &c->plan,
                        .owner = work,
                        .first = c->plan.count,
                        .again_ms = -1};
    autoerror struct error *err = NULL;
    int result = loop->controller->reconcile(&pass, work->key, &err);
    if (result < 0) {
        plan_truncate(&c->plan, pass.first);
        log_warning("%s " STR_FORMAT ": %s", loop->controller->name, STR_ARGS(work->by_key.key),
                    error_message(err));
        work_failed(c, loop, work, str_of(error_message(err)));
        return;
    }
    c->outdated |= pass.anew;
    space_reports(c, loop, work, pass.first);
    if (c->plan.count == pass.first)
        work_done(work);
    else
        work->busy = true;
    keep_wishes(c, loop, work, &pass);
    queue_settle(&loop->queue, work);
}

/* Those that are ready now; what must wait for the cache stays. */
static void run_passes(struct controllers *c, struct loop_state *loop)
{
    for (size_t left = loop->queue.length; left != 0 && c->plan.text.length < BULK_ENOUGH; left--) {
        struct work *work = queue_take(&loop->queue);
        if (work_is_ready(work, c->cache))
            run_pass(c, loop, work);
        else
            queue_again(&loop->queue, work);
    }
}

/* ---- writing ---- */

static enum outcome outcome_of(enum request_kind kind, struct str error)
{
    if (str_is(error, "EAGAIN") || (kind == REQUEST_CREATE && str_is(error, "EEXIST")))
        return OUTCOME_CONFLICT;
    if (kind != REQUEST_CREATE && str_is(error, "ENOENT"))
        return OUTCOME_DONE; /* gone, with all that was to be done to it */
    return OUTCOME_FAILURE;
}

static void note_failure(struct work *work, const struct request *request, struct value result)
{
    enum outcome outcome = outcome_of(request->kind, value_str(value_get(result, STR("error"))));
    if (outcome > work->outcome)
        work->outcome = outcome;
    if (outcome == OUTCOME_FAILURE)
        work_fail(work, value_str(value_get(result, STR("message"))));
}

/* One line of the results. Returns whether the request was carried out. */
static bool take_result(struct controllers *c, const struct request *request, struct str line)
{
    struct work *work = request->owner;
    autoerror struct error *err = NULL;
    autodoc struct doc *doc = doc_parse(line, &err);
    struct value result = doc_root(doc);
    bool done = value_exists(result) && !value_exists(value_get(result, STR("error")));
    int64_t version;
    if (done && str_to_int64(value_str(value_get(result, STR("rv"))), &version)) {
        cache_note_version(c->cache, version);
        if (is_followed(c, request->view))
            work_needs(work, (struct need){request->view, version});
    }
    if (work->outcome == OUTCOME_NONE)
        work->outcome = OUTCOME_DONE;
    if (!done)
        note_failure(work, request, result);
    read_again(c, request->view);
    return done;
}

/* A key's turn is over. */
static void finish_work(struct controllers *c, struct loop_state *loop, struct work *work)
{
    enum outcome outcome = work->outcome;
    work->outcome = OUTCOME_NONE;
    work->busy = false;
    if (outcome == OUTCOME_DONE) {
        work_done(work);
    } else if (outcome == OUTCOME_CONFLICT && work->conflicts++ == 0) {
        queue_again(&loop->queue, work);
    } else if (outcome == OUTCOME_CONFLICT) {
        queue_at(&loop->queue, work, tree_clock_ms(c->tree) + backoff(work->conflicts, BACKOFF_MOST_MS));
    } else {
        struct str sentence = work->failure != NULL ? str_of(work->failure) : STR("no reason was given");
        log_warning("%s " STR_FORMAT ": " STR_FORMAT, loop->controller->name, STR_ARGS(work->by_key.key),
                    STR_ARGS(sentence));
        autofree char *kept = str_dup(sentence);
        work_failed(c, loop, work, str_of(kept));
    }
    queue_settle(&loop->queue, work);
}

/* Which loop a row of the plan belongs to: rows stand in the order of the loops that planned them. */
struct turn {
    size_t ends[16]; /* of each loop's rows */
};

static void finish_turn(struct controllers *c, const struct turn *turn)
{
    size_t row = 0;
    for (size_t i = 0; i < c->loop_count; i++)
        for (; row < turn->ends[i]; row++) {
            struct work *work = c->plan.requests[row].owner;
            bool last = row + 1 == turn->ends[i] || c->plan.requests[row + 1].owner != work;
            if (last)
                finish_work(c, &c->loops[i], work);
        }
    plan_clear(&c->plan);
}

/* What was not carried out, for all anyone knows. */
static void fail_turn(struct controllers *c, const struct turn *turn, const struct error *err)
{
    c->attempts++;
    for (size_t row = 0; row < c->plan.count; row++) {
        struct work *work = c->plan.requests[row].owner;
        work->outcome = OUTCOME_FAILURE;
        work_fail(work, str_of(error_message(err)));
    }
    read_again(c, NULL);
    buf_clear(&c->events);
    c->event_count = 0;
    finish_turn(c, turn);
}

/* Events wait for the change that they tell of, and then a moment for a bulk to go with. Returns how many
 * lines there are to send. */
static size_t write_bulk(struct controllers *c)
{
    size_t count = c->event_count;
    buf_clear(&c->bulk);
    if (c->plan.count == 0 && (count == 0 || c->events_due > tree_clock_ms(c->tree)))
        return 0;
    buf_add_str(&c->bulk, buf_str(&c->events));
    for (size_t i = 0; i < c->plan.count; i++)
        if (c->plan.requests[i].after == REQUEST_NONE) {
            buf_add_str(&c->bulk, request_text(&c->plan, &c->plan.requests[i]));
            count++;
        }
    return count;
}

static struct str next_line(struct str *rest)
{
    struct str line = STR_NONE;
    str_split(rest, '\n', &line);
    return line;
}

static void take_results(struct controllers *c)
{
    struct str rest = buf_str(&c->results);
    c->events_due = tree_clock_ms(c->tree) + EVENTS_HELD_MS;
    for (; c->event_count != 0; c->event_count--)
        next_line(&rest); /* an event that couldn't be told is no loss: its object is gone */
    buf_clear(&c->events);
    for (size_t i = 0; i < c->plan.count; i++) {
        struct request *request = &c->plan.requests[i];
        struct work *work = request->owner;
        bool done = false;
        if (request->kind == REQUEST_EVENT && request->after != REQUEST_NONE) {
            /* A request that was refused has lost its text: see below. */
            if (c->plan.requests[request->after].length != 0) {
                buf_add_str(&c->events, request_text(&c->plan, request));
                c->event_count++;
            }
        } else if (request->kind == REQUEST_EVENT) {
            next_line(&rest);
            if (work->outcome == OUTCOME_NONE)
                work->outcome = OUTCOME_DONE;
        } else {
            done = take_result(c, request, next_line(&rest));
            if (!done)
                request->length = 0;
        }
    }
}

static void send(struct controllers *c, const struct turn *turn)
{
    size_t count = write_bulk(c);
    if (count == 0) {
        finish_turn(c, turn);
        return;
    }
    buf_clear(&c->results);
    autoerror struct error *err = NULL;
    if (tree_bulk(c->tree, buf_str(&c->bulk), count, &c->results, &err) < 0) {
        fail_turn(c, turn, err);
        return;
    }
    take_results(c);
    finish_turn(c, turn);
}

/* ---- steps ---- */

static void start(struct controllers *c)
{
    c->started = true;
    for (size_t i = 0; i < c->loop_count; i++) {
        struct keys keys = {&c->loops[i].queue};
        if (c->loops[i].controller->start != NULL)
            c->loops[i].controller->start(&keys);
    }
}

static void sooner(int64_t *wait, int64_t other)
{
    if (*wait < 0 || other < *wait)
        *wait = other > 0 ? other : 0;
}

static int64_t next_step(struct controllers *c, int64_t now)
{
    int64_t wait = -1;
    if (c->event_count != 0)
        sooner(&wait, c->events_due - now);
    for (size_t i = 0; i < c->follow_count; i++) {
        if (c->follows[i].changed)
            return 0;
        sooner(&wait, c->follows[i].list_at - now);
    }
    for (size_t i = 0; i < c->loop_count; i++) {
        struct queue *queue = &c->loops[i].queue;
        for (struct work *work = queue->first; work != NULL; work = work->next) {
            if (work_is_ready(work, c->cache))
                return 0;
            sooner(&wait, UNREACHED_MS);
        }
        if (queue_next_due(queue) >= 0)
            sooner(&wait, queue_next_due(queue) - now);
    }
    return wait;
}

/* Keys whose versions have not come with a reading that should have had them. */
static void read_for_waiting(struct controllers *c)
{
    for (size_t i = 0; i < c->loop_count; i++)
        for (struct work *work = c->loops[i].queue.first; work != NULL; work = work->next)
            for (size_t n = 0; n < work->need_count; n++)
                if (cache_reached(c->cache, work->needs[n].view) < work->needs[n].version)
                    read_again(c, work->needs[n].view);
}

int64_t controllers_step(struct controllers *c)
{
    int64_t now = tree_clock_ms(c->tree);
    read_for_waiting(c);
    if (refresh(c, now) < 0)
        return backoff(c->attempts, RETRY_MOST_MS);
    if (!c->started)
        start(c);
    struct turn turn = {0};
    for (size_t i = 0; i < c->loop_count; i++) {
        queue_due(&c->loops[i].queue, now);
        run_passes(c, &c->loops[i]);
        turn.ends[i] = c->plan.count;
    }
    send(c, &turn);
    int64_t wait = next_step(c, tree_clock_ms(c->tree));
    return c->attempts == 0 || (wait >= 0 && wait < backoff(c->attempts, RETRY_MOST_MS))
               ? wait
               : backoff(c->attempts, RETRY_MOST_MS);
}

bool controllers_are_outdated(const struct controllers *c)
{
    return c->outdated;
}

/* ---- making ---- */

static void add_follow(struct controllers *c, const struct view *view)
{
    if (is_followed(c, view))
        return;
    cache_add_view(c->cache, view);
    c->follows[c->follow_count++] = (struct follow){.view = view};
}

static void add_controller(struct controllers *c, const struct controller *controller)
{
    for (const struct watch *watch = controller->watches; watch->view != NULL; watch++)
        add_follow(c, watch->view);
    for (size_t i = 0; controller->indexes != NULL && controller->indexes[i] != NULL; i++)
        cache_add_index(c->cache, controller->indexes[i]);
    c->loops[c->loop_count++] = (struct loop_state){.controller = controller};
}

static size_t count_watches(const struct controller *controller)
{
    size_t count = 0;
    while (controller->watches[count].view != NULL)
        count++;
    return count;
}

struct controllers *controllers_new(struct tree *tree, const struct controller *const *list)
{
    struct controllers *c = memory_zeroed(1, sizeof(*c));
    c->tree = tree;
    c->cache = cache_new();
    cache_listen(c->cache, wake, c);
    size_t count = 0, watches = 0;
    for (; list[count] != NULL; count++)
        watches += count_watches(list[count]);
    if (count > sizeof((struct turn){0}.ends) / sizeof(size_t))
        abort(); /* a mistake in the program */
    c->loops = memory_zeroed(count, sizeof(*c->loops));
    c->follows = memory_zeroed(watches, sizeof(*c->follows));
    for (size_t i = 0; i < count; i++)
        add_controller(c, list[i]);
    int64_t now = tree_clock_ms(tree);
    for (size_t i = 0; i < c->follow_count; i++) {
        struct follow *follow = &c->follows[i];
        follow->changed = true;
        follow->list_at = now + LIST_EVERY_MS * (int64_t)(i + 1) / (int64_t)c->follow_count;
        tree_follow(tree, follow->view->resource, &follow->changed);
    }
    return c;
}

void controllers_free(struct controllers *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->loop_count; i++)
        queue_free(&c->loops[i].queue);
    cache_free(c->cache);
    plan_free(&c->plan);
    buf_free(&c->bulk);
    buf_free(&c->results);
    buf_free(&c->events);
    free(c->loops);
    free(c->follows);
    free(c);
}
