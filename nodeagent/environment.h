/* A container's environment, as Kubernetes makes it: a pure function of the pod, of the node, and of the
 * ConfigMaps and Secrets that the pod names, which are given by a callback.
 *
 * It comes in two parts. What the pod gives (environment_variables) is made before the container is, because
 * it can fail: the container then waits with CreateContainerConfigError. It is also what $(NAME) in the
 * container's command and arguments refers to. The rest (environment_write) is the image's and the runtime's,
 * and lies below it.
 *
 * HOME is left alone. In Kubernetes neither the kubelet nor containerd sets it but runc (and crun, and every
 * other OCI runtime in use), from the line of the container's /etc/passwd with its user, where it isn't set
 * or is empty. So programs see it, and $(HOME) stays as it is, there and here.
 *
 * Values of Secrets come to the container, and nowhere else: no sentence made here quotes a value.
 */
#ifndef PODTREE_ENVIRONMENT_H
#define PODTREE_ENVIRONMENT_H

#include "nodeagent/references.h"

/* Takes what is to be said in an event: a warning with the reason InvalidEnvironmentVariableNames. */
typedef void environment_warn_fn(void *context, const char *sentence);

struct environment_input {
    struct value pod;           /* the whole object */
    struct value container;     /* of its spec, an init container too */
    struct value allocatable;   /* of the node's status: what stands for a limit that isn't set */
    struct value services;      /* an object of variables for the services of the namespace; may be absent */
    const char *pod_addresses;  /* "10.1.0.7,fd01::7", the main one first; NULL while there is none */
    const char *host_addresses; /* the same of the node */
    references_find_fn *find;   /* NULL: there are none */
    environment_warn_fn *warn;  /* may be NULL */
    void *context;              /* of both */
};

#define ENVIRONMENT_WARNING "InvalidEnvironmentVariableNames"

/* The variables that the pod gives the container, an object of strings (to be freed): those of services, over
 * these envFrom, source after source, over these env. NULL and an error with Kubernetes' sentence when they
 * can't be had: ENOENT when an object or a key is missing, which may come. */
struct doc *environment_variables(const struct environment_input *input, struct error **err);

/* Adds the whole environment to the array *list as NAME=VALUE: PATH and HOSTNAME (TERM where there is a
 * terminal), over these what `image` (its configuration) has, over these `variables`. */
void environment_write(struct value list, struct value image, const char *hostname, bool terminal,
                       struct value variables);

#endif
