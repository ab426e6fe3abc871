/* What fsd and its notifier say to each other over a SOCK_SEQPACKET socket pair.
 *
 * The supervisor makes the pair and keeps both ends, so either side may die and come back. fsd sends
 * announcements, the notifier repeats each on the mount and answers with its number. A notifier that starts
 * says hello, and fsd sends again whatever has not been answered. */
#ifndef PODTREE_NOTIFY_H
#define PODTREE_NOTIFY_H

#include <stdint.h>

enum notify_action {
    NOTIFY_HELLO,       /* from the notifier: I am new */
    NOTIFY_DONE,        /* from the notifier: number is done */
    NOTIFY_MAKE_DIR,    /* an object is new: mkdir, or touch if it says EEXIST */
    NOTIFY_TOUCH,       /* utimensat, not following a symlink */
    NOTIFY_REMOVE_DIR,  /* an object is gone: rmdir */
    NOTIFY_MAKE_LINK,   /* symlink; the target is ignored by fsd */
    NOTIFY_REMOVE_LINK, /* unlink */
};

struct notify_message {
    uint64_t number;
    uint8_t action;
    char path[4096 - 9]; /* below the mount, terminated; only as many bytes as needed are sent */
} __attribute__((packed));

#endif
