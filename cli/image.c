/* podtree image: hands over to the program that knows images. */
#include "cli/command.h"
#include "cli/settings.h"
#include <errno.h>
#include <stdio.h>

/* The directories are this program's own options, and may stand before the image program's words. */
int command_image(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    autosettings struct settings settings = {0};
    const struct option_row options[] = {OPTION_STATE(directories), {0}};
    const struct usage usage = {
        .synopsis = "podtree image import FILE|- NAME[:TAG]\n"
                    "       podtree image list\n"
                    "       podtree image remove NAME[:TAG]",
        .about = "Works on the images of this machine. import takes a tar archive of a root filesystem, or "
                 "of an image\n"
                 "as docker save and skopeo write it; - is the standard input.\n",
        .options = options,
        .least = 1,
        .most = -1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    result = settings_resolve(&directories, true, &settings, err);
    if (result == 0)
        result = settings_find_programs(&settings, err);
    if (result < 0)
        return result;
    autobuf struct buf program = {0};
    buf_addf(&program, "%s/podtree-image", settings.libexec);
    autofree char **command = memory_zeroed((size_t)count + 4, sizeof(*command));
    static char state_option[] = "--state";
    command[0] = program.at;
    command[1] = state_option;
    command[2] = settings.state;
    memcpy(command + 3, words, (size_t)count * sizeof(*words));
    execv(program.at, command);
    return error_errno(err, errno, "cannot run %s", program.at);
}
