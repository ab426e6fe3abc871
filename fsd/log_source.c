#include "fsd/log_source.h"

#include "lib/container_log.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>

static char *directory_of(const struct log_source *source)
{
    return path_format("%s/pods/%s/%s", source->state, source->uid, source->container);
}

static char *path_of(const struct log_source *source, const struct log_piece_name *name)
{
    autofree char *directory = directory_of(source);
    if (name->current)
        return path_format("%s/%lld.log", directory, (long long)name->attempt);
    return path_format("%s/%lld.log.%lld", directory, (long long)name->attempt, (long long)name->sequence);
}

static int compare(const void *a, const void *b)
{
    const struct log_piece_name *x = a, *y = b;
    if (x->attempt != y->attempt)
        return x->attempt < y->attempt ? -1 : 1;
    if (x->current != y->current)
        return x->current ? 1 : -1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

int log_source_list(const struct log_source *source, struct log_piece_name **names, size_t *count)
{
    autofree char *directory = directory_of(source);
    autobuf struct buf found = {0};
    size_t capacity = 0;
    *names = NULL;
    *count = 0;
    int status = directory_names(directory, &found, NULL);
    if (status < 0)
        return status == -ENOENT ? 0 : status;
    names_each(text, found)
    {
        struct log_file_name name;
        if (!log_file_name_parse(str_of(text), &name))
            continue;
        array_grow(*names, *count, capacity);
        (*names)[(*count)++] = (struct log_piece_name){
            .attempt = name.attempt, .sequence = name.sequence, .current = name.sequence == 0};
    }
    if (*count == 0)
        return 0;
    qsort(*names, *count, sizeof(**names), compare);
    for (size_t i = 0; i < *count; i++)
        if ((*names)[i].current)
            (*names)[i].sequence =
                i > 0 && (*names)[i - 1].attempt == (*names)[i].attempt ? (*names)[i - 1].sequence + 1 : 1;
    return 0;
}

int log_source_open(const struct log_source *source, const struct log_piece_name *name)
{
    autofree char *path = path_of(source, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

int log_source_stat(const struct log_source *source, int64_t attempt, struct stat *attributes)
{
    const struct log_piece_name name = {.attempt = attempt, .current = true};
    autofree char *path = path_of(source, &name);
    return stat(path, attributes) == 0 ? 0 : -errno;
}
