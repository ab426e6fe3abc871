#include "nodeagent/usage.h"

#include <unistd.h>

struct usage {
    struct doc *before, *now; /* processor time by name */
    int64_t before_ms, now_ms;
};

struct usage *usage_new(void)
{
    struct usage *usage = memory_zeroed(1, sizeof(*usage));
    usage->before = doc_new();
    usage->now = doc_new();
    return usage;
}

void usage_free(struct usage *usage)
{
    if (usage == NULL)
        return;
    doc_free(usage->before);
    doc_free(usage->now);
    free(usage);
}

void usage_begin(struct usage *usage, int64_t clock_ms)
{
    usage->now_ms = clock_ms;
}

bool usage_note(struct usage *usage, struct str name, const struct usage_sample *sample, struct value list)
{
    int64_t before, window = usage->now_ms - usage->before_ms;
    value_set_int(doc_root(usage->now), name, sample->cpu_us);
    if (!value_int(value_get(doc_root(usage->before), name), &before) || window <= 0)
        return false;
    /* Microseconds in milliseconds are thousandths; Kubernetes counts in thousand-millionths of a core. */
    int64_t used = sample->cpu_us > before ? sample->cpu_us - before : 0;
    value_setf(list, STR("cpu"), "%lldn", (long long)(used * 1000000 / window));
    value_setf(list, STR("memory"), "%lldKi", (long long)(sample->memory / 1024));
    return true;
}

int64_t usage_end(struct usage *usage)
{
    int64_t window = usage->before_ms != 0 ? usage->now_ms - usage->before_ms : 0;
    doc_free(usage->before);
    usage->before = usage->now;
    usage->before_ms = usage->now_ms;
    usage->now = doc_new();
    return window;
}

/* "cpu  user nice system idle iowait irq softirq steal …", in ticks: all but idle and iowait. */
static bool read_ticks(struct str stat, int64_t *ticks)
{
    struct str line, word;
    int64_t number;
    if (!str_split(&stat, '\n', &line) || !str_split(&line, ' ', &word) || !str_is(word, "cpu"))
        return false;
    *ticks = 0;
    for (int i = 0; i < 8;) {
        if (!str_split(&line, ' ', &word))
            return false;
        if (word.length == 0)
            continue;
        if (!str_to_int64(word, &number))
            return false;
        *ticks += i == 3 || i == 4 ? 0 : number;
        i++;
    }
    return true;
}

/* "MemTotal:       16384 kB" */
static int64_t read_bytes(struct str meminfo, const char *label)
{
    struct str line, name;
    int64_t number;
    while (str_split(&meminfo, '\n', &line))
        if (str_split(&line, ':', &name) && str_is(name, label) && str_ends(line, STR(" kB")) &&
            str_to_int64(str_trim(str_cut(line, 0, line.length - 3)), &number))
            return number * 1024;
    return -1;
}

bool usage_of_machine(struct str stat, struct str meminfo, struct usage_sample *sample)
{
    int64_t ticks, total = read_bytes(meminfo, "MemTotal"), available = read_bytes(meminfo, "MemAvailable");
    if (!read_ticks(stat, &ticks) || total < 0 || available < 0)
        return false;
    *sample =
        (struct usage_sample){.cpu_us = ticks * 1000000 / sysconf(_SC_CLK_TCK), .memory = total - available};
    return true;
}
