/* Windows of handles (handles.h): where a list, or the names of a directory, go on, as it lies in the shared
 * memory. */
#ifndef PODTREE_WINDOW_H
#define PODTREE_WINDOW_H

#include "fsd/handles.h"
#include "fsd/special.h"

/* The cursor's buffers are the caller's to free. */
void window_load(const struct arena *arena, const struct list_window *window, struct list_cursor *cursor);
/* -ENOSPC */
int window_store(struct arena *arena, struct list_window *window, const struct list_cursor *cursor);
/* How much lies ready in it, and what of that begins at `offset`, in two pieces of `size` bytes at most. */
size_t window_length(const struct list_window *window);
void window_cut(const struct arena *arena, const struct list_window *window, size_t offset, size_t size,
                struct str pieces[2]);
/* From the beginning again. */
void window_restart(struct handle_record *handle);

#endif
