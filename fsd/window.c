#include "fsd/window.h"

void window_load(const struct arena *arena, const struct list_window *window, struct list_cursor *cursor)
{
    *cursor = (struct list_cursor){.started = window->started != 0,
                                   .measured = window->measured != 0,
                                   .number = window->number,
                                   .mark = window->mark};
    buf_add_str(&cursor->name, arena_bytes_str(arena, &window->name));
    buf_add_str(&cursor->widths, arena_bytes_str(arena, &window->widths));
}

int window_store(struct arena *arena, struct list_window *window, const struct list_cursor *cursor)
{
    window->started = 1;
    window->measured = cursor->measured;
    window->number = cursor->number;
    window->mark = cursor->mark;
    window->name.length = window->widths.length = 0;
    int status = arena_bytes_write(arena, &window->name, 0, buf_str(&cursor->name));
    return status < 0 ? status : arena_bytes_write(arena, &window->widths, 0, buf_str(&cursor->widths));
}

size_t window_length(const struct list_window *window)
{
    return window->bytes.length + window->item.length;
}

void window_cut(const struct arena *arena, const struct list_window *window, size_t offset, size_t size,
                struct str pieces[2])
{
    pieces[0] = str_cut(arena_bytes_str(arena, &window->bytes), offset, size);
    size_t behind = offset > window->bytes.length ? offset - window->bytes.length : 0;
    pieces[1] = str_cut(arena_bytes_str(arena, &window->item), behind, size - pieces[0].length);
}

void window_restart(struct handle_record *handle)
{
    struct list_window *next = &handle->windows[1 - handle->window];
    struct arena_bytes bytes = next->bytes, item = next->item, name = next->name, widths = next->widths;
    bytes.length = item.length = name.length = widths.length = 0;
    *next = (struct list_window){.bytes = bytes, .item = item, .name = name, .widths = widths};
    handle->window = 1 - handle->window;
}
