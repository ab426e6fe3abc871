/* podtree-scheduler: places pods on nodes, and ends those whose node is gone. */
#include "reconcilers/podgc.h"
#include "reconcilers/scheduler.h"

static const struct controller *const *controllers(struct tree *tree, struct error **err)
{
    static const struct controller *const list[] = {&scheduler_controller, &podgc_controller, NULL};
    (void)tree;
    (void)err;
    return list;
}

int main(int argc, char **argv)
{
    return controllers_main(argc, argv,
                            &(struct controllers_program){.name = "scheduler",
                                                          .about = "Places pods on nodes.\n",
                                                          .controllers = controllers});
}
