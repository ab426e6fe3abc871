/* podtree-hollow: plays many nodes. */
#include "lib/options.h"
#include "reconcilers/hollow.h"

static int64_t nodes = 1;

static const struct controller *const *controllers(struct tree *tree, struct error **err)
{
    static const struct controller *const list[] = {&hollow_nodes_controller, &hollow_pods_controller, NULL};
    (void)tree;
    (void)err;
    hollow_set_count(nodes);
    return list;
}

int main(int argc, char **argv)
{
    static const struct option_row options[] = {
        {.name = "nodes", .argument = "N", .help = "how many nodes to play (1)", .number = &nodes}, {0}};
    return controllers_main(
        argc, argv,
        &(struct controllers_program){
            .name = "hollow",
            .about = "Plays the nodes hollow-0, hollow-1, …: their pods run in word only.\n",
            .options = options,
            .controllers = controllers});
}
