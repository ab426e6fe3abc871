#include "nodeagent/import.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/image.h"
#include "nodeagent/node.h"
#include "nodeagent/whiteout.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define RUN(output, err, ...) run_program((const char *const[]){__VA_ARGS__, NULL}, (output), (err))

struct import {
    const char *state;
    const char *scratch; /* our directory in the store */
    struct value image;  /* the document to be put */
};

static int run_program(const char *const *argv, struct buf *output, struct error **err)
{
    struct process_plan plan = {.argv = argv};
    return process_run(&plan, output, err);
}

/* ---- digests ---- */

static char *file_digest(const char *path, struct error **err)
{
    autobuf struct buf output = {0};
    if (RUN(&output, err, "sha256sum", "--", path) < 0)
        return NULL;
    /* A backslash comes first when the path has characters that had to be escaped. */
    size_t at = output.length > 0 && output.at[0] == '\\' ? 1 : 0;
    if (output.length < at + 64) {
        error_make(err, EIO, "sha256sum said no digest of %s", path);
        return NULL;
    }
    return path_format("sha256:%.64s", output.at + at);
}

static int check_digest(const char *path, struct str expected, struct error **err)
{
    autofree char *found = file_digest(path, err);
    if (found == NULL)
        return -EIO;
    if (!str_is(expected, found))
        return error_make(err, EINVAL, "%s should have the digest " STR_FORMAT " but has %s", path,
                          STR_ARGS(expected), found);
    return 0;
}

/* ---- archives ---- */

/* The programs that undo a compression, by the first bytes of what they made. */
static const struct {
    struct str magic;
    const char *program;
} compressions[] = {
    {{"\x1f\x8b", 2}, "gzip"},
    {{"\x28\xb5\x2f\xfd", 4}, "zstd"},
    {{"\xfd"
      "7zXZ",
      5},
     "xz"},
    {{"BZh", 3}, "bzip2"},
};

static const char *compression_of(const char *path, struct error **err)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    char first[8];
    ssize_t length = fd >= 0 ? pread(fd, first, sizeof(first), 0) : -1;
    if (length < 0) {
        error_errno(err, errno, "cannot read %s", path);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++)
        if (str_starts((struct str){first, (size_t)length}, compressions[i].magic))
            return compressions[i].program;
    return "";
}

/* The path of the uncompressed tar: `path` itself, or `scratch_file`, which is written. */
static char *uncompressed(const char *path, const char *scratch_file, struct error **err)
{
    const char *program = compression_of(path, err);
    if (program == NULL)
        return NULL;
    if (*program == '\0')
        return str_dup(str_of(path));
    autoclose int from = open(path, O_RDONLY | O_CLOEXEC);
    autoclose int to = open(scratch_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) {
        error_errno(err, errno, "cannot open %s", from < 0 ? path : scratch_file);
        return NULL;
    }
    const char *const argv[] = {program, "-dc", NULL};
    struct process_plan plan = {.argv = argv, .fds = {{from, 0}, {to, 1}}, .fd_count = 2};
    if (process_run(&plan, NULL, err) < 0) {
        error_wrap(err, "cannot uncompress %s", path);
        return NULL;
    }
    return str_dup(str_of(scratch_file));
}

static int unpack(const char *tar, const char *directory, struct error **err)
{
    int result = directory_make(directory, 0755, err);
    if (result < 0)
        return result;
    result =
        RUN(NULL, err, "tar", "--extract", "--file", tar, "--directory", directory, "--numeric-owner",
            "--same-owner", "--preserve-permissions", "--xattrs-include=user.*",
            "--xattrs-include=security.capability", "--delay-directory-restore", "--warning=no-timestamp");
    return result < 0 ? error_wrap(err, "cannot unpack %s", tar) : 0;
}

static bool archive_has(const char *tar, const char *member)
{
    autofree char *dotted = path_format("./%s", member);
    return RUN(NULL, NULL, "tar", "--list", "--occurrence=1", "--file", tar, "--", member) == 0 ||
           RUN(NULL, NULL, "tar", "--list", "--occurrence=1", "--file", tar, "--", dotted) == 0;
}

/* ---- layers ---- */

/* Unpacks one layer into scratch, unless the store has it, and notes it in the image. */
static int import_layer(struct import *import, const char *tar, struct str digest, struct error **err)
{
    struct str layer = image_layer_name(digest);
    value_append_str(value_ensure_array(import->image, STR("layers")), layer);
    autofree char *final = image_layer_path(import->state, digest);
    if (access(final, F_OK) == 0)
        return 0;
    autofree char *directory = path_format("%s/layers/" STR_FORMAT, import->scratch, STR_ARGS(layer));
    int result = unpack(tar, directory, err);
    return result < 0 ? result : whiteouts_convert(directory, err);
}

