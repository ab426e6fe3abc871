/* podtree run: a Deployment in one line. */
#include "cli/command.h"
#include "cli/deployment.h"
#include "cli/settings.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* The newest line of errors without its time and path; what it says is newer than `before`. */
static char *newest_complaint(const char *mount, const char *before)
{
    autobuf struct buf text = {0};
    autofree char *path = path_format("%s/errors", mount);
    if (file_read(path, &text, NULL) < 0)
        return NULL;
    struct str rest = str_trim(buf_str(&text)), line = STR_NONE, last = STR_NONE;
    while (str_split(&rest, '\n', &line))
        last = line;
    if (last.length == 0 || (before != NULL && str_is(last, before)))
        return NULL;
    return str_dup(last);
}

/* Everything in one write, so that it is taken as one; what is wrong with it comes from write or close. */
static int write_document(const char *path, struct str document)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int number = 0;
    while (number == 0 && document.length > 0) {
        ssize_t n = write(fd, document.at, document.length);
        if (n < 0 && errno != EINTR)
            number = errno;
        else if (n > 0)
            document = (struct str){document.at + n, document.length - (size_t)n};
    }
    if (close(fd) < 0 && number == 0)
        number = errno;
    return -number;
}

static int apply(const char *mount, struct str document, struct error **err)
{
    autofree char *before = newest_complaint(mount, NULL);
    autofree char *path = path_format("%s/apply", mount);
    int result = write_document(path, document);
    if (result == 0)
        return 0;
    autofree char *complaint = newest_complaint(mount, before);
    if (complaint != NULL)
        return error_make(err, -result, "refused: %s", complaint);
    return error_errno(err, -result, "cannot write %s%s", path, result == -ENOENT ? " (is podtree up?)" : "");
}

int command_run(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    struct deployment_wish wish = {.replicas = 1};
    int behind = 0;
    const struct option_row options[] = {
        {.name = "image", .argument = "IMAGE", .help = "what runs", .text = &wish.image},
        {.name = "replicas", .argument = "N", .help = "in how many pods (1)", .number = &wish.replicas},
        {.name = "port", .argument = "PORT", .help = "the port that it listens on", .number = &wish.port},
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree run NAME --image=IMAGE [--replicas=N] [--port=PORT] [-- COMMAND…]",
        .about = "Makes a Deployment of one container, or changes the one of that name, by writing its "
                 "manifest to\n"
                 "apply in the tree. The words behind -- are run instead of what the image says.\n",
        .options = options,
        .least = 1,
        .most = 1,
        .behind = &behind,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    wish.name = words[0];
    wish.command = words + 1;
    wish.command_count = behind;
    result = deployment_check(&wish, err);
    if (result < 0)
        return result;
    autobuf struct buf document = {0};
    deployment_write(&wish, &document);
    result = apply(directories.mount, buf_str(&document), err);
    if (result == 0)
        printf("%s/deployments/%s\n", directories.mount, wish.name);
    return result;
}
