#include "fsd/gather.h"

#include "lib/str.h"
#include <pthread.h>
#include <sqlite3.h>

/* A larger transaction is written in pieces. SQLite's own write takes only the lowest 17 bits of a length. */
#define GATHERED_MOST ((size_t)120 << 10)

/* SQLite's own file lies behind this one in the same memory. */
struct gathered_file {
    sqlite3_file base;
    sqlite3_int64 start; /* where in the file the first gathered byte goes */
    struct buf bytes;
};

static sqlite3_file *own_file(struct gathered_file *file)
{
    return (sqlite3_file *)(file + 1);
}

/* What can't be written is forgotten: SQLite hears of it and gives up the transaction. */
static int flush(struct gathered_file *file)
{
    if (file->bytes.length == 0)
        return SQLITE_OK;
    sqlite3_file *own = own_file(file);
    int code = own->pMethods->xWrite(own, file->bytes.at, (int)file->bytes.length, file->start);
    buf_clear(&file->bytes);
    return code;
}

static int gathered_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset)
{
    struct gathered_file *file = (struct gathered_file *)base;
    bool follows = offset == file->start + (sqlite3_int64)file->bytes.length;
    if (!follows || file->bytes.length + (size_t)length > GATHERED_MOST) {
        int code = flush(file);
        if (code != SQLITE_OK)
            return code;
    }
    if (file->bytes.length == 0)
        file->start = offset;
    buf_add(&file->bytes, bytes, (size_t)length);
    return SQLITE_OK;
}

static int gathered_read(sqlite3_file *base, void *bytes, int length, sqlite3_int64 offset)
{
    struct gathered_file *file = (struct gathered_file *)base;
    sqlite3_int64 end = file->start + (sqlite3_int64)file->bytes.length;
    int code = offset < end && offset + length > file->start ? flush(file) : SQLITE_OK;
    sqlite3_file *own = own_file(file);
    return code == SQLITE_OK ? own->pMethods->xRead(own, bytes, length, offset) : code;
}

static int gathered_sync(sqlite3_file *base, int flags)
{
    int code = flush((struct gathered_file *)base);
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return code == SQLITE_OK ? own->pMethods->xSync(own, flags) : code;
}

static int gathered_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    int code = flush((struct gathered_file *)base);
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return code == SQLITE_OK ? own->pMethods->xTruncate(own, size) : code;
}

static int gathered_size(sqlite3_file *base, sqlite3_int64 *size)
{
    int code = flush((struct gathered_file *)base);
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return code == SQLITE_OK ? own->pMethods->xFileSize(own, size) : code;
}

static int gathered_close(sqlite3_file *base)
{
    struct gathered_file *file = (struct gathered_file *)base;
    int flushed = flush(file);
    int code = own_file(file)->pMethods->xClose(own_file(file));
    buf_free(&file->bytes);
    return flushed != SQLITE_OK ? flushed : code;
}

static int gathered_lock(sqlite3_file *base, int level)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xLock(own, level);
}

static int gathered_unlock(sqlite3_file *base, int level)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xUnlock(own, level);
}

static int gathered_check_lock(sqlite3_file *base, int *held)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xCheckReservedLock(own, held);
}

static int gathered_control(sqlite3_file *base, int operation, void *argument)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xFileControl(own, operation, argument);
}

static int gathered_sector(sqlite3_file *base)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xSectorSize(own);
}

static int gathered_device(sqlite3_file *base)
{
    sqlite3_file *own = own_file((struct gathered_file *)base);
    return own->pMethods->xDeviceCharacteristics(own);
}

static const sqlite3_io_methods gathered_methods = {
    .iVersion = 1,
    .xClose = gathered_close,
    .xRead = gathered_read,
    .xWrite = gathered_write,
    .xTruncate = gathered_truncate,
    .xSync = gathered_sync,
    .xFileSize = gathered_size,
    .xLock = gathered_lock,
    .xUnlock = gathered_unlock,
    .xCheckReservedLock = gathered_check_lock,
    .xFileControl = gathered_control,
    .xSectorSize = gathered_sector,
    .xDeviceCharacteristics = gathered_device,
};

static sqlite3_vfs *unix_vfs;
static sqlite3_vfs vfs;

static int open_file(sqlite3_vfs *unused, sqlite3_filename name, sqlite3_file *base, int flags, int *got)
{
    (void)unused;
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return unix_vfs->xOpen(unix_vfs, name, base, flags, got);
    struct gathered_file *file = (struct gathered_file *)base;
    *file = (struct gathered_file){0};
    int code = unix_vfs->xOpen(unix_vfs, name, own_file(file), flags, got);
    if (code == SQLITE_OK)
        file->base.pMethods = &gathered_methods;
    return code;
}

static void make_vfs(void)
{
    unix_vfs = sqlite3_vfs_find("unix");
    if (unix_vfs == NULL)
        return;
    vfs = *unix_vfs;
    vfs.zName = "podtree";
    vfs.szOsFile = unix_vfs->szOsFile + (int)sizeof(struct gathered_file);
    vfs.xOpen = open_file;
    vfs.pNext = NULL;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        unix_vfs = NULL;
}

const char *gather_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return unix_vfs != NULL ? vfs.zName : NULL;
}
