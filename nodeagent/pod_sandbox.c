/* The sandbox of a pod: what it is made from, and what is done when it can't be made. */
#include "nodeagent/agent_private.h"

#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/limits.h"
#include "nodeagent/namespaces.h"
#include "nodeagent/quality.h"
#include "nodeagent/sysctl.h"
#include <errno.h>

/* Takes the complaint. It is tried again, later each time; an event says only what is new. */
static void hold_back(struct pod *pod, const char *reason, char *complaint)
{
    struct pod_record *record = pod->record;
    bool news = record->sandbox_complaint == NULL || strcmp(record->sandbox_complaint, complaint) != 0;
    free(record->sandbox_complaint);
    record->sandbox_complaint = complaint;
    record->sandbox = SANDBOX_ENDED;
    record->sandbox_retry_ms =
        clock_wall_ms() +
        MACHINE_RETRY_MS * (record->sandbox_failures < 10 ? ++record->sandbox_failures : 10);
    if (!news)
        return;
    log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), complaint);
    pod_say_event(pod, "Warning", reason, "%s", complaint);
}

static void fail_to_make(struct pod *pod, const struct error *error)
{
    hold_back(pod, "FailedCreatePodSandBox",
              path_format("Failed to create pod sandbox: %s", error_message(error)));
}

static void on_run(void *context, struct error *error)
{
    struct pod *pod;
    int64_t taken_ms = step_end(context, &pod, NULL);
    pod->record->sandbox_busy = false;
    if (error != NULL) {
        fail_to_make(pod, error);
    } else {
        pod->record->sandbox = SANDBOX_READY;
        pod->record->sandbox_failures = 0;
        free(take_pointer(pod->record->sandbox_complaint));
        pod_say_event(
            pod, "Normal", "SandboxCreated",
            "Created the pod's sandbox in %lld ms: directories in %lld ms, control group in %lld ms%s",
            (long long)taken_ms, (long long)pod->sandbox_times.directories_us / 1000,
            (long long)pod->sandbox_times.cgroup_us / 1000,
            names_asks_cluster(pod_document(pod))
                ? "; names are asked of the machine's DNS, the cluster has none"
                : "");
    }
    pod_sync(pod);
}

static int find_hostname(const struct pod *pod, char hostname[NAMES_HOSTNAME], struct error **err)
{
    char machine[NAMES_HOSTNAME] = "";
    if (gethostname(machine, sizeof(machine) - 1) < 0)
        return error_errno(err, errno, "cannot learn this machine's name");
    return names_hostname(pod_document(pod), machine, hostname, err);
}

const char *pod_hostname(const struct pod *pod, char hostname[NAMES_HOSTNAME])
{
    if (find_hostname(pod, hostname, NULL) < 0)
        hostname[0] = '\0';
    return hostname;
}

/* The kubelet warns of it in the events of the node and of each pod (pkg/kubelet/network/dns). But it is
 * every pod's default, so pods are told in passing (on_run). */
static void say_what_dns_there_is(struct pod *pod)
{
    struct agent *agent = pod->agent;
    if (agent->dns_said || agent->outbox == NULL || !names_asks_cluster(pod_document(pod)))
        return;
    agent->dns_said = true;
    agent_say_of_node(agent, "Warning", "MissingClusterDNS",
                      "there is no cluster DNS: dnsPolicy ClusterFirst, which is the default, and "
                      "ClusterFirstWithHostNet are as Default");
}

/* Empty where it can't be read: a machine without resolver has pods without. */
static void read_machines(const char *path, struct buf *text)
{
    if (file_read(path, text, NULL) < 0)
        buf_clear(text);
}

