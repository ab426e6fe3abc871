#include "nodeagent/image_collect.h"

#include "lib/clock.h"
#include "nodeagent/image.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/statvfs.h>

/* ---- deciding ---- */

int64_t image_excess(const struct image_policy *policy, const struct image_disk *disk)
{
    if (disk->capacity <= 0)
        return 0;
    /* In floating point: the bytes of a disk times a hundred are more than fit. */
    double capacity = (double)disk->capacity, available = (double)disk->available;
    int64_t used_percent = 100 - (int64_t)(available * 100 / capacity);
    int64_t excess = (int64_t)(capacity * (double)(100 - policy->low_percent) / 100) - disk->available;
    return used_percent >= policy->high_percent && excess > 0 ? excess : 0;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct image_candidate *x = a, *y = b;
    int64_t order = x->used_ms != y->used_ms ? x->used_ms - y->used_ms : x->came_ms - y->came_ms;
    return order < 0 ? -1 : order > 0;
}

size_t image_order(const struct image_policy *policy, int64_t now_ms, struct image_candidate *candidates,
                   size_t count)
{
    size_t may_go = 0;
    for (size_t i = 0; i < count; i++) {
        struct image_candidate candidate = candidates[i];
        if (candidate.used || candidate.pinned || now_ms - candidate.came_ms < policy->least_age_ms)
            continue;
        candidates[i] = candidates[may_go];
        candidates[may_go++] = candidate;
    }
    if (may_go > 1)
        qsort(candidates, may_go, sizeof(*candidates), compare_candidates);
    return may_go;
}

/* ---- doing ---- */

struct collection {
    const char *state;
    struct value users;
    struct image_candidate *at;
    size_t count, capacity;
};

static void collection_free(struct collection *collection)
{
    for (size_t i = 0; i < collection->count; i++)
        free(collection->at[i].name);
    free(collection->at);
}

/* What is of use is noted as such, so that its turn comes late when it no longer is. */
static void add_candidate(void *context, const char *name, struct value image)
{
    struct collection *collection = context;
    struct image_candidate candidate = {
        .name = str_dup(str_of(name)),
        .size = value_int_or(value_get(image, STR("size")), 0),
        .used = image_user(collection->users, image).length != 0,
        .pinned = !value_true(value_get(image, STR("pulled"))),
    };
    clock_parse(value_str(value_get(image, STR("imported"))), &candidate.came_ms);
    if (candidate.used)
        image_note_use(collection->state, name);
    candidate.used_ms = image_used_ms(collection->state, name);
    array_grow(collection->at, collection->count, collection->capacity);
    collection->at[collection->count++] = candidate;
}

static int look_at_disk(const char *state, struct image_disk *disk, struct error **err)
{
    struct statvfs there;
    if (statvfs(state, &there) < 0)
        return error_errno(err, errno, "cannot look how full the disk of %s is", state);
    *disk = (struct image_disk){(int64_t)(there.f_blocks * there.f_frsize),
                                (int64_t)(there.f_bavail * there.f_frsize)};
    return 0;
}

int image_collect(const char *state, const struct image_policy *policy, image_removed_fn *removed,
                  void *context, struct error **err)
{
    autodoc struct doc *users = image_users(state, err);
    struct collection cleanup(collection_free) collection = {.state = state, .users = doc_root(users)};
    struct image_disk disk;
    int result = users != NULL ? image_sweep(state, err) : -EIO;
    if (result < 0 || (result = image_each(state, add_candidate, &collection, err)) < 0 ||
        (result = look_at_disk(state, &disk, err)) < 0)
        return result;
    int64_t excess = image_excess(policy, &disk), before = disk.available;
    size_t may_go = image_order(policy, clock_wall_ms(), collection.at, collection.count);
    for (size_t i = 0; i < may_go && disk.available - before < excess; i++) {
        const struct image_candidate *candidate = &collection.at[i];
        autoerror struct error *error = NULL;
        /* A container may have been made of it just now, or somebody else has removed it. */
        if (image_remove(state, candidate->name, &error) < 0)
            continue;
        removed(context, candidate->name, candidate->size);
        if ((result = look_at_disk(state, &disk, err)) < 0)
            return result;
    }
    int64_t freed = disk.available > before ? disk.available - before : 0;
    if (freed >= excess)
        return 0;
    return error_make(err, ENOSPC,
                      "Failed to garbage collect required amount of images. Attempted to free %" PRId64
                      " bytes, but only found %" PRId64 " bytes eligible to free.",
                      excess, freed);
}
