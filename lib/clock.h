/* Time: milliseconds, and Kubernetes' way to write it. */
#ifndef PODTREE_CLOCK_H
#define PODTREE_CLOCK_H

#include "lib/str.h"

/* Since 1970 (CLOCK_REALTIME) and since some moment (CLOCK_MONOTONIC, never set back). */
int64_t clock_wall_ms(void);
int64_t clock_ms(void);
int64_t clock_us(void); /* CLOCK_MONOTONIC */
/* The processor time that the calling thread has had: a call of the kernel, where the others are none. */
int64_t clock_thread_us(void);

/* RFC 3339 in UTC with seconds, as Kubernetes writes Time: 2026-01-31T12:00:00Z; the second with
 * microseconds, as it writes MicroTime. `out` takes CLOCK_TEXT bytes. */
#define CLOCK_TEXT 32
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT]);
void clock_format_micro(int64_t wall_us, char out[CLOCK_TEXT]);

/* Any RFC 3339 time to milliseconds since 1970; false when it is none. */
bool clock_parse(struct str text, int64_t *wall_ms);

/* A duration as kubectl shows ages: 45s, 3m12s, 5h, 12d. */
void clock_age(int64_t ms, char out[CLOCK_TEXT]);
/* A duration as Go writes it, which Kubernetes' sentences have: 30ms, 1.25s, 1m30s, 2h0m0s. */
void clock_duration(int64_t ms, char out[CLOCK_TEXT]);

#endif
