/* Repacking: each object of git is a file of its own at first, of at least 4 KiB on the disk. Once some
 * thousands have gathered, the git program packs them beside the commits that go on, with what the processor
 * and the disk have left: a little even where all processors are busy for hours, which would never pack
 * anything at the priority of an idle machine.
 *
 * --geometric merges packs so that each is at least twice as large as the next, so that what is done stays in
 * proportion to what is new. It looks at no references and drops no object: one that has just been written
 * for the commit that is being made can't be lost. The program holds a lock of its own, by a descriptor that
 * it inherits: it may outlive a killed fsd, and the next fsd doesn't start a second one beside it. */
#include "fsd/history_private.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#define LOOSE_MANY 4096
#define RETRY_MS   (10 * 60 * 1000)

/* Objects that have come meanwhile are no sign of a failure, however many they are: what counts is what has
 * become of those that were there. */
static bool has_packed(const struct history *history, size_t loose)
{
    size_t come = history->loose - history->packing; /* or fewer: some were there before */
    return history->packing / 2 + come >= loose;
}

static void on_repacked(void *context, const struct process_result *result)
{
    struct history *history = context;
    history->repacking = NULL;
    if (history->closing)
        return;
    size_t loose = history_count_loose(history->path);
    autofree char *complaint = process_complaint("git repack", result);
    bool packed = has_packed(history, loose);
    history->loose = loose;
    if (complaint == NULL && packed) {
        history_maintain(history, history->loop); /* there may be many again */
        return;
    }
    history->retry_ms = clock_ms() + RETRY_MS;
    log_warning("history: objects could not be packed, trying again later: %s",
                complaint != NULL ? complaint : "git left them as they were");
}

/* -1 when it can't be had: the program is still running, started by an fsd before this one. */
static int lock_packs(const char *path)
{
    autofree char *name = path_format("%s/podtree-repack.lock", path);
    autoclose int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? take_fd(fd) : -1;
}

static int start_repacking(struct history *history, struct loop *loop, int lock, struct error **err)
{
    autofree char *place = path_format("--git-dir=%s", history->path);
    const char *const argv[] = {"nice",
                                "-n",
                                "19",
                                "ionice",
                                "-c",
                                "3",
                                "git",
                                place,
                                "-c",
                                "pack.threads=1",
                                "-c",
                                "pack.windowMemory=32m",
                                "repack",
                                "-d",
                                "-l",
                                "-q",
                                "--geometric=2",
                                NULL};
    struct process_plan plan = {.argv = argv, .fds = {{lock, 3}}, .fd_count = 1, .session = true};
    history->repacking = process_start(loop, &plan, on_repacked, history, err);
    history->loop = loop;
    return history->repacking != NULL ? 0 : -EIO;
}

/* What has been written is an estimate: much of it may have been there already. */
static bool are_many(struct history *history)
{
    if (history->loose >= LOOSE_MANY)
        history->loose = history_count_loose(history->path);
    return history->loose >= LOOSE_MANY;
}

void history_maintain(struct history *history, struct loop *loop)
{
    if (history->repacking != NULL || clock_ms() < history->retry_ms || !are_many(history))
        return;
    autoclose int lock = lock_packs(history->path);
    autoerror struct error *err = NULL;
    if (lock >= 0)
        history_clear_packs(history->path);
    history->packing = history->loose;
    if (lock < 0 || start_repacking(history, loop, lock, &err) != 0) {
        history->retry_ms = clock_ms() + RETRY_MS;
        if (err != NULL)
            log_warning("history: objects can't be packed, trying again later: %s", error_message(err));
    }
}

void history_stop_repacking(struct history *history)
{
    history->closing = true;
    if (history->repacking != NULL)
        process_signal(history->repacking, SIGTERM);
    while (history->repacking != NULL && loop_turn(history->loop, -1, NULL) == 0)
        ;
}
