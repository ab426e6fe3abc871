#include "lib/selector.h"

#include "tests/unit/lib/test.h"

/* {"selector": …, "labels": …}, either may be missing. */
static const struct {
    const char *given;
    bool matches;
} selections[] = {
    {"{'selector':{},'labels':{'app':'web'}}", true},
    {"{'selector':{}}", true},
    {"{'labels':{'app':'web'}}", false},
    {"{'selector':null,'labels':{'app':'web'}}", false},
    {"{'selector':{'matchLabels':{}},'labels':{}}", true},
    {"{'selector':{'matchLabels':{'app':'web'}},'labels':{'app':'web','x':'y'}}", true},
    {"{'selector':{'matchLabels':{'app':'web','x':'z'}},'labels':{'app':'web','x':'y'}}", false},
    {"{'selector':{'matchLabels':{'app':'web'}},'labels':{'app':'webs'}}", false},
    {"{'selector':{'matchLabels':{'app':'web'}}}", false},
    {"{'selector':{'matchLabels':{'app':''}},'labels':{}}", false},
    {"{'selector':{'matchLabels':{'app':''}},'labels':{'app':''}}", true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'In','values':['x','y']}]},'labels':{'a':'y'}}",
     true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'In','values':['x','y']}]},'labels':{'a':'z'}}",
     false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'In','values':['x']}]},'labels':{}}", false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'In','values':[]}]},'labels':{'a':'x'}}", false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'NotIn','values':['x']}]},'labels':{'a':'y'}}",
     true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'NotIn','values':['x']}]},'labels':{'a':'x'}}",
     false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'NotIn','values':['x']}]},'labels':{}}", true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'Exists'}]},'labels':{'a':''}}", true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'Exists'}]},'labels':{'b':''}}", false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'DoesNotExist'}]},'labels':{'b':''}}", true},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'DoesNotExist'}]},'labels':{'a':''}}", false},
    {"{'selector':{'matchExpressions':[{'key':'a','operator':'Gt','values':['1']}]},'labels':{'a':'2'}}",
     false},
    {"{'selector':{'matchLabels':{'a':'x'},'matchExpressions':[{'key':'b','operator':'Exists'},"
     "{'key':'c','operator':'DoesNotExist'}]},'labels':{'a':'x','b':'y'}}",
     true},
    {"{'selector':{'matchLabels':{'a':'x'},'matchExpressions':[{'key':'b','operator':'Exists'},"
     "{'key':'c','operator':'DoesNotExist'}]},'labels':{'a':'x','b':'y','c':'z'}}",
     false},
};

static struct doc *parse_quoted(const char *given)
{
    autofree char *json = str_dup(str_of(given));
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    return must_parse(json);
}

static void selectors_select_as_in_kubernetes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(selections); i++) {
        autodoc struct doc *doc = parse_quoted(selections[i].given);
        struct value root = doc_root(doc);
        if (selector_matches(value_at(root, "selector"), value_at(root, "labels")) != selections[i].matches)
            fail_msg("%s", selections[i].given);
    }
}

static void a_node_selector_wants_each_of_its_pairs(void **state)
{
    (void)state;
    autodoc struct doc *doc = parse_quoted("{'one':{'a':'1'},'both':{'b':'2','a':'1'},'empty':{}}");
    struct value one = value_at(doc_root(doc), "one"), both = value_at(doc_root(doc), "both");
    assert_true(selector_has_pairs(one, both));
    assert_false(selector_has_pairs(both, one));
    assert_true(selector_has_pairs(value_at(doc_root(doc), "empty"), one));
    assert_true(selector_has_pairs(VALUE_ABSENT, one));
    assert_true(selector_has_pairs(VALUE_ABSENT, VALUE_ABSENT));
    assert_false(selector_has_pairs(one, VALUE_ABSENT));
}

static void one_term_of_a_node_selector_has_to_match(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool matches;
    } rows[] = {
        {"{'nodeSelectorTerms':[{'matchExpressions':[{'key':'disk','operator':'In','values':['ssd','hdd']}]}]"
         "}",
         true},
        {"{'nodeSelectorTerms':[{'matchExpressions':[{'key':'disk','operator':'DoesNotExist'}]},"
         "{'matchExpressions':[{'key':'cores','operator':'Gt','values':['3']},{'key':'cores','operator':'Lt',"
         "'values':['5']}]}]}",
         true},
        {"{'nodeSelectorTerms':[{'matchExpressions':[{'key':'cores','operator':'Gt','values':['4']}]}]}",
         false},
        {"{'nodeSelectorTerms':[{'matchExpressions':[{'key':'disk','operator':'Lt','values':['4']}]}]}",
         false},
        {"{'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'In','values':['node-a']}]}"
         "]}",
         true},
        {"{'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'NotIn','values':['node-a']"
         "}]}]}",
         false},
        {"{'nodeSelectorTerms':[{}]}", false},
    };
    autodoc struct doc *labels = parse_quoted("{'disk':'ssd','cores':'4'}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *selector = parse_quoted(rows[i].selector);
        if (selector_matches_node(doc_root(selector), doc_root(labels), STR("node-a")) != rows[i].matches)
            fail_msg("%s", rows[i].selector);
    }
    assert_true(selector_matches_node(VALUE_ABSENT, doc_root(labels), STR("node-a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_select_as_in_kubernetes),
        cmocka_unit_test(a_node_selector_wants_each_of_its_pairs),
        cmocka_unit_test(one_term_of_a_node_selector_has_to_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
