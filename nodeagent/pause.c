/* podtree-pause: holds a pod's namespaces and does nothing.
 *
 * It is the process that a pod's network, IPC and UTS namespaces belong to: they stay while it lives,
 * whatever becomes of the containers. Where it is the first process of a PID namespace the pod's orphans
 * become its children, so it reaps them. Its arguments only name the pod for whoever looks at ps.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static void reap(int signal_number)
{
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int main(void)
{
    struct sigaction action = {.sa_handler = leave};
    if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
        return 1;
    action = (struct sigaction){.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    if (sigaction(SIGCHLD, &action, NULL) < 0)
        return 1;
    for (;;)
        pause();
}
