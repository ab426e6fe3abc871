/* Schemas in words. */
#include "lib/explain.h"

#include "test.h"

static const char small[] =
    "{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{"
    "\"spec\":{\"type\":\"object\",\"description\":\"What it should "
    "be.\",\"required\":[\"mode\"],\"properties\":{"
    "\"replicas\":{\"type\":\"integer\",\"format\":\"int32\",\"default\":1,\"minimum\":0,"
    "\"description\":\"How many.\\nThere may be none. And more of this.\"},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"Fast\",\"Slow\",\"\"],\"default\":\"Fast\"},"
    "\"parts\":{\"type\":\"array\",\"minItems\":1,\"x-kubernetes-list-type\":\"map\","
    "\"x-kubernetes-list-map-keys\":[\"name\",\"port\"],\"items\":{\"type\":\"object\",\"required\":["
    "\"name\"],"
    "\"properties\":{"
    "\"name\":{\"type\":\"string\",\"format\":\"dns-label\",\"minLength\":1,\"maxLength\":63},"
    "\"port\":{\"x-kubernetes-int-or-string\":true}}}},"
    "\"limits\":{\"type\":\"object\",\"default\":{},\"additionalProperties\":{\"type\":\"string\",\"format\":"
    "\"quantity\"}},"
    "\"groups\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\","
    "\"properties\":{\"key\":{\"type\":\"string\",\"pattern\":\"^a b$\",\"nullable\":true}}}}},"
    "\"args\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}},"
    "\"ratio\":{\"type\":\"number\",\"minimum\":0.5,\"maximum\":2,\"multipleOf\":0.5},"
    "\"rest\":{\"x-kubernetes-preserve-unknown-fields\":true}}},"
    "\"uid\":{\"type\":\"string\",\"x-podtree-server\":true,\"x-podtree-immutable\":true,\"minLength\":1}}}";

static void each_field_is_a_line(void **state)
{
    (void)state;
    autodoc struct doc *schema = doc_parse(str_of(small), NULL);
    autobuf struct buf lines = {0};
    assert_non_null(schema);
    explain_fields(doc_root(schema), STR(""), &lines);
    assert_string_equal(lines.at, "spec <object> required - What it should be.\n"
                                  "spec.replicas <integer> default 1; at least 0 - How many.\n"
                                  "spec.mode <string> required; one of Fast, Slow, \"\"; default Fast\n"
                                  "spec.parts <list of objects, by name and port> at least 1 entry\n"
                                  "spec.parts.name <string: dns-label> required; 1 to 63 characters\n"
                                  "spec.parts.port <integer or string>\n"
                                  "spec.limits <map of strings: quantity>\n"
                                  "spec.groups <map of lists of objects>\n"
                                  "spec.groups.key <string> may be null; matches ^a b$\n"
                                  "spec.args <list of strings, each once>\n"
                                  "spec.ratio <number> 0.5 to 2; a multiple of 0.5\n"
                                  "spec.rest <anything>\n"
                                  "uid <string> managed by the server; can't be changed; not empty\n");
}

static void a_part_has_the_paths_of_the_whole(void **state)
{
    (void)state;
    autodoc struct doc *schema = doc_parse(str_of(small), NULL);
    autobuf struct buf lines = {0};
    explain_fields(value_at(doc_root(schema), "properties", "spec", "properties", "parts"), STR("spec.parts"),
                   &lines);
    assert_string_equal(lines.at, "spec.parts.name <string: dns-label> required; 1 to 63 characters\n"
                                  "spec.parts.port <integer or string>\n");
}

static void the_first_sentence_counts(void **state)
{
    (void)state;
    static const struct {
        const char *description, *sentence;
    } rows[] = {
        {"One. Two.", "One."},
        {"One", "One"},
        {"As e.g. this one is. Two.", "As e.g. this one is."},
        {"Version 1.2 of it.\nMore.", "Version 1.2 of it."},
        {"A paragraph\nof two lines\n\nand another", "A paragraph of two lines"},
        {"  \n", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *schema = doc_new();
        autobuf struct buf said = {0};
        value_set_str(doc_root(schema), STR("description"), str_of(rows[i].description));
        explain_add_flat(explain_sentence(doc_root(schema)), &said);
        assert_string_equal(said.at != NULL ? said.at : "", rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_is_a_line),
        cmocka_unit_test(a_part_has_the_paths_of_the_whole),
        cmocka_unit_test(the_first_sentence_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
