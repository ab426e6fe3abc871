/* What the fuzz targets share. */
#ifndef PODTREE_FUZZ_H
#define PODTREE_FUZZ_H

#include "lib/yaml.h"

/* Called by libFuzzer, or by replay.c with each seed. Returns 0; aborts where a property doesn't hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

/* What is written as JSON reads back equal, and is written the same again. */
static inline void check_json(struct value v)
{
    autobuf struct buf once = {0}, twice = {0};
    value_write(&once, v);
    autodoc struct doc *back = doc_parse(buf_str(&once), NULL);
    must(back != NULL && value_equal(v, doc_root(back)));
    value_write(&twice, doc_root(back));
    must(str_equal(buf_str(&once), buf_str(&twice)));
}

/* The same as YAML. */
static inline void check_yaml(struct value v)
{
    autobuf struct buf once = {0}, twice = {0};
    yaml_write(&once, v);
    autodoc struct doc *back = yaml_parse(buf_str(&once), NULL);
    must(back != NULL && value_equal(v, doc_root(back)));
    yaml_write(&twice, doc_root(back));
    must(str_equal(buf_str(&once), buf_str(&twice)));
}

#endif
