#include "nodeagent/puller.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/map.h"
#include "lib/process.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#define REPORT_FD 3

/* One image on its way. */
struct job {
    struct map_node by_key; /* the name and the passwords */
    struct puller *puller;
    struct job *behind; /* in line */
    char *key, *name;
    struct doc *secrets;
    size_t attempt;     /* which of the passwords */
    struct pull *pulls; /* who waits for it */
    struct loop_source *timer, *report_source;
    struct process *process; /* NULL: it stands in line */
    char *authfile;
    int report;      /* the end of the pipe where the program says how far it is */
    struct buf said; /* what came from there: the last line counts */
    bool news;       /* since it was told on */
    int64_t began_ms;
};

struct pull {
    struct pull *next;
    struct job *job;
    struct pull_listener listener;
    int64_t asked_ms;
};

struct puller {
    struct loop *loop;
    struct puller_options options;
    char *directory;
    struct map jobs;
    struct job *line; /* the first of those that wait for their turn */
    struct loop_source *turn;
    int under_way;
    unsigned files;
    bool ending;
};

static void take_turns(void *context);

/* Somebody may be next. */
static void plan_turn(struct puller *puller)
{
    if (puller->turn == NULL)
        puller->turn = loop_timer(puller->loop, 0, take_turns, puller);
}

/* ---- jobs ---- */

static struct job **end_of_line(struct puller *puller)
{
    struct job **end = &puller->line;
    while (*end != NULL)
        end = &(*end)->behind;
    return end;
}

static void leave_line(struct job *job)
{
    for (struct job **at = &job->puller->line; *at != NULL; at = &(*at)->behind)
        if (*at == job) {
            *at = job->behind;
            return;
        }
}

static char *key_of(const char *name, struct value secrets)
{
    autobuf struct buf key = {0};
    buf_addf(&key, "%s ", name);
    value_write(&key, secrets);
    return buf_take(&key);
}

static struct job *job_new(struct puller *puller, const char *name, struct value secrets)
{
    struct job *job = memory_zeroed(1, sizeof(*job));
    *job = (struct job){.puller = puller,
                        .key = key_of(name, secrets),
                        .name = str_dup(str_of(name)),
                        .secrets = doc_copy(secrets),
                        .report = -1};
    job->by_key.key = str_of(job->key);
    map_insert(&puller->jobs, &job->by_key);
    *end_of_line(puller) = job;
    return job;
}

/* What the program was given, and its answers. */
static void release_program(struct job *job)
{
    loop_remove(take_pointer(job->report_source));
    if (job->report >= 0)
        close(take_fd(job->report));
    if (job->authfile != NULL)
        unlink(job->authfile);
    free(take_pointer(job->authfile));
    buf_clear(&job->said);
    job->news = false;
}

static void job_free(struct job *job)
{
    if (job->process != NULL) {
        process_signal(job->process, SIGKILL);
        (job->puller->ending ? process_abandon : process_forget)(job->process);
        job->puller->under_way--;
    } else {
        leave_line(job);
    }
    release_program(job);
    loop_remove(job->timer);
    map_remove(&job->puller->jobs, &job->by_key);
    buf_free(&job->said);
    doc_free(job->secrets);
    free(job->key);
    free(job->name);
    free(job);
}

/* ---- telling ---- */

static struct str last_line(const struct job *job)
{
    struct str rest = str_trim(buf_str(&job->said)), line = STR_NONE;
    while (str_split(&rest, '\n', &line))
        ;
    return line;
}

static void tell_progress(void *context)
{
    struct job *job = context;
    autofree char *sentence = job->news ? str_dup(last_line(job)) : NULL;
    job->news = false;
    job->timer = loop_timer(job->puller->loop, job->puller->options.progress_ms, tell_progress, job);
    struct pull *next;
    for (struct pull *pull = sentence != NULL ? job->pulls : NULL; pull != NULL; pull = next) {
        next = pull->next;
        pull->listener.progress(pull->listener.context, sentence);
    }
}

/* Whole lines only; of them the last one. */
static void on_report(void *context, uint32_t events)
{
    struct job *job = context;
    (void)events;
    ssize_t n = read(job->report, buf_reserve(&job->said, 4096), 4096);
    if (n <= 0) {
        loop_remove(take_pointer(job->report_source));
        return;
    }
    job->said.length += (size_t)n;
    job->news = true;
    struct str last = last_line(job);
    if (last.length != 0)
        buf_drop(&job->said, (size_t)(last.at - job->said.at));
}

/* Its listeners may ask for the next pull at once, of the same image too. */
static void end_job(struct job *job, const char *complaint)
{
    struct pull *pulls = take_pointer(job->pulls), *next;
    int64_t now = clock_ms(), began = job->began_ms != 0 ? job->began_ms : now;
    job_free(job);
    for (struct pull *pull = pulls; pull != NULL; pull = next) {
        struct pull_result result = {complaint, now - began, now - pull->asked_ms};
        struct pull_listener listener = pull->listener;
        next = pull->next;
        free(pull);
        listener.done(listener.context, &result);
    }
}

/* ---- running ---- */

