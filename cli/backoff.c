#include "cli/backoff.h"

#define FREE_FAILURES   3
#define FIRST_MS        10
#define LONGEST_MS      5000
#define LASTED_MS       10000
#define KILL_LASTED_MS  100
#define KILL_LONGEST_MS 20

int64_t backoff_next(struct backoff *backoff, int64_t lived_ms, bool killed)
{
    if (lived_ms >= (killed ? KILL_LASTED_MS : LASTED_MS))
        backoff->failures = 0;
    int doublings = backoff->failures++ - FREE_FAILURES;
    if (doublings < 0)
        return 0;
    int64_t longest = killed ? KILL_LONGEST_MS : LONGEST_MS;
    int64_t wait = doublings < 16 ? (int64_t)FIRST_MS << doublings : longest;
    return wait < longest ? wait : longest;
}
