#include "fsd/meter.h"

#include "lib/clock.h"
#include "lib/log.h"

#define LAW_US        1000
#define NOTICEABLE_US 100000

static int64_t now_us(const struct meter *meter)
{
    return meter->debug ? clock_thread_us() : clock_us();
}

void meter_start(struct meter *meter)
{
    meter->debug = log_shows(LOG_DEBUG_LEVEL);
    meter->at_us = now_us(meter);
}

void meter_step(struct meter *meter, const char *what)
{
    int64_t now = now_us(meter), took = now - meter->at_us;
    meter->at_us = now;
    if (took >= (meter->debug ? LAW_US : NOTICEABLE_US))
        log_write(meter->debug ? LOG_DEBUG_LEVEL : LOG_WARNING_LEVEL, "was held for %.1f ms: %s",
                  (double)took / 1000, what);
}