static int import_compressed_layer(struct import *import, const char *blob, struct str digest,
                                   struct error **err)
{
    autofree char *scratch_file = path_format("%s/layer.tar", import->scratch);
    autofree char *tar = uncompressed(blob, scratch_file, err);
    if (tar == NULL)
        return -EIO;
    int result = check_digest(tar, digest, err);
    return result < 0 ? result : import_layer(import, tar, digest, err);
}

/* ---- OCI image layouts ---- */

/* blobs/sha256/<hex>, from its descriptor. The digest comes from a file that somebody gave us: no slashes. */
static char *blob_path(const char *layout, struct value descriptor, struct error **err)
{
    struct str digest = value_str(value_get(descriptor, STR("digest"))), prefix = STR("sha256:");
    if (!str_starts(digest, prefix) || digest.length != prefix.length + 64 ||
        memchr(digest.at, '/', digest.length) != NULL) {
        error_make(err, EINVAL, "\"" STR_FORMAT "\" is not a sha256 digest", STR_ARGS(digest));
        return NULL;
    }
    return path_format("%s/blobs/sha256/%.64s", layout, digest.at + prefix.length);
}

static struct doc *read_blob(const char *layout, struct value descriptor, struct error **err)
{
    autofree char *path = blob_path(layout, descriptor, err);
    if (path == NULL || check_digest(path, value_str(value_get(descriptor, STR("digest"))), err) < 0)
        return NULL;
    return doc_read(path, err);
}

/* The descriptor to follow in an index: the one for this machine, or the only one that names no platform. */
static struct value choose_manifest(struct value index)
{
    struct value any = VALUE_ABSENT;
    value_each (descriptor, value_get(index, STR("manifests"))) {
        struct value platform = value_get(descriptor, STR("platform"));
        if (!value_exists(platform))
            any = descriptor;
        else if (value_is(value_get(platform, STR("os")), "linux") &&
                 value_is(value_get(platform, STR("architecture")), node_architecture()))
            return descriptor;
    }
    return any;
}

/* From the top index through further ones to the manifest; its digest goes into the image. */
static struct doc *find_manifest(struct import *import, const char *layout, struct error **err)
{
    autofree char *path = path_format("%s/index.json", layout);
    struct doc *doc = doc_read(path, err);
    for (int depth = 0; doc != NULL && value_exists(value_at(doc_root(doc), "manifests")); depth++) {
        struct value descriptor = choose_manifest(doc_root(doc));
        struct doc *next = NULL;
        if (!value_exists(descriptor) || depth == 4)
            error_make(err, EINVAL, "there is no image for linux on %s in it", node_architecture());
        else {
            value_set_copy(import->image, STR("digest"), value_get(descriptor, STR("digest")));
            next = read_blob(layout, descriptor, err);
        }
        doc_free(doc);
        doc = next;
    }
    return doc;
}

static int import_layout(struct import *import, const char *layout, struct error **err)
{
    autodoc struct doc *manifest = find_manifest(import, layout, err);
    if (manifest == NULL)
        return -EINVAL;
    struct value descriptor = value_at(doc_root(manifest), "config");
    autodoc struct doc *built = read_blob(layout, descriptor, err);
    if (built == NULL)
        return -EINVAL;
    value_set_copy(import->image, STR("id"), value_get(descriptor, STR("digest")));
    struct value config = value_at(doc_root(built), "config");
    if (value_type(config) == VALUE_OBJECT)
        value_set_copy(import->image, STR("config"), config);
    struct value blobs = value_at(doc_root(manifest), "layers");
    struct value digests = value_at(doc_root(built), "rootfs", "diff_ids");
    if (value_count(blobs) != value_count(digests))
        return error_make(err, EINVAL, "the image has %zu layers but %zu digests of them", value_count(blobs),
                          value_count(digests));
    for (size_t i = 0; i < value_count(blobs); i++) {
        autofree char *blob = blob_path(layout, value_element(blobs, i), err);
        if (blob == NULL ||
            import_compressed_layer(import, blob, value_str(value_element(digests, i)), err) < 0)
            return error_wrap(err, "layer %zu", i + 1);
    }
    return 0;
}

/* ---- the kinds of files ---- */

static int import_oci_archive(struct import *import, const char *tar, struct error **err)
{
    autofree char *layout = path_format("%s/layout", import->scratch);
    int result = unpack(tar, layout, err);
    return result < 0 ? result : import_layout(import, layout, err);
}

static int import_docker_archive(struct import *import, const char *tar, struct error **err)
{
    autofree char *from = path_format("docker-archive:%s", tar);
    autofree char *layout = path_format("%s/layout", import->scratch);
    autofree char *to = path_format("oci:%s:image", layout);
    int result = RUN(NULL, err, "skopeo", "--insecure-policy", "copy", "--quiet", from, to);
    if (result < 0)
        return error_wrap(err, "cannot convert the docker archive (is skopeo installed?)");
    return import_layout(import, layout, err);
}

