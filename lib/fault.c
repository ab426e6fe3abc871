#include "lib/fault.h"

#include "lib/cleanup.h"
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fault_wanted;

static char wanted_name[64];
static char gate[256]; /* "": it is the end */
static atomic_int passes_left;

void fault_init(void)
{
    const char *path = getenv("PODTREE_FAULT");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    int count;
    if (file == NULL)
        return; /* nothing is wanted of this one */
    fault_wanted = fscanf(file, "%63s %d %255s", wanted_name, &count, gate) >= 2 && unlink(path) == 0;
    if (fault_wanted)
        atomic_store(&passes_left, count);
    fclose(file);
}

/* Opening a FIFO waits for its writer, reading for the writer's end. */
static void wait_at_gate(void)
{
    autoclose int fd = open(gate, O_RDONLY | O_CLOEXEC);
    char byte;
    while (fd >= 0 && read(fd, &byte, 1) > 0)
        ;
}

void fault_reached_with(const char *name, pid_t victim)
{
    if (strcmp(name, wanted_name) != 0)
        return;
    int left = atomic_fetch_sub(&passes_left, 1);
    if (gate[0] != '\0' && left <= 1)
        wait_at_gate();
    else if (left == 1)
        (void)kill(victim, SIGKILL);
}

void fault_reached(const char *name)
{
    fault_reached_with(name, getpid());
}
