/* What the OCI runtime that is configured says of itself: which one it is (`runc --version`), and what it can
 * (`runc features`). */
#include "nodeagent/features.h"
#include "nodeagent/runtime_private.h"

#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <sys/wait.h>

#define TIMEOUT_MS 10000

struct runtime_asking {
    struct runtime *runtime;
    struct process *process;
    char *version;
    runtime_status_fn *done;
    void *context;
};

void asking_free(struct runtime_asking *asking)
{
    if (asking == NULL)
        return;
    if (asking->process != NULL)
        process_abandon(asking->process);
    free(asking->version);
    free(asking);
}

static void answer(struct runtime_asking *asking, const char *complaint)
{
    struct runtime_status status = {.ready = complaint == NULL,
                                    .version = asking->version != NULL ? asking->version : "",
                                    .complaint = complaint};
    asking->runtime->asking = NULL;
    asking->done(asking->context, &status);
    asking_free(asking);
}

static int ask(struct runtime_asking *asking, const char *word, process_done_fn *done, struct error **err)
{
    const char *const argv[] = {asking->runtime->place->runtime, word, NULL};
    struct process_plan plan = {.argv = argv, .timeout_ms = TIMEOUT_MS};
    asking->process = process_start(asking->runtime->loop, &plan, done, asking, err);
    return asking->process != NULL ? 0 : -EIO;
}

static void on_features(void *context, const struct process_result *result)
{
    struct runtime_asking *asking = context;
    struct runtime *runtime = asking->runtime;
    autofree char *complaint = process_complaint(runtime->place->runtime, result);
    asking->process = NULL;
    if (complaint != NULL)
        log_info("%s says nothing of its features: %s", runtime->place->runtime, complaint);
    runtime->features_known = WIFEXITED(result->status); /* one that was killed is asked again */
    runtime->recursive_read_only = complaint == NULL && features_recursive_read_only(result->output);
    answer(asking, runtime->features_known ? NULL : complaint);
}

/* "runc://1.1.5": the first line of what it says of itself is "runc version 1.1.5". */
static char *version_of(struct str said)
{
    struct str line = STR_NONE, name = STR_NONE, word = STR_NONE;
    str_split(&said, '\n', &line);
    str_split(&line, ' ', &name);
    while (str_split(&line, ' ', &word))
        ;
    if (str_ends(word, STR("+ds1")))
        word.length -= 4; /* Debian's mark of a repacked source */
    return path_format(STR_FORMAT "://" STR_FORMAT, STR_ARGS(name), STR_ARGS(word));
}

static void on_version(void *context, const struct process_result *result)
{
    struct runtime_asking *asking = context;
    autofree char *complaint = process_complaint(asking->runtime->place->runtime, result);
    autoerror struct error *error = NULL;
    asking->process = NULL;
    if (complaint == NULL)
        asking->version = version_of(result->output);
    if (complaint != NULL)
        answer(asking, complaint);
    else if (ask(asking, "features", on_features, &error) < 0)
        answer(asking, error_message(error));
}

static void begin(void *context)
{
    struct runtime *runtime = context;
    autoerror struct error *error = NULL;
    runtime->asking_begins = NULL;
    if (ask(runtime->asking, "--version", on_version, &error) < 0)
        answer(runtime->asking, error_message(error));
}

void runtime_status(struct runtime *runtime, runtime_status_fn *done, void *context)
{
    runtime->asking = memory_zeroed(1, sizeof(*runtime->asking));
    *runtime->asking = (struct runtime_asking){.runtime = runtime, .done = done, .context = context};
    runtime->asking_begins = loop_timer(runtime->loop, 0, begin, runtime);
}

int runtime_recursive_read_only(struct runtime *runtime, struct value spec, struct error **err)
{
    bool wanted = false;
    value_each (mount, value_get(spec, STR("volumeMounts")))
        wanted |= value_exists(value_get(mount, STR("recursiveReadOnly")));
    if (wanted && !runtime->features_known)
        return error_make(err, EAGAIN, "%s has not said yet what it can do", runtime->place->runtime);
    return wanted && runtime->recursive_read_only;
}
