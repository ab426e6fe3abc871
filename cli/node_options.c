#include "cli/node_options.h"

#include "lib/file.h"
#include <errno.h>

/* The agent's own defaults, which a threshold that is given alone must fit. */
#define IMAGE_HIGH 85
#define IMAGE_LOW  80

static int check_thresholds(const struct node_options *options, struct error **err)
{
    int64_t high = options->image_high >= 0 ? options->image_high : IMAGE_HIGH;
    int64_t low = options->image_low >= 0 ? options->image_low : IMAGE_LOW;
    if (high > 100)
        return error_make(err, EINVAL, "--image-gc-high-threshold: at most 100 percent, not %lld",
                          (long long)high);
    if (low >= high)
        return error_make(
            err, EINVAL,
            "--image-gc-low-threshold: it must be below the high one, and %lld is not below %lld",
            (long long)low, (long long)high);
    return 0;
}

static char *number_text(int64_t number)
{
    return number >= 0 ? path_format("%lld", (long long)number) : NULL;
}

/* One that is named by a path may be named from here; others are looked for when they are wanted. */
static int find_runtime(const char *name, char **out, struct error **err)
{
    if (name == NULL || strchr(name, '/') == NULL) {
        *out = name != NULL ? str_dup(str_of(name)) : NULL;
        return 0;
    }
    *out = realpath(name, NULL);
    return *out != NULL ? 0 : error_errno(err, errno, "--runtime: cannot find %s", name);
}

int node_options_resolve(const struct node_options *options, struct settings *settings, struct error **err)
{
    int result = check_thresholds(options, err);
    if (result == 0)
        result = find_runtime(options->runtime, &settings->runtime, err);
    if (result == 0 && options->runtime_timeout == 0)
        result = error_make(err, EINVAL, "--runtime-timeout: at least a second");
    if (result == 0 && options->static_pods != NULL)
        result = settings_absolute(options->static_pods, &settings->static_pods, err);
    if (result < 0)
        return result;
    settings->runtime_timeout = number_text(options->runtime_timeout);
    settings->image_high = number_text(options->image_high);
    settings->image_low = number_text(options->image_low);
    settings->image_age = number_text(options->image_age);
    settings->pod_processes = number_text(options->pod_processes);
    return 0;
}
