#include "nodeagent/discard.h"

#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

/* One thread in a process, whoever discards: it is the disk that takes the time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t emptied = PTHREAD_COND_INITIALIZER;
static char **paths; /* that are to be removed: this module's */
static size_t path_count, path_capacity;
static bool working;

static char *take_path(void)
{
    pthread_mutex_lock(&lock);
    char *path = path_count != 0 ? paths[--path_count] : NULL;
    if (path == NULL) {
        working = false;
        free(take_pointer(paths));
        path_capacity = 0;
        pthread_cond_broadcast(&emptied);
    }
    pthread_mutex_unlock(&lock);
    return path;
}

static void *work(void *unused)
{
    char *path;
    while ((path = take_path()) != NULL) {
        autoerror struct error *error = NULL;
        if (directory_remove(path, &error) < 0)
            log_warning("%s", error_message(error));
        free(path);
    }
    return unused;
}

/* Where there can be no thread it is done here: better late than never. Takes the path. */
static void give(char *path)
{
    pthread_t thread;
    pthread_mutex_lock(&lock);
    array_grow(paths, path_count, path_capacity);
    paths[path_count++] = path;
    bool begins = !working;
    working = true;
    pthread_mutex_unlock(&lock);
    if (!begins)
        return;
    if (pthread_create(&thread, NULL, work, NULL) != 0) {
        work(NULL);
        return;
    }
    pthread_setname_np(thread, "discard");
    pthread_detach(thread);
}

static char *place_of(const char *state)
{
    return path_format("%s/discarded", state);
}

int discard(const char *state, const char *path, struct error **err)
{
    static unsigned number;
    autofree char *place = place_of(state);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    if (directory_make(place, 0700, NULL) < 0)
        return directory_remove(path, err);
    for (;;) {
        autofree char *fresh = path_format("%s/%u", place, number++);
        if (renameat2(AT_FDCWD, path, AT_FDCWD, fresh, RENAME_NOREPLACE) == 0) {
            give(take_pointer(fresh));
            return 0;
        }
        if (errno != EEXIST)
            return directory_remove(path, err);
    }
}

void discard_rest(const char *state)
{
    autofree char *place = place_of(state);
    autobuf struct buf names = {0};
    directory_names(place, &names, NULL);
    names_each(name, names) give(path_format("%s/%s", place, name));
}

void discard_wait(void)
{
    pthread_mutex_lock(&lock);
    while (working)
        pthread_cond_wait(&emptied, &lock);
    pthread_mutex_unlock(&lock);
}
