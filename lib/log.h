/* Log lines on standard error: time, level, who, sentence. The supervisor collects them.
 *
 *     2026-01-31T12:00:00.123Z info scheduler: bound default/web-1 to node-a
 */
#ifndef PODTREE_LOG_H
#define PODTREE_LOG_H

#include "lib/error.h"
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARNING_LEVEL, LOG_ERROR_LEVEL };

/* Who speaks (static lifetime). PODTREE_LOG=debug|info|warning|error in the environment sets the least level.
 */
void log_init(const char *who);

/* From now on a thread of its own writes the lines, so that a caller never waits for a pipe or a disk; lines
 * that come faster than they can be written are counted and dropped, and the count is said. */
int log_start_thread(struct error **err);

/* Makes one line; newlines in it become spaces. May be called from any thread. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)   log_write(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING_LEVEL, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERROR_LEVEL, __VA_ARGS__)

/* Is a line of this level written at all? */
bool log_shows(enum log_level level);

/* The same line at most once in `seconds`; `state` is a static int64_t of the place. */
bool log_due(int64_t *state, int seconds);

#endif
