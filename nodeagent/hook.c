#include "nodeagent/hook.h"

#include <errno.h>

/* Nobody waits for longer. */
#define NO_TIMEOUT_MS (7 * 24 * 3600 * INT64_C(1000))

struct hook {
    struct probe_run *run;
    struct loop_source *timer; /* of sleep */
    struct error *error;       /* to be said by the timer */
    hook_done_fn *done;
    void *context;
};

static void end(struct hook *hook, struct str warning)
{
    hook->done(hook->context, hook->error, warning);
    hook->run = NULL;
    hook->timer = NULL;
    hook_forget(hook);
}

static void on_run(void *context, enum probe_outcome outcome, struct str output)
{
    struct hook *hook = context;
    if (outcome == PROBE_FAILED || outcome == PROBE_ERRED)
        error_make(&hook->error, EIO, STR_FORMAT, STR_ARGS(output));
    end(hook, outcome == PROBE_WARNED ? output : STR_NONE);
}

static void on_slept(void *context)
{
    end(context, STR_NONE);
}

struct hook *hook_start(struct loop *loop, const struct hook_target *target, hook_done_fn *done,
                        void *context)
{
    struct hook *hook = memory_zeroed(1, sizeof(*hook));
    *hook = (struct hook){.done = done, .context = context};
    struct value sleep = value_get(target->handler, STR("sleep"));
    bool runs = value_exists(value_get(target->handler, STR("exec"))) ||
                value_exists(value_get(target->handler, STR("httpGet")));
    struct probe_target run = {.probe = target->handler,
                               .container = target->container,
                               .timeout_ms = NO_TIMEOUT_MS,
                               .address = target->address,
                               .namespace = target->namespace,
                               .exec = target->exec,
                               .hook = true};
    if (runs) {
        hook->run = probe_run_start(loop, &run, on_run, hook);
        return hook;
    }
    if (!value_exists(sleep))
        error_make(&hook->error, EINVAL, "a hook is one of exec, httpGet and sleep");
    int64_t seconds = value_int_or(value_get(sleep, STR("seconds")), 0);
    hook->timer = loop_timer(loop, seconds * 1000, on_slept, hook);
    return hook;
}

void hook_forget(struct hook *hook)
{
    if (hook == NULL)
        return;
    probe_run_forget(hook->run);
    loop_remove(hook->timer);
    error_free(hook->error);
    free(hook);
}
