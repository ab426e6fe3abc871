/* Fault points: where a process can be made to die, for tests of what a kill leaves behind, or to wait, for
 * tests of what others do meanwhile.
 *
 * A kill at a random moment hardly ever hits the few instructions between a commit and its answer. So such
 * places have names, and a process whose environment has PODTREE_FAULT=<file> looks there when it starts:
 * "<name> <n>" in the file makes it die, as if killed, when it comes to that place for the n-th time. With
 * "<name> <n> <gate>" the thread that comes there waits, from the n-th time on each time until somebody has
 * opened the FIFO <gate> for writing and closed it; it goes on where there is none. The file is removed when
 * it is read: the process that takes the dead one's place lives. A place where another process has just been
 * begun makes that one die instead. Without the variable a place costs one branch that is never taken. */
#ifndef PODTREE_FAULT_H
#define PODTREE_FAULT_H

#include <stdbool.h>
#include <sys/types.h>

/* At the start of a process, before it has threads. */
void fault_init(void);

extern bool fault_wanted;
void fault_reached(const char *name);
void fault_reached_with(const char *name, pid_t child);

static inline void fault_point(const char *name)
{
    if (__builtin_expect(fault_wanted, false))
        fault_reached(name);
}

static inline void fault_child(const char *name, pid_t child)
{
    if (__builtin_expect(fault_wanted, false))
        fault_reached_with(name, child);
}

#endif
