/* A pod's status from what is known of it: a pure function of its document, its record and the clock. */
#ifndef PODTREE_STATUS_H
#define PODTREE_STATUS_H

#include "nodeagent/record.h"

/* Brings `status` (an object: what was said last, empty at first) up to date. Conditions of others stay.
 * `recursive`: mounts that ask for it are recursively read-only here. */
void status_update(struct value status, struct value pod, const struct pod_record *record,
                   const char *host_address, bool recursive, int64_t now_ms);

/* Adds to `merge` what turns a status that says `before` into one that says `now` (RFC 7386): members that
 * differ, and null for those that have gone. False when there is nothing to be said. */
bool status_difference(struct value merge, struct value before, struct value now);

#endif