static int write_authfile(struct job *job, struct error **err)
{
    struct value secret = value_element(value_get(doc_root(job->secrets), STR("files")), job->attempt);
    if (!value_exists(secret))
        return 0;
    autobuf struct buf text = {0};
    value_write(&text, secret);
    job->authfile = path_format("%s/%u.json", job->puller->directory, ++job->puller->files);
    return file_write(job->authfile, buf_str(&text), 0600, err);
}

static void on_ended(void *context, const struct process_result *result);

static int start_program(struct job *job, struct error **err)
{
    const struct place *place = job->puller->options.place;
    int result = write_authfile(job, err), ends[2];
    if (result < 0)
        return result;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    autoclose int writing = ends[1];
    job->report = ends[0];
    job->report_source = loop_fd(job->puller->loop, job->report, EPOLLIN, on_report, job, err);
    if (job->report_source == NULL)
        return -EIO;
    autofree char *report = path_format("%d", REPORT_FD);
    const char *argv[] = {place->image, "--state", place->state, "--report-fd", report,
                          "pull",       job->name, NULL,         NULL,          NULL};
    if (job->authfile != NULL) {
        argv[7] = "--authfile";
        argv[8] = job->authfile;
    }
    /* A group of its own, so that what it has started ends with it. */
    struct process_plan plan = {.argv = argv, .fds = {{writing, REPORT_FD}}, .fd_count = 1, .session = true};
    job->process = process_start(job->puller->loop, &plan, on_ended, job, err);
    return job->process != NULL ? 0 : -EIO;
}

static void start(struct job *job)
{
    autoerror struct error *error = NULL;
    job->puller->under_way++;
    if (start_program(job, &error) == 0)
        return;
    job->puller->under_way--;
    end_job(job, error_message(error));
}

/* "podtree image: cannot …" to what stands behind the colon; NULL when all went well (to be freed). */
static char *complaint_of(const struct process_result *result)
{
    struct str said = str_trim(result->complaints), name = STR("podtree image: ");
    autofree char *complaint = process_complaint("podtree-image", result);
    if (complaint == NULL || !str_starts(said, name))
        return take_pointer(complaint);
    return str_dup(str_cut(said, name.length, said.length));
}

static void on_ended(void *context, const struct process_result *result)
{
    struct job *job = context;
    struct puller *puller = job->puller;
    autofree char *complaint = complaint_of(result);
    size_t passwords = value_count(value_get(doc_root(job->secrets), STR("files")));
    job->process = NULL;
    puller->under_way--;
    release_program(job);
    if (complaint != NULL && job->attempt + 1 < passwords) {
        job->attempt++;
        start(job);
    } else {
        end_job(job, complaint);
    }
    plan_turn(puller);
}

static void take_turns(void *context)
{
    struct puller *puller = context;
    puller->turn = NULL;
    while (puller->line != NULL && puller->under_way < puller->options.parallel) {
        struct job *job = puller->line;
        leave_line(job);
        job->began_ms = clock_ms();
        job->timer = loop_timer(puller->loop, puller->options.progress_ms, tell_progress, job);
        start(job);
    }
}

struct pull *puller_pull(struct puller *puller, const char *name, struct value secrets,
                         const struct pull_listener *listener)
{
    autofree char *key = key_of(name, secrets);
    struct job *job = map_entry(map_find(&puller->jobs, str_of(key)), struct job, by_key);
    if (job == NULL)
        job = job_new(puller, name, secrets);
    struct pull *pull = memory_new(sizeof(*pull));
    *pull = (struct pull){job->pulls, job, *listener, clock_ms()};
    job->pulls = pull;
    plan_turn(puller);
    return pull;
}

void pull_forget(struct pull *pull)
{
    struct job *job = pull->job;
    struct pull **at = &job->pulls;
    while (*at != pull)
        at = &(*at)->next;
    *at = pull->next;
    free(pull);
    if (job->pulls != NULL)
        return;
    plan_turn(job->puller);
    job_free(job);
}

/* ---- the whole ---- */

struct puller *puller_new(struct loop *loop, const struct puller_options *options, struct error **err)
{
    struct puller *puller = memory_zeroed(1, sizeof(*puller));
    *puller = (struct puller){
        .loop = loop, .options = *options, .directory = path_format("%s/pulls", options->place->run)};
    if (directory_remove(puller->directory, err) < 0 || directory_make(puller->directory, 0700, err) < 0) {
        puller_free(puller);
        return NULL;
    }
    return puller;
}

static void job_abandon(struct job *job)
{
    struct pull *next;
    for (struct pull *pull = job->pulls; pull != NULL; pull = next) {
        next = pull->next;
        free(pull);
    }
    job_free(job);
}

void puller_free(struct puller *puller)
{
    if (puller == NULL)
        return;
    puller->ending = true;
    struct map_node *next;
    for (struct map_node *node = map_next(&puller->jobs, NULL); node != NULL; node = next) {
        next = map_next(&puller->jobs, node);
        job_abandon(map_entry(node, struct job, by_key));
    }
    map_free(&puller->jobs);
    loop_remove(puller->turn);
    free(puller->directory);
    free(puller);
}
