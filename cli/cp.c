/* podtree cp: copies files and directories between this machine and a container on it. */
#include "cli/call.h"
#include "cli/command.h"
#include "cli/copy_places.h"
#include "cli/settings.h"
#include "lib/parcel.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>

static void say_left_out(const char *path)
{
    fprintf(stderr, "podtree cp: %s is neither a file nor a directory: left out\n", path);
}

/* Where our side only saw that the stream broke, the other side says why. */
static int end(struct call *call, int result, struct error **own, struct error **err)
{
    autoerror struct error *theirs = NULL;
    int finished = call_finish(call, &theirs);
    if (finished < 0 && (result == 0 || result == -EPIPE || result == -EPROTO)) {
        error_move(err, take_pointer(theirs));
        return finished;
    }
    error_move(err, take_pointer(*own));
    return result < 0 ? result : finished;
}

static int copy_out(struct call *call, const char *from, const char *to, struct error **err)
{
    autofree char *name = parcel_name(from);
    autoerror struct error *own = NULL;
    int result = parcel_unpack(call->output, to, name, say_left_out, &own);
    close(call->output);
    call->output = -1;
    return end(call, result, &own, err);
}

static int copy_in(struct call *call, const char *from, struct error **err)
{
    autoerror struct error *own = NULL;
    int result = parcel_pack(from, call->input, say_left_out, &own);
    close(call->input);
    call->input = -1;
    return end(call, result, &own, err);
}

static int copy(const char *run, const struct target *target, const struct copy_places *places,
                struct error **err)
{
    autocall struct call call = CALL_NONE;
    autodoc struct doc *request = doc_new();
    autofree char *name = parcel_name(places->here);
    value_set_str(doc_root(request), STR("copy"), places->inwards ? STR("in") : STR("out"));
    value_set_str(doc_root(request), STR("path"), str_of(places->there));
    value_set_str(doc_root(request), STR("name"), str_of(name));
    /* A pipe whose other side has gone says so by EPIPE. */
    signal(SIGPIPE, SIG_IGN);
    int result = call_open(&call, run, target, doc_root(request), err);
    if (result < 0)
        return result;
    return places->inwards ? copy_in(&call, places->here, err)
                           : copy_out(&call, places->there, places->here, err);
}

int command_cp(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    struct target_wish wish = {.namespace = "default"};
    const struct option_row options[] = {
        OPTION_CONTAINER(wish),
        OPTION_NAMESPACE(wish.namespace, "where the pod is (default)"),
        OPTION_MOUNT(directories),
        OPTION_RUN(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree cp [-c CONTAINER] [-n NS] POD:PATH PATH | PATH POD:PATH",
        .about =
            "Copies a file, or a directory with all that is in it, from or to a running container of this\n"
            "machine, as cp -r does. The container needs no program for it.\n",
        .options = options,
        .least = 2,
        .most = 2,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    autoplaces struct copy_places places = {0};
    autotarget struct target target = {0};
    result = copy_places_parse(words[0], words[1], &places, err);
    if (result == 0)
        result = target_find(directories.mount, places.pod, &wish, &target, err);
    return result < 0 ? result : copy(directories.run, &target, &places, err);
}
