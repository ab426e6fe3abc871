/* What both tortures begin with: their options, their random numbers, what their processes share. */
#include "tests/torture/plan.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct torture *torture;
const char *tree;
struct plan plan;

void begin(const struct usage *usage, int argc, char **argv)
{
    char **words;
    int count;
    autoerror struct error *err = NULL;
    int status = options_parse(usage, argc, argv, &words, &count, &err);
    if (status > 0)
        exit(0);
    if (status < 0 || plan.podtree == NULL || plan.directory == NULL) {
        fprintf(stderr, "torture: %s\n", err != NULL ? error_message(err) : "--podtree and --dir are needed");
        exit(2);
    }
    setlinebuf(stdout);
    if (plan.seed == 0)
        plan.seed = clock_wall_ms() % 1000000;
    printf("seed %lld\n", (long long)plan.seed);
    srandom((unsigned)plan.seed);
    torture = mmap(NULL, sizeof(*torture), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    demand(torture != MAP_FAILED, "mmap");
}

int finish(bool good)
{
    printf("%s\n", good ? "all is well" : "FAILED");
    return good ? 0 : 1;
}

bool is_among(const char *list, const char *name)
{
    autofree char *whole = path_format(",%s,", list), *word = path_format(",%s,", name);
    return strstr(whole, word) != NULL;
}

bool podtree_does(const char *const *argv)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        execv(plan.podtree, (char **)argv);
        _exit(127);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void set_fault(const char *path, const char *point, unsigned passes, const char *gate)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "%s %u %s\n", point, 1 + random_below(passes), gate != NULL ? gate : "");
    demand(file_write(path, buf_str(&text), 0600, NULL) == 0, "write %s", path);
}
