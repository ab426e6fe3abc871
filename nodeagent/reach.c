#include "nodeagent/reach.h"

#include "nodeagent/sandbox.h"
#include <errno.h>

int reach_open(struct reach *reach, struct runtime *runtime, const struct place *place, const char *uid,
               const char *name, int attempt, struct error **err)
{
    int namespace = -1;
    if (sandbox_find(place, uid, &namespace) == 0)
        return error_make(err, ESRCH, "the pod has no sandbox");
    *reach = (struct reach){.runtime = runtime,
                            .uid = str_dup(str_of(uid)),
                            .name = str_dup(str_of(name)),
                            .attempt = attempt,
                            .namespace = namespace};
    return 0;
}

void reach_close(struct reach *reach)
{
    if (reach->runtime == NULL)
        return;
    if (reach->exec != NULL)
        runtime_exec_forget(reach->exec);
    close(reach->namespace);
    free(reach->uid);
    free(reach->name);
    *reach = (struct reach){0};
}

static void on_exec_ended(void *context, int exit_code, struct str output, struct error *error)
{
    struct reach *reach = context;
    struct error *theirs = NULL;
    reach->exec = NULL;
    if (error != NULL)
        error_make(&theirs, error->number, "%s", error_message(error));
    probe_run_exec_ended(reach->run, exit_code, output, theirs);
}

static int start_exec(void *context, struct probe_run *run, struct value command, struct error **err)
{
    struct reach *reach = context;
    reach->run = run;
    reach->exec = runtime_exec(reach->runtime, reach->uid, reach->name, reach->attempt, command,
                               PROBE_OUTPUT_BYTES, on_exec_ended, reach, err);
    return reach->exec != NULL ? 0 : -EIO;
}

static void forget_exec(void *context, struct probe_run *run)
{
    struct reach *reach = context;
    (void)run;
    if (reach->exec != NULL)
        runtime_exec_forget(take_pointer(reach->exec));
}

struct probe_exec reach_exec(struct reach *reach)
{
    return (struct probe_exec){.start = start_exec, .forget = forget_exec, .context = reach};
}