static void begin(struct pod *pod, const char *hostname, const struct sysctls *sysctls)
{
    struct value document = pod_document(pod);
    autobuf struct buf machine_hosts = {0}, machine_resolver = {0}, hosts = {0}, resolver = {0},
                       left_out = {0};
    read_machines("/etc/hosts", &machine_hosts);
    read_machines("/etc/resolv.conf", &machine_resolver);
    names_hosts(&hosts, document, hostname, NULL, buf_str(&machine_hosts));
    names_resolver(&resolver, &left_out, document, buf_str(&machine_resolver));
    if (left_out.length != 0 && pod->record->sandbox_failures == 0)
        pod_say_event(pod, "Warning", "DNSConfigForming", "%s", left_out.at);
    autofree char *title = path_format(POD_FORMAT, POD_ARGS(pod));
    struct sandbox_config config = {
        .uid = pod->record->uid,
        .title = title,
        .namespaces = namespaces_of_sandbox(document),
        .hostname = hostname,
        .hosts = buf_str(&hosts),
        .resolver = buf_str(&resolver),
        .sysctls = *sysctls,
        .quality = quality_of(document),
        .limits = limits_of_pod(document, pod->agent->options.most_processes),
        .times = &pod->sandbox_times,
    };
    fault_point("pod-recorded");
    agent_share(pod->agent);
    pod->record->sandbox_busy = true;
    runtime_run_sandbox(pod->agent->runtime, &config, on_run, step_new(pod, NULL));
}

static int set_up_volumes(struct pod *pod, struct error **err)
{
    int64_t begun_us = clock_us();
    int result = pod_set_up_volumes(pod, err);
    fault_point("volumes-made");
    if (result == 0 && value_count(value_at(pod_document(pod), "spec", "volumes")) != 0)
        pod_say_event(pod, "Normal", "SuccessfulMountVolume", "Set up the pod's volumes in %lld ms",
                      (long long)(clock_us() - begun_us) / 1000);
    return result;
}

void pod_run_sandbox(struct pod *pod)
{
    char hostname[NAMES_HOSTNAME];
    autosysctls struct sysctls sysctls = {0};
    autoerror struct error *error = NULL;
    pod_say_what_has_no_effect(pod);
    say_what_dns_there_is(pod);
    record_renew_sandbox(pod->record); /* before there is one: an agent that finds it must know */
    if (sysctls_of_pod(&sysctls, pod_document(pod), &error) < 0 || find_hostname(pod, hostname, &error) < 0)
        fail_to_make(pod, error);
    else if (!pod_save(pod))
        hold_back(pod, "FailedCreatePodSandBox", str_dup(STR("cannot write the pod's record")));
    else if (set_up_volumes(pod, &error) < 0)
        hold_back(pod, "FailedMount", str_dup(str_of(error_message(error))));
    else
        begin(pod, hostname, &sysctls);
}

void pod_stop_sandbox(struct pod *pod)
{
    if (runtime_stop_sandbox(pod->agent->runtime, pod->record->uid))
        pod->record->sandbox_busy = true; /* until pod_sandbox_ended */
    else
        pod->record->sandbox = SANDBOX_ENDED;
    fault_point("sandbox-stopped");
}

void pod_remove_sandbox(struct pod *pod)
{
    autoerror struct error *error = NULL;
    if (runtime_remove_sandbox(pod->agent->runtime, pod->record->uid, &error) == 0) {
        pod->record->sandbox = SANDBOX_NONE;
        return;
    }
    /* Processes that have just been killed take a moment to leave. */
    pod->record->sandbox_retry_ms = clock_wall_ms() + 20;
    if (error->number != EBUSY)
        hold_back(pod, "FailedKillPod", path_format("error killing pod: %s", error_message(error)));
}

void pod_sandbox_ended(struct pod *pod)
{
    bool expected = pod->record->sandbox_busy;
    pod->record->sandbox_busy = false;
    pod->record->sandbox = SANDBOX_ENDED;
    if (!expected)
        pod_say_event(pod, "Normal", "SandboxChanged",
                      "Pod sandbox changed, it will be killed and re-created.");
    pod_sync(pod);
}
