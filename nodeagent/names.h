/* What a pod is called, and which names its programs know: its host name, /etc/hosts and /etc/resolv.conf, as
 * Kubernetes makes them of the PodSpec. Pure functions; what the machine itself says is given.
 *
 * There is no cluster DNS yet: ClusterFirst gets what the machine has, as in a Kubernetes whose kubelet was
 * told of none. */
#ifndef PODTREE_NAMES_H
#define PODTREE_NAMES_H

#include "lib/doc.h"

/* The kernel's limit is 64 characters; names of pods may be longer. */
enum { NAMES_HOSTNAME = 65 };

/* spec.hostname or the pod's name, with setHostnameAsFQDN and a subdomain the whole
 * <hostname>.<subdomain>.<namespace>.svc.cluster.local. EINVAL when that is too long. Of a pod in the
 * machine's network it is the machine's. */
int names_hostname(struct value pod, const char *machine, char hostname[NAMES_HOSTNAME], struct error **err);

/* Adds /etc/hosts: the usual names of this machine (in its network: what its own file says), the pod's own,
 * and its hostAliases. `address` may be NULL: then its name means the loopback interface. */
void names_hosts(struct buf *out, struct value pod, const char *hostname, const char *address,
                 struct str machine);

/* Does it ask for the cluster's DNS, which there isn't? (ClusterFirst in the machine's network means
 * Default.)
 */
bool names_asks_cluster(struct value pod);

/* Adds /etc/resolv.conf: with dnsPolicy None what dnsConfig says, else the machine's with dnsConfig behind
 * it; options of one name are said once, the pod's. What is more than Kubernetes allows is left out, and
 * *left_out says so: the sentence of an event DNSConfigForming. */
void names_resolver(struct buf *out, struct buf *left_out, struct value pod, struct str machine);

#endif
