/* What the classes of pods have of the processors. */
#include "lib/demand.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/quality.h"

static bool counts(const struct pod *pod)
{
    return pod->record->admitted && !pod->record->over && pod->document != NULL &&
           quality_of(pod_document(pod)) == QUALITY_BURSTABLE;
}

void agent_share(struct agent *agent)
{
    static int64_t complained;
    autoerror struct error *error = NULL;
    int64_t milli = 0;
    for (const struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;)
        milli += counts(pod) ? demand_request(pod_document(pod), RESOURCE_CPU) : 0;
    /* Pods run all the same, with other shares. */
    if (runtime_share(agent->runtime, milli, &error) < 0 && log_due(&complained, 60))
        log_warning("cannot share the processors among pods: %s", error_message(error));
}
