#include "nodeagent/manifest.h"

#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/node.h"
#include <errno.h>

#define DIGITS 64

struct str manifest_digits(struct value descriptor, struct error **err)
{
    struct str digest = value_str(value_get(descriptor, STR("digest"))), prefix = STR("sha256:");
    struct str digits = str_cut(digest, prefix.length, digest.length);
    bool good = str_starts(digest, prefix) && digits.length == DIGITS;
    for (size_t i = 0; good && i < digits.length; i++)
        good = digits.at[i] != '\0' && strchr("0123456789abcdef", digits.at[i]) != NULL;
    if (good)
        return digits;
    error_make(err, EINVAL, "\"" STR_FORMAT "\" is not a sha256 digest", STR_ARGS(digest));
    return STR_NONE;
}

char *manifest_digest(const char *path, struct error **err)
{
    const char *const argv[] = {"sha256sum", "--", path, NULL};
    struct process_plan plan = {.argv = argv};
    autobuf struct buf output = {0};
    if (process_run(&plan, &output, err) < 0)
        return NULL;
    /* A backslash comes first when the path has characters that had to be escaped. */
    size_t at = output.length > 0 && output.at[0] == '\\' ? 1 : 0;
    if (output.length < at + DIGITS) {
        error_make(err, EIO, "sha256sum said no digest of %s", path);
        return NULL;
    }
    return path_format("sha256:%.*s", DIGITS, output.at + at);
}

int manifest_check(const char *path, struct str expected, struct error **err)
{
    autofree char *found = manifest_digest(path, err);
    if (found == NULL)
        return -EIO;
    if (!str_is(expected, found))
        return error_make(err, EINVAL, "%s should have the digest " STR_FORMAT " but has %s", path,
                          STR_ARGS(expected), found);
    return 0;
}

bool manifest_is_index(struct value manifest)
{
    return value_exists(value_get(manifest, STR("manifests")));
}

/* A processor may be of a later variant than another image needs: one that asks for no variant, or for the
 * only one that there has been, runs everywhere. */
static bool runs_everywhere(struct value platform)
{
    struct str variant = value_str(value_get(platform, STR("variant")));
    return variant.length == 0 || str_is(variant, "v1") ||
           (str_is(variant, "v8") && value_is(value_get(platform, STR("architecture")), "arm64"));
}

struct value manifest_choose(struct value index)
{
    struct value any = VALUE_ABSENT, ours = VALUE_ABSENT;
    value_each (descriptor, value_get(index, STR("manifests"))) {
        struct value platform = value_get(descriptor, STR("platform"));
        if (!value_exists(platform)) {
            any = descriptor;
        } else if (value_is(value_get(platform, STR("os")), "linux") &&
                   value_is(value_get(platform, STR("architecture")), node_architecture())) {
            if (runs_everywhere(platform))
                return descriptor;
            ours = value_exists(ours) ? ours : descriptor;
        }
    }
    return value_exists(ours) ? ours : any;
}

int64_t manifest_size(struct value manifest)
{
    int64_t size = value_int_or(value_at(manifest, "config", "size"), 0);
    value_each (layer, value_get(manifest, STR("layers")))
        size += value_int_or(value_get(layer, STR("size")), 0);
    return size;
}
