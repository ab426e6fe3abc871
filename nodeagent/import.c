#include "nodeagent/import.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/image.h"
#include "nodeagent/manifest.h"
#include "nodeagent/node.h"
#include "nodeagent/whiteout.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define RUN(output, err, ...) run_program((const char *const[]){__VA_ARGS__, NULL}, (output), (err))

struct import {
    const char *state;
    const char *scratch;       /* our directory in the store */
    struct value image;        /* the document to be put */
    const struct fetch *fetch; /* where it comes from a registry */
    struct value held;         /* and what doesn't: blobs whose layers are here, with their names */
};

static int run_program(const char *const *argv, struct buf *output, struct error **err)
{
    struct process_plan plan = {.argv = argv};
    return process_run(&plan, output, err);
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
    for (size_t i = 0; i < COUNT(compressions); i++)
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

static void note_layer(struct import *import, struct str layer)
{
    value_append_str(value_ensure_array(import->image, STR("layers")), layer);
}

/* Unpacks one layer into scratch, unless the store has it, and notes it in the image. */
static int import_layer(struct import *import, const char *tar, struct str digest, struct error **err)
{
    struct str layer = image_layer_name(digest);
    note_layer(import, layer);
    autofree char *directory = path_format("%s/layers/" STR_FORMAT, import->scratch, STR_ARGS(layer));
    /* The same may be in one image twice. */
    if (access(directory, F_OK) == 0 || image_hold_layer(import->state, import->scratch, layer))
        return 0;
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
    int result = manifest_check(tar, digest, err);
    return result < 0 ? result : import_layer(import, tar, digest, err);
}

/* That the blob unpacks to this layer was checked when it was here. */
static int take_held_layer(struct import *import, struct str held, struct str digest, struct error **err)
{
    if (!str_equal(held, image_layer_name(digest)))
        return error_make(err, EINVAL,
                          "a blob should unpack to " STR_FORMAT " but is known to be " STR_FORMAT,
                          STR_ARGS(digest), STR_ARGS(held));
    note_layer(import, held);
    return 0;
}

/* ---- OCI image layouts ---- */

/* blobs/sha256/<hex>, from its descriptor. */
static char *blob_path(const char *layout, struct value descriptor, struct error **err)
{
    struct str digits = manifest_digits(descriptor, err);
    return digits.length != 0 ? path_format("%s/blobs/sha256/" STR_FORMAT, layout, STR_ARGS(digits)) : NULL;
}

static struct doc *read_blob(const char *layout, struct value descriptor, struct error **err)
{
    autofree char *path = blob_path(layout, descriptor, err);
    if (path == NULL || manifest_check(path, value_str(value_get(descriptor, STR("digest"))), err) < 0)
        return NULL;
    return doc_read(path, err);
}

/* From the top index through further ones to the manifest. What the first one names is the image as others
 * know it: its digest goes into the image. */
static struct doc *find_manifest(struct import *import, const char *layout, struct error **err)
{
    autofree char *path = path_format("%s/index.json", layout);
    struct doc *doc = doc_read(path, err);
    for (int depth = 0; doc != NULL && manifest_is_index(doc_root(doc)); depth++) {
        struct value descriptor = manifest_choose(doc_root(doc));
        struct doc *next = NULL;
        if (!value_exists(descriptor) || depth == 4)
            error_make(err, EINVAL, "there is no image for linux on this machine's processor in it");
        else
            next = read_blob(layout, descriptor, err);
        if (depth == 0 && next != NULL)
            value_set_copy(import->image, STR("digest"), value_get(descriptor, STR("digest")));
        doc_free(doc);
        doc = next;
    }
    return doc;
}

static void say_unpacking(const struct import *import, size_t layer, size_t layers)
{
    if (import->fetch == NULL || import->fetch->options.progress == NULL)
        return;
    autofree char *sentence = path_format("unpacking layer %zu of %zu", layer, layers);
    import->fetch->options.progress(import->fetch->options.context, sentence);
}

static int import_layers(struct import *import, const char *layout, struct value descriptors,
                         struct value digests, struct error **err)
{
    size_t count = value_count(descriptors);
    if (count != value_count(digests))
        return error_make(err, EINVAL, "the image has %zu layers but %zu digests of them", count,
                          value_count(digests));
    for (size_t i = 0; i < count; i++) {
        struct value descriptor = value_element(descriptors, i);
        struct str digest = value_str(value_element(digests, i));
        struct value held = value_get(import->held, value_str(value_get(descriptor, STR("digest"))));
        autofree char *blob = blob_path(layout, descriptor, err);
        say_unpacking(import, i + 1, count);
        int result = blob == NULL         ? -EINVAL
                     : value_exists(held) ? take_held_layer(import, value_str(held), digest, err)
                                          : import_compressed_layer(import, blob, digest, err);
        if (result < 0)
            return error_wrap(err, "layer %zu", i + 1);
    }
    return 0;
}

/* From what its layers were unpacked, and how large that is. A registry may have it in another form than
 * skopeo has given it here: what counts is what will be asked for again. */
static void note_blobs(struct import *import, struct value manifest)
{
    struct value original = import->fetch != NULL ? doc_root(import->fetch->manifest) : VALUE_ABSENT;
    if (value_count(value_get(original, STR("layers"))) == value_count(value_get(manifest, STR("layers"))))
        manifest = original;
    struct value blobs = value_set_array(import->image, STR("blobs"));
    value_each (layer, value_get(manifest, STR("layers")))
        value_append_copy(blobs, value_get(layer, STR("digest")));
    value_set_int(import->image, STR("size"), manifest_size(manifest));
}

/* Of what is fetched for pods the processor must be ours, as other nodes have it; who imports a file may know
 * of an emulator. An image that doesn't say is taken. */
static int check_platform(const struct import *import, struct value built, struct error **err)
{
    struct str wanted = value_str(value_get(built, STR("architecture")));
    if (import->fetch == NULL || wanted.length == 0 || str_is(wanted, node_architecture()))
        return 0;
    return error_make(err, ENOENT, "the image is for " STR_FORMAT " processors, and this machine's is %s",
                      STR_ARGS(wanted), node_architecture());
}

static int import_layout(struct import *import, const char *layout, struct error **err)
{
    autodoc struct doc *manifest = find_manifest(import, layout, err);
    if (manifest == NULL)
        return -EINVAL;
    struct value descriptor = value_at(doc_root(manifest), "config");
    autodoc struct doc *built = read_blob(layout, descriptor, err);
    if (built == NULL || check_platform(import, doc_root(built), err) < 0)
        return -EINVAL;
    value_set_copy(import->image, STR("id"), value_get(descriptor, STR("digest")));
    struct value config = value_at(doc_root(built), "config");
    if (value_type(config) == VALUE_OBJECT)
        value_set_copy(import->image, STR("config"), config);
    note_blobs(import, doc_root(manifest));
    return import_layers(import, layout, value_at(doc_root(manifest), "layers"),
                         value_at(doc_root(built), "rootfs", "diff_ids"), err);
}

/* ---- the kinds of files ---- */

static int import_oci_archive(struct import *import, const char *tar, struct error **err)
{
    autofree char *layout = path_format("%s/layout", import->scratch);
    int result = unpack(tar, layout, err);
    return result < 0 ? result : import_layout(import, layout, err);
}

/* What skopeo reads: "oci:DIR:TAG" … */
static int import_converted(struct import *import, const char *source, struct error **err)
{
    autofree char *layout = path_format("%s/layout", import->scratch);
    autofree char *to = path_format("oci:%s:image", layout);
    int result = RUN(NULL, err, "skopeo", "--insecure-policy", "copy", "--quiet", source, to);
    if (result < 0)
        return error_wrap(err, "cannot convert it (is skopeo installed?)");
    return import_layout(import, layout, err);
}

static int import_docker_archive(struct import *import, const char *tar, struct error **err)
{
    autofree char *source = path_format("docker-archive:%s", tar);
    return import_converted(import, source, err);
}

static int import_root_filesystem(struct import *import, const char *tar, struct error **err)
{
    autofree char *digest = manifest_digest(tar, err);
    struct stat file;
    if (digest == NULL || stat(tar, &file) < 0)
        return -EIO;
    value_set_int(import->image, STR("size"), file.st_size);
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

static bool is_for_skopeo(const char *source)
{
    static const char *const transports[] = {"oci:", "oci-archive:", "docker-archive:", "dir:"};
    for (size_t i = 0; i < COUNT(transports); i++)
        if (str_starts(str_of(source), str_of(transports[i])))
            return true;
    return false;
}

static int import_source(struct import *import, const char *source, struct error **err)
{
    if (is_for_skopeo(source))
        return import_converted(import, source, err);
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

/* Under that name it is here from now on. */
static void name_image(struct value image, const char *name)
{
    char now[CLOCK_TEXT];
    clock_format(clock_wall_ms(), now);
    value_set_str(image, STR("name"), str_of(name));
    value_set_str(image, STR("imported"), str_of(now));
}

/* A new document with what is known beforehand. */
static struct doc *begin_image(const char *name)
{
    struct doc *image = doc_new();
    name_image(doc_root(image), name);
    value_set_array(doc_root(image), STR("layers"));
    value_set_object(doc_root(image), STR("config"));
    return image;
}

char *import_image(const char *state, const char *source, const char *name, struct value config,
                   struct error **err)
{
    autofree char *normal = image_normalize(str_of(name), err);
    autoclose int owner = -1;
    autofree char *scratch = normal != NULL ? image_scratch(state, &owner, err) : NULL;
    if (scratch == NULL)
        return NULL;
    autodoc struct doc *image = begin_image(normal);
    struct import import = {.state = state, .scratch = scratch, .image = doc_root(image)};
    if (value_exists(config))
        value_set_copy(import.image, STR("config"), config);
    int result = import_source(&import, source, err);
    if (result == 0)
        result = publish(&import, owner, err);
    if (result < 0)
        error_wrap(err, "cannot import %s", source);
    directory_remove(scratch, NULL);
    return result == 0 ? take_pointer(normal) : NULL;
}

/* ---- from registries ---- */

static struct doc *find_with_digest(const struct fetch *fetch, const char *name)
{
    struct doc *image = image_find(fetch->state, name, NULL);
    if (value_is(value_get(doc_root(image), STR("digest")), fetch->digest))
        return image;
    doc_free(image);
    return NULL;
}

/* The store may have the image, under this name or another one. Then the name is all that is missing: it
 * comes here now, so that nobody takes it for one that has been of no use for long. */
static bool adopt(const struct fetch *fetch, struct error **err)
{
    autofree char *known =
        path_format(STR_FORMAT "@%s", STR_ARGS(image_repository(str_of(fetch->name))), fetch->digest);
    autoclose int lock = image_lock(fetch->state, IMAGE_LOCK_EXCLUSIVE, err);
    autodoc struct doc *image = lock >= 0 ? find_with_digest(fetch, fetch->name) : NULL;
    if (lock >= 0 && image == NULL)
        image = find_with_digest(fetch, known);
    if (image == NULL)
        return false;
    if (!value_is(value_get(doc_root(image), STR("name")), fetch->name))
        name_image(doc_root(image), fetch->name);
    value_set_bool(doc_root(image), STR("pulled"), true);
    return image_put(fetch->state, doc_root(image), err) == 0;
}

/* The blobs of the image whose layers are here, and will stay. */
static void hold_blobs(const struct fetch *fetch, struct value held)
{
    autodoc struct doc *known = image_blobs(fetch->state);
    value_each (descriptor, value_at(doc_root(fetch->manifest), "layers")) {
        struct str digest = value_str(value_get(descriptor, STR("digest")));
        struct value layer = value_get(doc_root(known), digest);
        if (value_exists(layer) && manifest_digits(descriptor, NULL).length != 0 &&
            image_hold_layer(fetch->state, fetch->scratch, value_str(layer)))
            value_set_copy(held, digest, layer);
    }
}

static int fetch_and_publish(struct fetch *fetch, int owner, struct error **err)
{
    autodoc struct doc *image = begin_image(fetch->name), *held = doc_new();
    autofree char *layout = path_format("%s/layout", fetch->scratch);
    struct import import = {.state = fetch->state,
                            .scratch = fetch->scratch,
                            .image = doc_root(image),
                            .fetch = fetch,
                            .held = doc_root(held)};
    hold_blobs(fetch, import.held);
    int result = fetch_layout(fetch, import.held, layout, err);
    if (result == 0)
        result = import_layout(&import, layout, err);
    value_set_str(import.image, STR("digest"), str_of(fetch->digest));
    value_set_bool(import.image, STR("pulled"), true);
    if (result == 0)
        result = publish(&import, owner, err);
    directory_remove(fetch->scratch, NULL);
    return result;
}

char *import_pull(const char *state, const char *name, const struct fetch_options *options,
                  struct error **err)
{
    autofree char *normal = image_normalize(str_of(name), err);
    autoclose int owner = -1;
    autofree char *scratch = normal != NULL ? image_scratch(state, &owner, err) : NULL;
    if (scratch == NULL)
        return NULL;
    struct fetch fetch = {.state = state, .scratch = scratch, .name = normal, .options = *options};
    autodoc struct doc *before = image_find(state, normal, NULL);
    autoerror struct error *error = NULL;
    int result = fetch_resolve(&fetch, &error);
    if (result == 0 && !adopt(&fetch, &error))
        result = error == NULL ? fetch_and_publish(&fetch, owner, &error) : -EIO;
    fetch_close(&fetch);
    directory_remove(scratch, NULL);
    /* What the name stood for until now may have been all that needed its layers. */
    if (result == 0 && before != NULL)
        result = image_sweep(state, &error);
    error_move(err, take_pointer(error));
    return result == 0 ? take_pointer(normal) : NULL;
}
