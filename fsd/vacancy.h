/* Vacancies: names of fields that a process has taken away, and may be about to create anew.
 *
 * install, tar x, cp --remove-destination and mv from another filesystem unlink a file and then create it; rm
 * unlinks it and is done. Which of the two an unlink is shows only afterwards, and the first has to be one
 * change, with no moment without the field. So the unlink (or rmdir) of a field is acknowledged at once, and
 * carried out when the process
 *
 *   - has ended (its pidfd says so), or
 *   - goes on to something else: opens or makes something in that object or among the lists, or
 *   - has let VACANCY_MS pass. Not when it had no processor in that time, or when its next request has been
 *     waiting here: on a busy machine that happens between two calls of tar.
 *
 * Until then the process itself finds no such name, and everybody else finds the field as it was. If the
 * process creates the name instead, or renames something to it, what it writes is the field's new value.
 *
 * What has been acknowledged is durable: before the unlink is answered a promise is in the store, which goes
 * with the transaction that keeps it. A promise without a vacancy, after a crash of the host, is kept at
 * start. And it is seen: from the moment when it is decided that a removal is one, requests that look at its
 * object, or open a list, wait until it has been published. Whoever knows that rm has ended finds the field
 * gone.
 *
 * What can't be removed (required, or managed by the server) is refused by the unlink. But rm -r of an entry
 * of a list unlinks what is in it before it removes the directory, and an entry's name can't go alone. So
 * from a process that has the directory open, as rm -r, find -delete and rmtree have, such an unlink is taken
 * as part of that: it succeeds, and the rmdir takes everything along as one change. If that doesn't come,
 * nothing has happened to those fields, and errors says so: as with the manifest of an object (removal.h).
 *
 * A file that is renamed away to a scratch name (cp -b, backups of editors) leaves a vacancy, too, so that it
 * can be created anew with O_EXCL; if it isn't, nothing has happened. */
#ifndef PODTREE_VACANCY_H
#define PODTREE_VACANCY_H

#include "fsd/call.h"

#define VACANCY_MS       100
#define VACANCY_PROMISED 1 /* the outcome of an unlink or rmdir whose vacancy removes a field */

struct vacancies;

/* Before the arena is ready: marks what it has there. */
struct vacancies *vacancies_new(struct memory *memory);
void vacancies_free(struct vacancies *vacancies);
/* A promise from the store: kept with the next turn, unless its vacancy has outlived a predecessor. */
void vacancy_inherit(struct fsd *fsd, const struct promise *promise);
/* When all of them have come: what a predecessor has carried out is over. */
void vacancies_take_over(struct fsd *fsd);

/* For poll(): readable when a process has ended; and how long to wait for a deadline at most, -1 if there is
 * none. */
int vacancies_fd(const struct vacancies *vacancies);
int vacancies_timeout(const struct fsd *fsd);
/* Main, before each request: carries out what processes have left that have ended. */
void vacancies_turn(struct fsd *fsd);
/* Main, now and then: the same with those that have let their time pass. `idle`: no request waits, be it for
 * the worker; one may be theirs. */
void vacancies_expire(struct fsd *fsd, bool idle);
/* The call has to wait, and is run again: for what it would see, or because its process goes on, which
 * decides. */
bool vacancies_delay(struct call *call);

/* start() of the unlink or rmdir of a field: CALL_PARKED; 0; -ESRCH when no process can be waited for (it is
 * another pid namespace's): it has to be done at once; -EINPROGRESS; or the refusal. */
int vacancy_open(struct call *call, uint32_t parent, struct error **err);
/* finish(), with the outcome: where there is a promise, it is durable. */
void vacancy_granted(struct call *call, uint32_t parent, int result);
/* The call is refused after all, by the disk. */
void vacancy_refused(struct call *call, uint32_t parent);
/* The file has been renamed away. */
void vacancy_leave(struct call *call, uint32_t parent);

/* Has the process of the call taken this name away, and not created it again? */
bool vacancy_hides(const struct call *call, uint32_t parent, struct str name);
/* Is the name one that somebody doesn't see? */
bool vacancy_is_at(const struct fsd *fsd, uint32_t node);
/* It creates it. */
void vacancy_create(struct call *call, uint32_t parent);
/* The field gets a value in the filling batch, so there is nothing left to be removed: the promise goes with
 * that. When it is durable: vacancy_filled. */
void vacancy_fill(struct fsd *fsd, int64_t object, struct str path);
void vacancy_filled(struct fsd *fsd, uint32_t node);
/* What was created has been closed, and nothing was written: the removal stands. */
void vacancy_abandon(struct fsd *fsd, uint32_t node);

#endif
