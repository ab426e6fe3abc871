/* $(NAME) in commands, arguments and values of the environment, as Kubernetes expands it: $(NAME) becomes the
 * variable's value where it is known and stays as it is where not; $$ stands for $, so $$(NAME) is never
 * expanded.
 */
#ifndef PODTREE_EXPAND_H
#define PODTREE_EXPAND_H

#include "lib/doc.h"

/* Adds `text` expanded to *out. `variables` is an object of strings. */
void expand(struct buf *out, struct str text, struct value variables);

#endif
