/* podtree-gc: the garbage collector, and namespaces and kinds that are being deleted. */
#include "lib/log.h"
#include "reconcilers/gc.h"
#include <time.h>

/* The tree may still be coming up. */
static struct owned_kinds *read_kinds(struct tree *tree)
{
    int64_t complained = 0;
    for (;;) {
        autobuf struct buf names = {0};
        autoerror struct error *err = NULL;
        if (tree_resources(tree, &names, &err) == 0 && names.length != 0)
            return owned_kinds_new(buf_str(&names));
        if (log_due(&complained, 10))
            log_warning("no kinds yet: %s", err != NULL ? error_message(err) : "the list is empty");
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

static const struct controller *const *controllers(struct tree *tree, struct error **err)
{
    static const struct controller *list[4];
    static struct owned_kinds *kinds;
    (void)err;
    owned_kinds_free(kinds);
    kinds = read_kinds(tree);
    list[0] = namespace_controller(kinds);
    list[1] = gc_controller(kinds);
    list[2] = definition_controller(kinds);
    return list;
}

int main(int argc, char **argv)
{
    return controllers_main(argc, argv,
                            &(struct controllers_program){.name = "gc",
                                                          .about = "Deletes what nobody owns any more.\n",
                                                          .gather_ms = 20,
                                                          .controllers = controllers});
}
