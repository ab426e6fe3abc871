/* Streams of YAML from any bytes: what can be read can be written, as JSON and as YAML, and reads back equal.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autoerror struct error *err = NULL;
    autofree int *lines = NULL;
    struct doc **docs = NULL;
    int count = yaml_parse_all((struct str){(const char *)data, size}, &docs, &lines, &err);
    must((count < 0) == (err != NULL));
    for (int i = 0; i < count; i++) {
        must(lines[i] >= (i > 0 ? lines[i - 1] : 1));
        check_json(doc_root(docs[i]));
        check_yaml(doc_root(docs[i]));
    }
    if (count > 0)
        yaml_free_all(docs, count);
    else if (count == 0)
        free(docs);
    return 0;
}
