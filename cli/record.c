#include "cli/record.h"

#include "lib/file.h"
#include "lib/identity.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/fsuid.h>

void record_init(struct record *record)
{
    *record = (struct record){.processes = memory_zeroed(component_count, sizeof(*record->processes))};
}

void record_free(struct record *record)
{
    settings_free(&record->settings);
    free(record->processes);
    record->processes = NULL;
}

static void format_record(const struct settings *settings, const struct child_identity *processes,
                          const char *boot, struct buf *out)
{
    buf_addf(out, "boot %s\n", boot);
    for (const struct settings_field *field = settings_fields; field->name != NULL; field++) {
        const char *value = *(char *const *)(const void *)((const char *)settings + field->offset);
        if (value != NULL)
            buf_addf(out, "%s %s\n", field->name, value);
    }
    for (size_t i = 0; i < component_count; i++)
        if (processes[i].pid != 0)
            buf_addf(out, "process %s %d %" PRIu64 "\n", components[i].name, (int)processes[i].pid,
                     processes[i].started);
}

static void parse_process(struct str rest, struct record *record)
{
    struct str name, pid, started;
    int64_t pid_number, started_number;
    if (!str_split(&rest, ' ', &name) || !str_split(&rest, ' ', &pid) || !str_split(&rest, ' ', &started) ||
        !str_to_int64(pid, &pid_number) || !str_to_int64(started, &started_number))
        return;
    for (size_t i = 0; i < component_count; i++)
        if (str_is(name, components[i].name))
            record->processes[i] = (struct child_identity){(pid_t)pid_number, (uint64_t)started_number};
}

bool record_parse(struct str text, const char *boot, struct record *record)
{
    bool same_boot = false;
    struct str line, key;
    while (str_split(&text, '\n', &line)) {
        struct str rest = line;
        if (!str_split(&rest, ' ', &key) || rest.at == NULL)
            continue;
        char **member = settings_member(&record->settings, key);
        if (str_is(key, "boot"))
            same_boot = str_is(rest, boot);
        else if (str_is(key, "process"))
            parse_process(rest, record);
        else if (member != NULL && *member == NULL)
            *member = str_dup(rest);
    }
    return same_boot && record->settings.mount != NULL;
}

static int read_boot(struct buf *out, struct error **err)
{
    int result = file_read("/proc/sys/kernel/random/boot_id", out, err);
    if (result < 0)
        return result;
    out->length = str_trim(buf_str(out)).length;
    out->at[out->length] = '\0';
    return 0;
}

static char *record_path(const char *run)
{
    return path_format("%s/record", run);
}

int record_write(const struct settings *settings, const struct child_identity *processes, struct error **err)
{
    autobuf struct buf boot = {0}, text = {0};
    int result = read_boot(&boot, err);
    if (result < 0)
        return result;
    format_record(settings, processes, boot.at, &text);
    autofree char *path = record_path(settings->run);
    /* Born with the group: whoever reads it has it whole, and may. Without a group this changes nothing. */
    int own = setfsgid(identity_people());
    result = file_replace(path, buf_str(&text), 0640, FILE_CACHED, err);
    setfsgid((gid_t)own);
    return result;
}

int record_read(const char *run, struct record *record, struct error **err)
{
    autobuf struct buf boot = {0}, text = {0};
    int result = read_boot(&boot, err);
    if (result < 0)
        return result;
    autofree char *path = record_path(run);
    autoerror struct error *failure = NULL;
    result = file_read(path, &text, &failure);
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        error_move(err, take_pointer(failure));
    return result < 0 ? result : record_parse(buf_str(&text), boot.at, record) ? 1 : 0;
}

void record_remove(const char *run)
{
    autofree char *path = record_path(run);
    unlink(path);
}
