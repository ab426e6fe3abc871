/* fsd: everything that main owns, and what passes between its modules. */
#ifndef PODTREE_FSD_H
#define PODTREE_FSD_H

#include "fsd/handles.h"
#include "fsd/meter.h"
#include "fsd/nodes.h"
#include "fsd/objects.h"
#include "fsd/slots.h"

struct fsd {
    const char *mount; /* where, for sentences */
    struct memory *memory;
    struct slots *slots;
    struct nodes *nodes;
    struct handles *handles;
    struct kinds *kinds;
    struct objects *objects;
    struct policies *policies;       /* what some of them say of others: policies.h */
    struct documents *documents;     /* parsed versions and rendered manifests: documents.h */
    struct vacancies *vacancies;     /* fields that are being taken away, or replaced: vacancy.h */
    struct quotas *quotas;           /* how much there may be in a namespace: quotas.h */
    struct txn *txn;                 /* changes on their way: txn.h */
    struct secrets *secrets;         /* what is encrypted on the disk, and the key: secrets.h */
    struct exclusive *exclusive;     /* who changes things alone: exclusive.h */
    struct announcer *announcer;     /* inotify's echo: announce.h */
    struct invalidator *invalidator; /* the kernel's caches: invalidator.h */
    struct telling *tellings;        /* of large objects, as yet unfinished: tell.h */
    struct worker *worker;           /* what would take main too long: heavy.h */
    struct logs *logs;               /* of containers, and who reads them: logs.h */
    struct snapshot *snapshots;      /* of large objects, being taken: snapshot.h */
    struct papers *papers;           /* what kinds look like, for readers: papers.h */
    struct returns *returns;         /* of memory to the host: returns.h */
    struct audit *audit;             /* what today's kinds would refuse: audit.h */
    struct session *session;         /* FUSE: session.h */
    struct stream events;            /* /k8s/events: the last lines of all objects */
    int64_t events_time_ms;
    int64_t started_ms; /* wall clock */
    unsigned closing;   /* files that have been closed, and what that changes is on its way to the disk */
    gid_t group;        /* podtree, or (gid_t)-1 */
    struct meter meter; /* how long each message takes */
};

#endif
