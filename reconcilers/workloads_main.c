/* podtree-workloads: deployments and replica sets. */
#include "reconcilers/deployment.h"
#include "reconcilers/replicaset.h"

static const struct controller *const *controllers(struct tree *tree, struct error **err)
{
    static const struct controller *const list[] = {&deployment_controller, &replicaset_controller, NULL};
    (void)tree;
    (void)err;
    return list;
}

int main(int argc, char **argv)
{
    return controllers_main(
        argc, argv,
        &(struct controllers_program){.name = "workloads",
                                      .about = "Looks after deployments and replica sets.\n",
                                      .controllers = controllers});
}
