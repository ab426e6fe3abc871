#include "nodeagent/device.h"

#include "lib/file.h"
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEPTH 8 /* of directories below /dev */

static bool is_own(const char *name)
{
    static const char *const own[] = {"pts", "ptmx", "shm", "fd", "mqueue", "console", ".", ".."};
    for (size_t i = 0; i < COUNT(own); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static void add_device(struct value array, const char *path, const struct stat *device)
{
    struct value entry = value_append_object(array);
    value_set_str(entry, STR("path"), str_of(path));
    value_set_str(entry, STR("type"), S_ISBLK(device->st_mode) ? STR("b") : STR("c"));
    value_set_int(entry, STR("major"), major(device->st_rdev));
    value_set_int(entry, STR("minor"), minor(device->st_rdev));
    value_set_int(entry, STR("fileMode"), device->st_mode & 07777);
    value_set_int(entry, STR("uid"), device->st_uid);
    value_set_int(entry, STR("gid"), device->st_gid);
}

static void add_directory(struct value array, const char *directory, int depth)
{
    DIR *stream = depth < DEPTH ? opendir(directory) : NULL;
    if (stream == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        autofree char *path = path_format("%s/%s", directory, entry->d_name);
        struct stat found;
        if (is_own(entry->d_name) || lstat(path, &found) < 0)
            continue;
        if (S_ISDIR(found.st_mode))
            add_directory(array, path, depth + 1);
        else if (S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode))
            add_device(array, path, &found);
    }
    closedir(stream);
}

struct doc *device_list(const char *directory)
{
    autodoc struct doc *holder = doc_new();
    struct value array = value_set_array(doc_root(holder), STR("devices"));
    add_directory(array, directory, 0);
    return doc_copy(array);
}
