#include "nodeagent/fetch.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/image.h"
#include "nodeagent/manifest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_MS    1000
#define STALLED_MS (5 * 60 * 1000) /* as long as containerd waits for a byte */
#define DEPTH      4
#define WORDS      24

/* ---- skopeo ---- */

struct command {
    const char *words[WORDS];
    int count;
    char *certificates, *source;
};

static void command_clear(struct command *command)
{
    free(command->certificates);
    free(command->source);
}

static void add_words(struct command *command, const char *const *words)
{
    for (; *words != NULL; words++)
        command->words[command->count++] = *words;
}
#define ADD_WORDS(command, ...) add_words((command), (const char *const[]){__VA_ARGS__, NULL})

static struct str registry_of(const char *name)
{
    struct str registry = image_registry(str_of(name));
    return registry.length != 0 ? registry : STR("docker.io");
}

/* The beginning of a command about an image; the option that takes certificates is called differently. */
static void command_begin(struct command *command, const struct fetch *fetch, const char *verb,
                          const char *certificates_option, const char *image)
{
    command->certificates =
        path_format("%s/registries/" STR_FORMAT, fetch->state, STR_ARGS(registry_of(image)));
    command->source = path_format("docker://%s", image);
    ADD_WORDS(command, "skopeo", "--insecure-policy", "--tmpdir", fetch->scratch, verb);
    if (fetch->options.authfile != NULL)
        ADD_WORDS(command, "--authfile", fetch->options.authfile);
    if (access(command->certificates, F_OK) == 0)
        ADD_WORDS(command, certificates_option, command->certificates);
}

/* Of time="…" level=fatal msg="what is wrong, \"quoted\"" what is meant for people; the last one counts. */
static char *message_of(struct str complaints)
{
    struct str mark = STR("level=fatal msg=\""), found = STR_NONE;
    for (size_t i = 0; i + mark.length <= complaints.length; i++)
        if (str_starts(str_cut(complaints, i, mark.length), mark))
            found = str_cut(complaints, i + mark.length, complaints.length);
    if (found.length == 0)
        return str_dup(str_trim(complaints));
    autobuf struct buf text = {0};
    for (size_t i = 0; i < found.length && found.at[i] != '"'; i++) {
        if (found.at[i] == '\\' && i + 1 < found.length)
            i++;
        buf_add_char(&text, found.at[i]);
    }
    /* It begins with what is no news: Error parsing image name "docker://…": */
    const char *end = strstr(text.at, "\": ");
    if (str_starts(buf_str(&text), STR("Error parsing image name")) && end != NULL)
        buf_drop(&text, (size_t)(end + 3 - text.at));
    return buf_take(&text);
}

struct running {
    struct loop *loop;
    struct process *process;
    const struct fetch *fetch;
    const char *layout; /* NULL: nothing is measured */
    int64_t all, here;
    int64_t changed_ms;
    char *complaint;
};

static void on_ended(void *context, const struct process_result *result)
{
    struct running *running = context;
    running->process = NULL;
    autofree char *complaint = process_complaint("skopeo", result);
    if (complaint != NULL && running->complaint == NULL)
        running->complaint =
            result->complaints.length != 0 ? message_of(result->complaints) : take_pointer(complaint);
    loop_stop(running->loop);
}

static int run_skopeo(struct running *running, const struct process_plan *plan, struct error **err)
{
    running->process = process_start(running->loop, plan, on_ended, running, err);
    if (running->process == NULL)
        return -EIO;
    int result = loop_run(running->loop, err);
    autofree char *complaint = running->complaint;
    return complaint != NULL ? error_make(err, EIO, "%s", complaint) : result;
}

/* ---- what the name stands for ---- */

/* "busybox:1.36" or "busybox@sha256:…" to "busybox@<digest>" (to be freed). */
static char *with_digest(const char *name, struct str digest)
{
    struct str repository = image_repository(str_of(name));
    return path_format(STR_FORMAT "@" STR_FORMAT, STR_ARGS(repository), STR_ARGS(digest));
}

/* skopeo doesn't take a tag and a digest; the digest says it all. */
static char *name_to_ask_for(const char *name)
{
    const char *at = strchr(name, '@');
    return at != NULL ? with_digest(name, str_of(at + 1)) : str_dup(str_of(name));
}

static int save_manifest(const struct fetch *fetch, const char *name, const char *file, struct error **err)
{
    struct command cleanup(command_clear) command = {0};
    command_begin(&command, fetch, "inspect", "--cert-dir", name);
    ADD_WORDS(&command, "--raw", command.source);
    autoclose int to = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return error_errno(err, errno, "cannot create %s", file);
    struct process_plan plan = {
        .argv = command.words, .fds = {{to, 1}}, .fd_count = 1, .timeout_ms = STALLED_MS};
    struct running running = {.loop = loop_new(err), .fetch = fetch};
    int result = running.loop != NULL ? run_skopeo(&running, &plan, err) : -EIO;
    loop_free(running.loop);
    return result;
}