static int import_root_filesystem(struct import *import, const char *tar, struct error **err)
{
    autofree char *digest = file_digest(tar, err);
    if (digest == NULL)
        return -EIO;
    value_set_str(import->image, STR("id"), str_of(digest));
    return import_layer(import, tar, str_of(digest), err);
}

/* By the member that only that kind has. The last row takes what is left. */
static const struct {
    const char *member;
    int (*import)(struct import *, const char *tar, struct error **);
} formats[] = {
    {"oci-layout", import_oci_archive},
    {"manifest.json", import_docker_archive},
    {NULL, import_root_filesystem},
};

static int import_archive(struct import *import, const char *path, struct error **err)
{
    autofree char *scratch_file = path_format("%s/archive.tar", import->scratch);
    autofree char *tar = uncompressed(path, scratch_file, err);
    if (tar == NULL)
        return -EIO;
    if (RUN(NULL, err, "tar", "--list", "--quoting-style=escape", "--file", tar) < 0)
        return error_wrap(err, "it is not a tar archive");
    int i = 0;
    while (formats[i].member != NULL && !archive_has(tar, formats[i].member))
        i++;
    return formats[i].import(import, tar, err);
}

/* Standard input as a file: it is read more than once. */
static char *spool_input(const char *scratch, struct error **err)
{
    autofree char *path = path_format("%s/input", scratch);
    autoclose int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        error_errno(err, errno, "cannot create %s", path);
        return NULL;
    }
    const char *const argv[] = {"cat", NULL};
    struct process_plan plan = {.argv = argv, .fds = {{STDIN_FILENO, 0}, {to, 1}}, .fd_count = 2};
    return process_run(&plan, NULL, err) < 0 ? NULL : take_pointer(path);
}

static int import_source(struct import *import, const char *source, struct error **err)
{
    if (strcmp(source, "-") == 0) {
        autofree char *path = spool_input(import->scratch, err);
        return path != NULL ? import_archive(import, path, err) : -EIO;
    }
    autofree char *path = realpath(source, NULL);
    struct stat there;
    if (path == NULL || stat(path, &there) < 0)
        return error_errno(err, errno, "cannot find %s", source);
    return S_ISDIR(there.st_mode) ? import_layout(import, path, err) : import_archive(import, path, err);
}

/* ---- putting it in place ---- */

static int publish(const struct import *import, int scratch, struct error **err)
{
    /* After a power failure a name must not stand for empty files. */
    if (syncfs(scratch) < 0)
        return error_errno(err, errno, "cannot sync the image store");
    autoclose int lock = image_lock(import->state, IMAGE_LOCK_EXCLUSIVE, err);
    if (lock < 0)
        return lock;
    autofree char *layers = path_format("%s/images/layers", import->state);
    int result = directory_make(layers, 0711, err);
    value_each (layer, value_get(import->image, STR("layers"))) {
        autofree char *from =
            path_format("%s/layers/" STR_FORMAT, import->scratch, STR_ARGS(value_str(layer)));
        autofree char *to = image_layer_path(import->state, value_str(layer));
        /* Somebody else may have brought the same layer meanwhile. */
        if (result == 0 && access(to, F_OK) < 0 && rename(from, to) < 0)
            result = error_errno(err, errno, "cannot put layer " STR_FORMAT " in place",
                                 STR_ARGS(value_str(layer)));
    }
    return result < 0 ? result : image_put(import->state, import->image, err);
}

char *import_image(const char *state, const char *source, const char *name, struct value config,
                   struct error **err)
{
    autofree char *normal = image_normalize(str_of(name), err);
    autoclose int owner = -1;
    autofree char *scratch = normal != NULL ? image_scratch(state, &owner, err) : NULL;
    if (scratch == NULL)
        return NULL;
    autodoc struct doc *image = doc_new();
    struct import import = {.state = state, .scratch = scratch, .image = doc_root(image)};
    char now[CLOCK_TEXT];
    clock_format(clock_wall_ms(), now);
    value_set_str(import.image, STR("name"), str_of(normal));
    value_set_str(import.image, STR("imported"), str_of(now));
    value_set_array(import.image, STR("layers"));
    if (value_exists(config))
        value_set_copy(import.image, STR("config"), config);
    else
        value_set_object(import.image, STR("config"));
    int result = import_source(&import, source, err);
    if (result == 0)
        result = publish(&import, owner, err);
    if (result < 0)
        error_wrap(err, "cannot import %s", source);
    directory_remove(scratch, NULL);
    return result == 0 ? take_pointer(normal) : NULL;
}
