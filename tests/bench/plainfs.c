/* The least that a libfuse low-level filesystem can be, as a yardstick for reading: one directory with files
 * `0` … `N-1`, each "3\n", from memory, with the same caching as podtree's tree (names and attributes for a
 * day, pages kept from open to open).
 *
 *     plainfs MOUNTPOINT FILES     serves until it is unmounted
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOREVER 86400.0
#define CONTENT "3\n"

static unsigned long files;

static struct stat attributes(fuse_ino_t node)
{
    if (node == FUSE_ROOT_ID)
        return (struct stat){.st_ino = node, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
    return (struct stat){
        .st_ino = node, .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = sizeof(CONTENT) - 1};
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (parent != FUSE_ROOT_ID || *end != '\0' || number >= files) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = {.ino = number + 2, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
    entry.attr = attributes(entry.ino);
    fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)file;
    struct stat found = attributes(node);
    fuse_reply_attr(request, &found, FOREVER);
}

static void on_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)node;
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

static void on_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    (void)node, (void)file;
    size_t left = offset < (off_t)sizeof(CONTENT) - 1 ? sizeof(CONTENT) - 1 - (size_t)offset : 0;
    fuse_reply_buf(request, CONTENT + (sizeof(CONTENT) - 1 - left), left < size ? left : size);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = on_lookup, .getattr = on_getattr, .open = on_open, .read = on_read};

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: plainfs MOUNTPOINT FILES\n");
        return 2;
    }
    files = strtoul(argv[2], NULL, 10);
    char *arguments[] = {argv[0], NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    struct fuse_session *session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
    if (session == NULL || fuse_session_mount(session, argv[1]) != 0)
        return 1;
    int result = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return result < 0 ? 1 : 0;
}
