/* The image service: the verbs of runtime.h over the store (image.h). What takes long is done by a
 * podtree-image of its own. */
#include "nodeagent/runtime_private.h"

#include "lib/file.h"
#include "nodeagent/collector.h"
#include "nodeagent/image.h"
#include "nodeagent/puller.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#define PULLS       3
#define PROGRESS_MS 30000

struct runtime_images {
    struct puller *puller;
    struct collector *collector;
    int inotify; /* hears of images that come */
    struct loop_source *source;
};

struct doc *runtime_image_status(struct runtime *runtime, const char *name, struct error **err)
{
    return image_find(runtime->place->state, name, err);
}

int runtime_list_images(struct runtime *runtime, runtime_image_fn *each, void *context, struct error **err)
{
    return image_each(runtime->place->state, each, context, err);
}

void runtime_note_image_use(struct runtime *runtime, const char *name)
{
    image_note_use(runtime->place->state, name);
}

struct pull *runtime_pull_image(struct runtime *runtime, const char *name, struct value secrets,
                                const struct pull_listener *listener)
{
    return puller_pull(runtime->images->puller, name, secrets, listener);
}

/* ---- removing one ---- */

struct removal {
    runtime_done_fn *done;
    void *context;
};

static void on_removed(void *context, const struct process_result *result)
{
    struct removal *removal = context;
    autofree char *complaint = process_complaint("podtree-image", result);
    autoerror struct error *error = NULL;
    if (complaint != NULL)
        error_make(&error, EIO, "%s", complaint);
    removal->done(removal->context, error);
    free(removal);
}

int runtime_remove_image(struct runtime *runtime, const char *name, runtime_done_fn *done, void *context,
                         struct error **err)
{
    const struct place *place = runtime->place;
    const char *const argv[] = {place->image, "--state", place->state, "rm", name, NULL};
    struct process_plan plan = {.argv = argv};
    struct removal *removal = memory_new(sizeof(*removal));
    *removal = (struct removal){done, context};
    if (process_start(runtime->loop, &plan, on_removed, removal, err) != NULL)
        return 0;
    free(removal);
    return -EIO;
}

/* ---- images that come ---- */

static void on_changed(void *context, uint32_t events)
{
    struct runtime *runtime = context;
    char buffer[4096];
    (void)events;
    while (read(runtime->images->inotify, buffer, sizeof(buffer)) > 0)
        ;
    runtime->listener.images_changed(runtime->listener.context);
}

static int watch_images(struct runtime *runtime, struct error **err)
{
    struct runtime_images *images = runtime->images;
    autofree char *names = image_names_path(runtime->place->state);
    int result = directory_make(names, 0700, err);
    if (result < 0)
        return result;
    images->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (images->inotify < 0 || inotify_add_watch(images->inotify, names, IN_MOVED_TO) < 0)
        return error_errno(err, errno, "cannot watch %s", names);
    images->source = loop_fd(runtime->loop, images->inotify, EPOLLIN, on_changed, runtime, err);
    return images->source != NULL ? 0 : -EIO;
}

/* ---- the whole ---- */

int runtime_open_images(struct runtime *runtime, const struct image_policy *policy, runtime_say_fn *say,
                        void *context, struct error **err)
{
    struct puller_options options = {.place = runtime->place, .parallel = PULLS, .progress_ms = PROGRESS_MS};
    struct runtime_images *images = runtime->images = memory_zeroed(1, sizeof(*images));
    images->inotify = -1;
    int result = watch_images(runtime, err);
    if (result < 0)
        return result;
    images->puller = puller_new(runtime->loop, &options, err);
    if (images->puller == NULL)
        return -EIO;
    images->collector = collector_new(runtime->loop, runtime->place, policy, say, context);
    return 0;
}

void images_close(struct runtime_images *images)
{
    if (images == NULL)
        return;
    puller_free(images->puller);
    collector_free(images->collector);
    loop_remove(images->source);
    if (images->inotify >= 0)
        close(images->inotify);
    free(images);
}
