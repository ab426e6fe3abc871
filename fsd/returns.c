#include "fsd/returns.h"

#include "fsd/fsd.h"
#include "fsd/worker.h"

struct returns {
    struct job job;
    struct arena *arena;
    struct arena_piece piece; /* at work; none: ref is 0 */
};

static void give_back(struct job *job)
{
    struct returns *returns = (struct returns *)job;
    arena_return(returns->arena, &returns->piece);
}

static void given_back(struct job *job)
{
    struct returns *returns = (struct returns *)job;
    arena_returned(returns->arena, &returns->piece);
    returns->piece = (struct arena_piece){0};
}

void returns_turn(struct fsd *fsd)
{
    if (fsd->returns == NULL) {
        fsd->returns = memory_zeroed(1, sizeof(*fsd->returns));
        *fsd->returns =
            (struct returns){.job = {.run = give_back, .done = given_back}, .arena = fsd->memory->arena};
    }
    struct returns *returns = fsd->returns;
    if (returns->piece.ref != 0)
        return;
    returns->piece = arena_next_return(returns->arena);
    if (returns->piece.ref != 0)
        worker_submit(fsd->worker, &returns->job);
}

void returns_free(struct fsd *fsd)
{
    free(fsd->returns);
}
