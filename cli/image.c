/* podtree image: hands over to the program that knows images, with this cluster's state directory. */
#include "cli/command.h"
#include "cli/settings.h"
#include "lib/file.h"
#include <errno.h>

int command_image(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    autosettings struct settings settings = {0};
    int result = settings_find_programs(&settings, err);
    if (result < 0)
        return result;
    autofree char *program = path_format("%s/podtree-image", settings.libexec);
    autofree char *state = path_format("--state=%s", directories.state);
    autofree char **command = memory_zeroed((size_t)argc + 2, sizeof(*command));
    command[0] = program;
    command[1] = state; /* another --state behind it wins */
    memcpy(command + 2, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
    execv(program, command);
    return error_errno(err, errno, "cannot run %s", program);
}
