#include "nodeagent/log_rotation.h"

#include "lib/container_log.h"
#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* conmon's request to open its log anew, among those that it takes on its control fifo; the two numbers are
 * for another one. */
#define REOPEN_REQUEST "2 0 0\n"

/* The logs of attempts before the newest two that have any are of no use. */
enum { ATTEMPTS_KEPT = 2 };

const struct log_limits log_limits_default = {.bytes = (int64_t)10 << 20, .files = 5};

/* The newest first; of an attempt, what is being written and then what was put aside last. */
static int compare(const void *a, const void *b)
{
    const struct log_file_name *x = a, *y = b;
    if (x->attempt != y->attempt)
        return x->attempt > y->attempt ? -1 : 1;
    if ((x->sequence == 0) != (y->sequence == 0))
        return x->sequence == 0 ? -1 : 1;
    return (x->sequence < y->sequence) - (x->sequence > y->sequence);
}

static int list(const char *directory, struct log_file_name **found, size_t *count, struct error **err)
{
    autobuf struct buf names = {0};
    size_t capacity = 0;
    int result = directory_names(directory, &names, err);
    if (result < 0)
        return result;
    names_each(name, names)
    {
        struct log_file_name one;
        if (!log_file_name_parse(str_of(name), &one))
            continue;
        array_grow(*found, *count, capacity);
        (*found)[(*count)++] = one;
    }
    if (*count > 0)
        qsort(*found, *count, sizeof(**found), compare);
    return 0;
}

static char *path_of(const char *directory, const struct log_file_name *found)
{
    return found->sequence == 0 ? path_format("%s/%lld.log", directory, (long long)found->attempt)
                                : path_format("%s/%lld.log.%lld", directory, (long long)found->attempt,
                                              (long long)found->sequence);
}

static int take_away(const char *directory, const struct log_file_name *found, struct error **err)
{
    autofree char *path = path_of(directory, found);
    return unlink(path) == 0 || errno == ENOENT ? 0 : error_errno(err, errno, "cannot remove %s", path);
}

static int remove_old_attempts(const char *directory, const struct log_file_name *found, size_t count,
                               struct error **err)
{
    int attempts = 0, result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        attempts += i == 0 || found[i].attempt != found[i - 1].attempt;
        if (attempts > ATTEMPTS_KEPT)
            result = take_away(directory, &found[i], err);
    }
    return result;
}

/* Without a monitor there is nothing to be opened: 0. */
static int open_control(const struct place *place, const char *uid, const char *container, int attempt,
                        int *fd, struct error **err)
{
    autofree char *bundle = place_bundle(place, uid, container, attempt);
    autofree char *path = path_format("%s/ctl", bundle);
    *fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return *fd >= 0 || errno == ENXIO || errno == ENOENT ? 0
                                                         : error_errno(err, errno, "cannot open %s", path);
}

static int ask_to_reopen(int control, struct error **err)
{
    return control < 0 || write(control, REOPEN_REQUEST, strlen(REOPEN_REQUEST)) > 0
               ? 0
               : error_errno(err, errno, "cannot ask the monitor for a new log");
}

/* There is no log but what was put aside last: see the header. */
static int ask_again(int control, const char *aside, int64_t *seen, struct error **err)
{
    struct stat attributes;
    int unread = 0;
    if (control < 0 || ioctl(control, FIONREAD, &unread) < 0 || unread > 0 || stat(aside, &attributes) < 0)
        return 0;
    bool grows = *seen != 0 && attributes.st_size > *seen;
    *seen = grows ? 0 : attributes.st_size;
    return grows ? ask_to_reopen(control, err) : 0;
}

/* `found` begins with the newest attempt's. The oldest go last: the numbers are counted on from the latest.
 */
static int put_aside(const char *directory, const struct log_file_name *found, size_t count, int files,
                     struct error **err)
{
    const struct log_file_name next = {.attempt = found[0].attempt,
                                       .sequence = count > 1 ? found[1].sequence + 1 : 1};
    autofree char *from = path_of(directory, &found[0]), *to = path_of(directory, &next);
    int result = rename(from, to) == 0 ? 0 : error_errno(err, errno, "cannot rename %s", from);
    for (size_t i = (size_t)files - 1; i < count && result == 0; i++)
        result = take_away(directory, &found[i], err);
    return result;
}

static int rotate_newest(const struct place *place, const char *uid, const char *container, int attempt,
                         const char *directory, const struct log_file_name *found, size_t count,
                         const struct log_limits *limits, int64_t *seen, struct error **err)
{
    autofree char *path = path_of(directory, &found[0]);
    struct stat attributes;
    bool aside = found[0].sequence != 0;
    if (!aside)
        *seen = 0;
    if (!aside && (stat(path, &attributes) < 0 || attributes.st_size <= limits->bytes))
        return 0;
    autoclose int control = -1;
    int result = open_control(place, uid, container, attempt, &control, err);
    if (result == 0 && aside)
        return ask_again(control, path, seen, err);
    if (result == 0)
        result = put_aside(directory, found, count, limits->files, err);
    return result == 0 ? ask_to_reopen(control, err) : result;
}

int log_rotate(const struct place *place, const char *uid, const char *container, int attempt, bool running,
               const struct log_limits *limits, int64_t *seen, struct error **err)
{
    autofree char *pod = place_pod_state(place, uid);
    autofree char *directory = path_format("%s/%s", pod, container);
    autofree struct log_file_name *found = NULL;
    size_t count = 0, newest = 0;
    if (access(directory, F_OK) < 0)
        return 0;
    int result = list(directory, &found, &count, err);
    if (result == 0)
        result = remove_old_attempts(directory, found, count, err);
    while (newest < count && found[newest].attempt == found[0].attempt)
        newest++;
    if (result == 0 && running && count > 0 && found[0].attempt == attempt)
        result = rotate_newest(place, uid, container, attempt, directory, found, newest, limits, seen, err);
    return result;
}

void log_rotate_pod(const struct place *place, struct pod_record *record)
{
    static int64_t said;
    for (int i = 0; i < record->container_count; i++) {
        struct container_record *container = &record->containers[i];
        autoerror struct error *error = NULL;
        if (log_rotate(place, record->uid, container->name, container->attempt,
                       container->state == CONTAINER_RUNNING, &log_limits_default, &container->log_seen,
                       &error) < 0 &&
            log_due(&said, 60))
            log_warning("pod %s: %s", record->uid, error_message(error));
    }
}
