#include "nodeagent/features.h"

#include "lib/doc.h"
#include "lib/log.h"
#include "lib/process.h"
#include <errno.h>
#include <sys/syscall.h>

#define TIMEOUT_MS 10000

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

bool features_recursive_read_only(const struct place *place)
{
    const char *const argv[] = {place->runtime, "features", NULL};
    struct process_plan plan = {.argv = argv, .timeout_ms = TIMEOUT_MS};
    autobuf struct buf said = {0};
    autoerror struct error *error = NULL;
    if (process_run(&plan, &said, &error) < 0) {
        log_info("%s says nothing of its features: %s", place->runtime, error_message(error));
        return false;
    }
    return features_have_mount_option(buf_str(&said), "rro") && kernel_can();
}
