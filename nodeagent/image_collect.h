/* Which images may go when the disk gets full: a pure function, as Kubernetes' image garbage collector has
 * it.
 *
 * From a share of use on (85 %) images go, the one that was of use longest ago first, until the disk is at a
 * lower share (80 %). One of which a container is here stays, and so does one that has only just come. What
 * came from a file is pinned: nobody could get it again.
 */
#ifndef PODTREE_IMAGE_COLLECT_H
#define PODTREE_IMAGE_COLLECT_H

#include "lib/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_policy {
    int64_t high_percent, low_percent;
    int64_t least_age_ms;
};
/* The kubelet's imageGCHighThresholdPercent, imageGCLowThresholdPercent and imageMinimumGCAge. */
enum { IMAGE_HIGH_PERCENT = 85, IMAGE_LOW_PERCENT = 80, IMAGE_LEAST_AGE_SECONDS = 120 };

struct image_disk {
    int64_t capacity, available; /* bytes */
};

struct image_candidate {
    char *name;
    int64_t size;
    int64_t came_ms, used_ms;
    bool used;   /* a container of it is here */
    bool pinned; /* it stays in any case */
};

/* How many bytes have to go; 0: none. */
int64_t image_excess(const struct image_policy *policy, const struct image_disk *disk);

/* Puts those that may go first, in the order in which they should, and returns how many there are. */
size_t image_order(const struct image_policy *policy, int64_t now_ms, struct image_candidate *candidates,
                   size_t count);

/* Does all that: removes images from the store until the disk has room again, and calls `removed` for each.
 * ENOSPC, with Kubernetes' sentence, when that was not enough. */
typedef void image_removed_fn(void *context, const char *name, int64_t size);
int image_collect(const char *state, const struct image_policy *policy, image_removed_fn *removed,
                  void *context, struct error **err);

#endif
