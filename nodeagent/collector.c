#include "nodeagent/collector.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/process.h"

#define COLLECT_MS (5 * 60 * 1000)

struct collector {
    struct loop *loop;
    const struct place *place;
    struct image_policy policy;
    collector_say_fn *say;
    void *context;
    struct loop_source *timer;
    struct process *process;
};

static void look(void *context);

static void look_later(struct collector *collector)
{
    collector->timer = loop_timer(collector->loop, COLLECT_MS, look, collector);
}

/* A line for each image that has gone; and on the other output why that was not enough. */
static void on_ended(void *context, const struct process_result *result)
{
    struct collector *collector = context;
    struct str rest = str_trim(result->output), line, prefix = STR("podtree image: ");
    collector->process = NULL;
    look_later(collector);
    while (str_split(&rest, '\n', &line))
        if (line.length != 0) {
            autofree char *message = str_dup(line);
            collector->say(collector->context, "Normal", "ImageGC", message);
        }
    autofree char *complaint = process_complaint("podtree-image", result);
    struct str said = str_trim(result->complaints);
    if (complaint == NULL)
        return;
    autofree char *message = str_starts(said, prefix) ? str_dup(str_cut(said, prefix.length, said.length))
                                                      : take_pointer(complaint);
    bool full = str_starts(str_of(message), STR("Failed to garbage collect"));
    collector->say(collector->context, "Warning", full ? "FreeDiskSpaceFailed" : "ImageGCFailed", message);
}

static void look(void *context)
{
    struct collector *collector = context;
    const struct image_policy *policy = &collector->policy;
    autofree char *high = path_format("--high=%lld", (long long)policy->high_percent);
    autofree char *low = path_format("--low=%lld", (long long)policy->low_percent);
    autofree char *age = path_format("--age=%lld", (long long)policy->least_age_ms / 1000);
    const char *const argv[] = {
        collector->place->image, "--state", collector->place->state, high, low, age, "collect", NULL};
    struct process_plan plan = {.argv = argv};
    autoerror struct error *error = NULL;
    collector->timer = NULL;
    collector->process = process_start(collector->loop, &plan, on_ended, collector, &error);
    if (collector->process != NULL)
        return;
    log_warning("cannot look after the images: %s", error_message(error));
    look_later(collector);
}

struct collector *collector_new(struct loop *loop, const struct place *place,
                                const struct image_policy *policy, collector_say_fn *say, void *context)
{
    struct collector *collector = memory_zeroed(1, sizeof(*collector));
    *collector =
        (struct collector){.loop = loop, .place = place, .policy = *policy, .say = say, .context = context};
    collector->timer = loop_timer(loop, 0, look, collector);
    return collector;
}

/* What it has begun comes to its end by itself. */
void collector_free(struct collector *collector)
{
    if (collector == NULL)
        return;
    if (collector->process != NULL)
        process_abandon(collector->process);
    loop_remove(collector->timer);
    free(collector);
}
