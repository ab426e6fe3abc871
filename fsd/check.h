/* Findings: what is wrong with a document, and where.
 *
 * A walk through a document carries a chain of steps, on the stack, one for each level down. The chain costs
 * nothing until something is wrong; then it becomes the path in the sentence, as Kubernetes writes it:
 * spec.template.spec.containers[0].image. */
#ifndef PODTREE_CHECK_H
#define PODTREE_CHECK_H

#include "lib/doc.h"

struct step {
    const struct step *up; /* NULL for the root */
    struct str name;       /* a member's name, or STR_NONE where it is … */
    size_t index;          /* … an element */
    bool key;              /* a map's key: labels[app], not labels.app */
};

#define STEP_MEMBER(up, name)  ((struct step){(up), (name), 0, false})
#define STEP_ELEMENT(up, at)   ((struct step){(up), STR_NONE, (at), false})
#define STEP_KEY(up, key_name) ((struct step){(up), (key_name), 0, true})

#define CHECK_FINDINGS 5 /* are said; more are counted */

struct check {
    struct buf sentence;
    size_t count;       /* findings */
    bool discreet;      /* what was given must not be said */
    size_t malformed;   /* of which the type is wrong, or the name unknown: rules can't be asked below */
    unsigned slow;      /* patterns that took long to match: pattern.h */
    bool loose;         /* names and types are all that is looked at */
    bool draft;         /* what is required may be missing … */
    struct buf missing; /* … and is listed here: the paths */
};

/* Adds "path: " and the sentence. */
void check_say(struct check *check, const struct step *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of what is not wrong but lacking: in a draft it is no finding, and listed as missing. */
void check_lacks(struct check *check, const struct step *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 0 when nothing was found, else -number and the findings. Releases what the check holds. */
int check_result(struct check *check, int number, struct error **err);

/* The path to here, as Kubernetes writes it. */
void step_write(const struct step *at, struct buf *out);
/* What was given, for a sentence: a quoted string (cut when it is long), a number, or the type's name. */
void check_quote(struct buf *out, struct value v);
/* -EINVAL, and "wanted, not given": must be a list, not "a". */
int check_refuse(struct value given, const char *wanted, struct error **err);

#endif
