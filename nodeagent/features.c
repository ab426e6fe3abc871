#include "nodeagent/features.h"

#include "lib/doc.h"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

bool features_have_mount_option(struct str features, const char *option)
{
    autodoc struct doc *doc = doc_parse(str_trim(features), NULL);
    value_each (known, value_get(doc_root(doc), STR("mountOptions")))
        if (value_is(known, option))
            return true;
    return false;
}

static bool kernel_can(void)
{
    return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) == 0 || errno != ENOSYS;
}

bool features_recursive_read_only(struct str features)
{
    return features_have_mount_option(features, "rro") && kernel_can();
}
