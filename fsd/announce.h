/* Announcements: what inotify would not see by itself (the notifier repeats it on the mount).
 *
 * Main notes what has become visible; of one object, and of one file, at most one announcement waits, however
 * often it changes. Only what the kernel holds can be watched: where it doesn't know the directory, or only
 * because the notifier has made it there, nothing is sent. To the notifier alone, an object that is to be
 * announced as new is not there until its mkdir, and one that is gone is there until its rmdir: otherwise the
 * kernel would say EEXIST or ENOENT without asking, and there would be no event. */
#ifndef PODTREE_ANNOUNCE_H
#define PODTREE_ANNOUNCE_H

#include "fsd/fsd.h"

struct announcer;

/* `socket_fd`: the notifier's, not blocking. */
struct announcer *announcer_new(struct fsd *fsd, int socket_fd);
void announcer_free(struct announcer *announcer);

/* The object has just been published. */
enum announce_what { ANNOUNCE_CREATED, ANNOUNCE_CHANGED, ANNOUNCE_GONE };
void announce_object(struct announcer *announcer, const struct object *object, enum announce_what what);
/* The links to it: in all/, whose directories come and go with the first and the last link, and those of the
 * node that it is, or was, bound to. Published like the object. */
void announce_links(struct announcer *announcer, const struct object *object, const struct version *before,
                    const struct version *now);
/* A name has come into a directory that isn't an object's, or has gone. */
void announce_name(struct announcer *announcer, uint32_t directory, struct str name, bool link, bool gone);
/* A file that the kernel holds has changed. */
void announce_node(struct announcer *announcer, uint32_t node);

/* How the notifier has to see a name in a directory. */
enum announce_view { VIEW_AS_IT_IS, VIEW_ABSENT, VIEW_DIRECTORY, VIEW_LINK };
enum announce_view announcer_view(const struct announcer *announcer, uint32_t directory, struct str name);
/* A mkdir or symlink, or rmdir or unlink (`removed`) of it succeeds, which raises the event: if that is what
 * was to be said, it needs not be said any more. The notifier's, which has to be told so when it comes: to it
 * the name is as it is from now on; or anybody's, to be told when it is answered. */
void announcer_performed(struct announcer *announcer, uint32_t directory, struct str name, bool removed);

/* After a takeover: every object committed after the version that was announced last is announced again;
 * files are tell_take_over()'s. */
void announcer_take_over(struct announcer *announcer);
/* Receives what has come, when the socket is readable, and sends what waits, as far as it goes without
 * blocking. */
void announcer_turn(struct announcer *announcer, bool readable);

#endif
