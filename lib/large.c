#include "lib/large.h"

#include <sys/mman.h>

static bool has_pages(size_t size)
{
    return size > LARGE_BYTES;
}

static void *checked(void *pages)
{
    if (pages == MAP_FAILED)
        abort();
    return pages;
}

/* No huge pages: one takes milliseconds to be cleared. */
static void *new_pages(size_t size)
{
    void *pages =
        checked(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    (void)madvise(pages, size, MADV_NOHUGEPAGE); /* a kernel without them refuses */
    return pages;
}

void *large_resize(void *old, size_t old_size, size_t size)
{
    if (!has_pages(size) && !has_pages(old_size))
        return memory_resize(old, size);
    if (has_pages(size) && has_pages(old_size))
        return checked(mremap(old, old_size, size, MREMAP_MAYMOVE));
    void *block = has_pages(size) ? new_pages(size) : memory_new(size);
    if (old != NULL)
        memcpy(block, old, old_size < size ? old_size : size);
    large_give_back(old, old_size);
    return block;
}

void large_give_back(void *block, size_t size)
{
    if (!has_pages(size))
        free(block);
    else if (munmap(block, size) < 0)
        abort(); /* it was none of ours */
}