/* Sets the image's digest and returns its manifest. A name with a digest gets what it asks for. */
static struct doc *read_manifest(const struct fetch *fetch, const char *name, char **digest,
                                 struct error **err)
{
    autofree char *file = path_format("%s/manifest", fetch->scratch);
    if (save_manifest(fetch, name, file, err) < 0)
        return NULL;
    free(*digest);
    *digest = manifest_digest(file, err);
    const char *at = strchr(name, '@');
    if (*digest == NULL || (at != NULL && manifest_check(file, str_of(at + 1), err) < 0))
        return NULL;
    return doc_read(file, err);
}

int fetch_resolve(struct fetch *fetch, struct error **err)
{
    autofree char *digest = NULL;
    fetch->exact = name_to_ask_for(fetch->name);
    for (int depth = 0; depth < DEPTH; depth++) {
        struct doc *manifest = read_manifest(fetch, fetch->exact, &digest, err);
        doc_free(fetch->manifest);
        fetch->manifest = manifest;
        if (manifest == NULL)
            return -EIO;
        if (fetch->digest == NULL)
            fetch->digest = str_dup(str_of(digest));
        free(fetch->exact);
        fetch->exact = with_digest(fetch->name, str_of(digest));
        if (!manifest_is_index(doc_root(manifest)))
            return 0;
        struct value chosen = manifest_choose(doc_root(manifest));
        if (!value_exists(chosen) || manifest_digits(chosen, NULL).length == 0)
            break;
        free(fetch->exact);
        fetch->exact = with_digest(fetch->name, value_str(value_get(chosen, STR("digest"))));
    }
    return error_make(err, ENOENT, "there is no image for this machine among those of %s", fetch->name);
}

/* ---- its blobs ---- */

/* A file for each that is there already. skopeo asks for their names only. */
static int place_held(struct value held, const char *layout, struct error **err)
{
    autofree char *blobs = path_format("%s/blobs/sha256", layout);
    int result = directory_make(blobs, 0700, err);
    value_each (blob, held) {
        struct str digits = str_cut(value_key(blob), strlen("sha256:"), 64);
        autofree char *path = path_format("%s/" STR_FORMAT, blobs, STR_ARGS(digits));
        if (result == 0)
            result = file_write(path, STR(""), 0600, err);
    }
    return result;
}

static int64_t files_size(const char *directory)
{
    autobuf struct buf names = {0};
    int64_t size = 0;
    directory_names(directory, &names, NULL);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s", directory, name);
        struct stat there;
        if (lstat(path, &there) == 0)
            size += S_ISDIR(there.st_mode) ? files_size(path) : there.st_size;
    }
    return size;
}

static void look_how_far(void *context)
{
    struct running *running = context;
    int64_t here = files_size(running->layout);
    loop_timer(running->loop, LOOK_MS, look_how_far, running);
    if (here != running->here) {
        char so_far[IMAGE_SIZE_TEXT], all[IMAGE_SIZE_TEXT];
        image_size_text(here, so_far);
        image_size_text(running->all, all);
        running->here = here;
        running->changed_ms = clock_ms();
        autofree char *sentence = path_format("%s of %s are here", so_far, all);
        if (running->fetch->options.progress != NULL)
            running->fetch->options.progress(running->fetch->options.context, sentence);
    } else if (clock_ms() - running->changed_ms > STALLED_MS && running->process != NULL) {
        free(running->complaint);
        running->complaint = path_format("no byte has come for %d minutes", STALLED_MS / 60000);
        process_signal(running->process, SIGKILL);
    }
}

static int64_t size_without(struct value manifest, struct value held)
{
    int64_t size = manifest_size(manifest);
    value_each (layer, value_get(manifest, STR("layers")))
        if (value_exists(value_get(held, value_str(value_get(layer, STR("digest"))))))
            size -= value_int_or(value_get(layer, STR("size")), 0);
    return size;
}

int fetch_layout(struct fetch *fetch, struct value held, const char *layout, struct error **err)
{
    int result = place_held(held, layout, err);
    if (result < 0)
        return result;
    struct command cleanup(command_clear) command = {0};
    autofree char *to = path_format("oci:%s:image", layout);
    command_begin(&command, fetch, "copy", "--src-cert-dir", fetch->exact);
    ADD_WORDS(&command, "--quiet", "--dest-oci-accept-uncompressed-layers", command.source, to);
    struct process_plan plan = {.argv = command.words};
    struct running running = {.loop = loop_new(err),
                              .fetch = fetch,
                              .layout = layout,
                              .all = size_without(doc_root(fetch->manifest), held),
                              .here = -1,
                              .changed_ms = clock_ms()};
    if (running.loop == NULL)
        return -EIO;
    look_how_far(&running);
    result = run_skopeo(&running, &plan, err);
    loop_free(running.loop);
    return result;
}

void fetch_close(struct fetch *fetch)
{
    free(take_pointer(fetch->digest));
    free(take_pointer(fetch->exact));
    doc_free(take_pointer(fetch->manifest));
}
