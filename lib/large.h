/* Arrays that may become large, for threads that can't wait: growing one copies no more than LARGE_BYTES.
 * Up to there it lies where malloc has put it; from there on it has pages of its own, which the kernel moves
 * instead of their contents, and which are taken as they are touched.
 *
 *     large_grow(users, user_count, user_capacity);
 *     users[user_count++] = …;
 *     large_free(users, user_capacity);
 */
#ifndef PODTREE_LARGE_H
#define PODTREE_LARGE_H

#include "lib/str.h"

#define LARGE_BYTES (32u << 10)

/* Grows an array of `count` elements, by doubling, so that one more fits. */
#define large_grow(array, count, capacity)                                                             \
    do {                                                                                               \
        if ((count) == (capacity)) {                                                                   \
            size_t grown_ = (capacity) != 0 ? (size_t)(capacity)*2 : 8;                                \
            (array) = large_resize((array), (capacity) * sizeof(*(array)), grown_ * sizeof(*(array))); \
            (capacity) = grown_;                                                                       \
        }                                                                                              \
    } while (0)

/* Frees one that has been grown so; NULL with capacity 0 is none. */
#define large_free(array, capacity) large_give_back((array), (capacity) * sizeof(*(array)))

/* What they are made of: a block of `size` bytes instead of one of `old_size` (NULL with 0: none), with its
 * contents. Aborts when there is no memory. */
void *large_resize(void *old, size_t old_size, size_t size);
void large_give_back(void *block, size_t size);

#endif
