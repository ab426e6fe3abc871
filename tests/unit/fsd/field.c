#include "fsd/field.h"
#include "tests/unit/fsd/kinds.h"

static const char deployment_text[] =
    "metadata: {name: web, uid: u1, labels: {tier: front, app.kubernetes.io/name: web, \"50%\": x}}\n"
    "spec:\n"
    "  replicas: 3\n"
    "  template:\n"
    "    spec:\n"
    "      hostNetwork: true\n"
    "      containers:\n"
    "      - name: nginx\n"
    "        image: nginx:1.27\n"
    "        args: [-c, \"a\\nb\", \"\\\"q\\\"\", \"\", \"x y\"]\n"
    "        ports: [{containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP}, {containerPort: "
    "80}]\n"
    "        env: [{name: A, value: one}, {name: A, value: two}]\n"
    "      - {name: side}\n"
    "      tolerations: [{key: a}, {key: b}]\n"
    "status: {readyReplicas: 2, conditions: [{type: Available, status: \"True\"}]}\n";

/* A path from the object's directory; type FIELD_NONE when a step leads nowhere. */
static struct field walk(const char *kind_name, struct doc *doc, const char *path, struct buf *scratch)
{
    struct field field = field_root(must_kind(kind_name), doc_root(doc));
    struct str name, rest = str_of(path);
    while (path[0] != '\0' && str_split(&rest, '/', &name))
        field = field_child(&field, name, scratch);
    return field;
}

static bool collect(void *context, struct str name, enum field_type type)
{
    static const char marks[] = {
        [FIELD_DIRECTORY] = '/', [FIELD_SCALAR] = ' ', [FIELD_LINES] = '=', [FIELD_CONTENT] = '*'};
    buf_addf(context, STR_FORMAT "%c", STR_ARGS(name), marks[type]);
    return true;
}

static void assert_listed(const char *kind_name, const char *text, const char *path, const char *expected)
{
    autodoc struct doc *doc = must_yaml(text);
    autobuf struct buf scratch = {0}, listed = {0};
    value_sort(doc_root(doc)); /* as every version is */
    struct field field = walk(kind_name, doc, path, &scratch);
    assert_int_equal(field.type, FIELD_DIRECTORY);
    assert_true(field_list(&field, STR_NONE, collect, &listed));
    assert_str(buf_str(&listed), expected);
}

static void directories_list_what_is_set(void **state)
{
    (void)state;
    assert_listed("deployments", deployment_text, "", "metadata/observed/replicas template/");
    assert_listed("deployments", deployment_text, "observed", "readyReplicas conditions/");
    assert_listed("deployments", deployment_text, "metadata", "name uid labels/annotations/");
    assert_listed("deployments", deployment_text, "metadata/labels", "50%25 app.kubernetes.io%2Fname tier ");
    assert_listed("deployments", deployment_text, "metadata/annotations", "");
    assert_listed("deployments", deployment_text, "template/spec",
                  "containers/nodeSelector/hostNetwork tolerations/overhead/");
    assert_listed("deployments", deployment_text, "template/spec/containers", "nginx/side/");
    assert_listed("deployments", deployment_text, "template/spec/containers/nginx/ports", "53/53-UDP/80/");
    assert_listed("deployments", deployment_text, "template/spec/containers/nginx/env", "A/A~2/");
    assert_listed("deployments", deployment_text, "template/spec/tolerations", "0/1/");
    assert_listed("deployments", deployment_text, "observed/conditions", "Available/");
    assert_listed("configmaps", "{data: {b: x, a: y}}", "", "metadata/data/binaryData/");
    assert_listed("configmaps", "{data: {b: x, a: y}}", "data", "a*b*");
    assert_listed("deployments", "{}", "", "metadata/");
}

static void assert_read(const char *kind_name, const char *text, const char *path, const char *expected)
{
    autodoc struct doc *doc = must_yaml(text);
    autobuf struct buf scratch = {0}, bytes = {0};
    struct field field = walk(kind_name, doc, path, &scratch);
    assert_true(field.set);
    field_read(&field, &bytes);
    assert_str(buf_str(&bytes), expected);
    assert_int_equal(field_size(&field), strlen(expected));
}

static bool take_one(void *context, struct str name, enum field_type type)
{
    (void)type;
    buf_clear(context);
    buf_add_str(context, name);
    return false;
}

/* … though the name behind which it goes on has been removed. */
static void a_map_is_listed_on_from_any_name(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
                                        "data: {b: '', a/1: '', name: '', c: '', d: ''}\n");
    value_sort(doc_root(doc));
    static const char *const expected[] = {"name", "a%2F1", "b", "c", "d"};
    autobuf struct buf scratch = {0}, last = {0};
    for (size_t i = 0; i < COUNT(expected); i++) {
        struct field data = walk("configmaps", doc, "data", &scratch);
        assert_false(field_list(&data, buf_str(&last), take_one, &last));
        assert_str(buf_str(&last), expected[i]);
        if (i % 2 == 0)
            value_unset(value_at(doc_root(doc), "data"), i == 0 ? STR("name") : buf_str(&last));
    }
    struct field data = walk("configmaps", doc, "data", &scratch);
    assert_true(field_list(&data, buf_str(&last), take_one, &last));
}

static void files_read_as_their_values(void **state)
{
    (void)state;
    assert_read("deployments", deployment_text, "replicas", "3\n");
    assert_read("deployments", deployment_text, "template/spec/hostNetwork", "true\n");
    assert_read("deployments", deployment_text, "metadata/labels/50%25", "x\n");
    assert_read("deployments", deployment_text, "metadata/labels/app.kubernetes.io%2Fname", "web\n");
    assert_read("deployments", deployment_text, "template/spec/containers/nginx/args",
                "-c\n\"a\\nb\"\n\"\\\"q\\\"\"\n\nx y\n");
    assert_read("deployments", deployment_text, "template/spec/containers/nginx/ports/53-UDP/protocol",
                "UDP\n");
    assert_read("deployments", deployment_text, "template/spec/containers/nginx/env/A~2/value", "two\n");
    assert_read("deployments", deployment_text, "template/spec/tolerations/1/key", "b\n");
    assert_read("deployments", deployment_text, "observed/conditions/Available/status", "True\n");
    assert_read("configmaps", "{data: {a: \"x\\n\\n\"}}", "data/a", "x\n\n");
    assert_read("configmaps", "{data: {a: x}}", "data/a", "x");
    assert_read("configmaps", "{binaryData: {a: ''}}", "binaryData/a", "");
    assert_read("configmaps", "{binaryData: {a: /w==}}", "binaryData/a", "\xff");
    assert_read("configmaps", "{binaryData: {a: Zm8=}}", "binaryData/a", "fo");
    assert_read("configmaps", "{binaryData: {a: Zm9vYmFy}}", "binaryData/a", "foobar");
    assert_read("configmaps", "{metadata: {annotations: {a: \"x\\ny\"}}}", "metadata/annotations/a",
                "x\ny\n");
}

static void names_that_lead_nowhere_are_none(void **state)
{
    (void)state;
    static const char *const paths[] = {"replcas",
                                        "status",
                                        "spec",
                                        ".top",
                                        "apiVersion",
                                        "kind",
                                        "manifest.yaml",
                                        "metadata/nothing",
                                        "replicas/x",
                                        "template/spec/tolerations/x",
                                        "template/spec/tolerations/3",
                                        "metadata/labels/%2",
                                        "metadata/labels/%2f"};
    autodoc struct doc *doc = must_yaml(deployment_text);
    autobuf struct buf scratch = {0};
    for (size_t i = 0; i < COUNT(paths); i++)
        if (walk("deployments", doc, paths[i], &scratch).type != FIELD_NONE)
            fail_msg("%s is there", paths[i]);
    struct field unset = walk("deployments", doc, "paused", &scratch);
    assert_int_equal(unset.type, FIELD_SCALAR);
    assert_false(unset.set);
    struct field next = walk("deployments", doc, "template/spec/tolerations/2", &scratch);
    assert_int_equal(next.type, FIELD_DIRECTORY);
    assert_false(next.set);
}

static void a_field_knows_who_may_write_it(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_yaml(deployment_text);
    autobuf struct buf scratch = {0};
    assert_true(walk("deployments", doc, "metadata/uid", &scratch).server_managed);
    assert_true(walk("deployments", doc, "observed/readyReplicas", &scratch).server_managed);
    assert_true(walk("deployments", doc, "observed/conditions/Available/status", &scratch).server_managed);
    assert_false(walk("deployments", doc, "metadata/labels/tier", &scratch).server_managed);
    assert_true(walk("deployments", doc, "selector", &scratch).required);
    assert_false(walk("deployments", doc, "replicas", &scratch).required);
    assert_true(walk("deployments", doc, "template/spec/containers/nginx/name", &scratch).is_key);
    assert_true(walk("deployments", doc, "metadata/labels/new", &scratch).map_entry);
}

static void names_are_encoded_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *key, *name;
    } rows[] = {{"a", "a"},       {"a/b", "a%2Fb"}, {"50%", "50%25"}, {".", "%2E"},
                {"..", "%2E%2E"}, {".a", ".a"},     {"%2F", "%252F"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf name = {0}, key = {0};
        field_encode(str_of(rows[i].key), &name);
        assert_str(buf_str(&name), rows[i].name);
        assert_true(field_decode(buf_str(&name), &key));
        assert_str(buf_str(&key), rows[i].key);
    }
    static const char *const bad[] = {"", "%", "%2", "%2f", "%41", "a/b", "%2E%2E%2E", "a%2E"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        autobuf struct buf key = {0};
        if (field_decode(str_of(bad[i]), &key))
            fail_msg("%s decodes", bad[i]);
    }
}

/* ---- writing ---- */

typedef int edit(const struct kind *kind, struct value object, struct str path, struct str bytes, bool server,
                 struct error **err);

static int make_directory(const struct kind *kind, struct value object, struct str path, struct str bytes,
                          bool server, struct error **err)
{
    (void)bytes;
    return field_make_directory(kind, object, path, server, err);
}

static int remove_field(const struct kind *kind, struct value object, struct str path, struct str bytes,
                        bool server, struct error **err)
{
    (void)bytes;
    return field_remove(kind, object, path, server, err);
}

struct edit_row {
    edit *edit;
    const char *kind, *before, *path, *bytes;
    const char *after; /* JSON; NULL when it is refused with … */
    int number;
    const char *sentence;
};

static void run_edits(const struct edit_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct edit_row *row = &rows[i];
        autodoc struct doc *doc = must_yaml(row->before);
        autoerror struct error *err = NULL;
        struct str bytes = row->bytes != NULL ? str_of(row->bytes) : STR_NONE;
        int result = row->edit(must_kind(row->kind), doc_root(doc), str_of(row->path), bytes, false, &err);
        autobuf struct buf after = {0};
        value_write(&after, doc_root(doc));
        if (result == 0 && (row->after == NULL || strcmp(after.at, row->after) != 0))
            fail_msg("%s: %s", row->path, after.at);
        if (result < 0 &&
            (row->after != NULL || result != -row->number || strcmp(err->message, row->sentence) != 0))
            fail_msg("%s: %d %s", row->path, result, err->message);
        if (result < 0) { /* what is refused has changed nothing */
            autodoc struct doc *again = must_yaml(row->before);
            assert_true(value_equal(doc_root(again), doc_root(doc)));
        }
    }
}

static void a_write_becomes_the_value(void **state)
{
    (void)state;
    static const struct edit_row rows[] = {
        {field_write, "deployments", "{}", "replicas", "3\n", "{\"spec\":{\"replicas\":3}}", 0, NULL},
        {field_write, "deployments", "{}", "replicas", "3", "{\"spec\":{\"replicas\":3}}", 0, NULL},
        {field_write, "deployments", "{}", "replicas", "three\n", NULL, EINVAL,
         "spec.replicas: must be an integer, not \"three\""},
        {field_write, "deployments", "{}", "replicas", "\n", NULL, EINVAL,
         "spec.replicas: must be an integer, not empty"},
        {field_write, "deployments", "{}", "replicas", "3\n\n", NULL, EINVAL,
         "spec.replicas: must be an integer, not \"3\\n\""},
        {field_write, "deployments", "{}", "replicas", "99999999999999999999", NULL, EINVAL,
         "spec.replicas: must be an integer of at most 64 bits, not \"99999999999999999999\""},
        {field_write, "deployments", "{}", "paused", "true\n", "{\"spec\":{\"paused\":true}}", 0, NULL},
        {field_write, "deployments", "{}", "paused", "yes\n", NULL, EINVAL,
         "spec.paused: must be true or false, not \"yes\""},
        {field_write, "deployments", "{spec: {strategy: {rollingUpdate: {}}}}",
         "strategy/rollingUpdate/maxSurge", "25%\n",
         "{\"spec\":{\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"25%\"}}}}", 0, NULL},
        {field_write, "deployments", "{spec: {strategy: {rollingUpdate: {}}}}",
         "strategy/rollingUpdate/maxSurge", "2\n",
         "{\"spec\":{\"strategy\":{\"rollingUpdate\":{\"maxSurge\":2}}}}", 0, NULL},
        {field_write, "deployments", "{}", "metadata/labels/a%2Fb", "c\n",
         "{\"metadata\":{\"labels\":{\"a/b\":\"c\"}}}", 0, NULL},
        {field_write, "configmaps", "{}", "data/a", "x\n", "{\"data\":{\"a\":\"x\\n\"}}", 0, NULL},
        {field_write, "configmaps", "{}", "data/a", "", "{\"data\":{\"a\":\"\"}}", 0, NULL},
        {field_write, "configmaps", "{}", "data/a", "\xff", NULL, EINVAL,
         "data[a]: must be UTF-8 text, not binary; for that there is binaryData"},
        {field_write, "configmaps", "{}", "binaryData/a", "\xff\xfe\x01", "{\"binaryData\":{\"a\":\"//4B\"}}",
         0, NULL},
        {field_write, "configmaps", "{}", "metadata/annotations/a", "x\ny\n",
         "{\"metadata\":{\"annotations\":{\"a\":\"x\\ny\"}}}", 0, NULL},
        {field_write, "deployments", "{}", "metadata/labels/a", "\xff", NULL, EINVAL,
         "metadata.labels[a]: must be UTF-8 text, not binary"},
        {field_write, "pods", "{spec: {containers: [{name: a}]}}", "containers/a/args", "x\n\n\"y\\nz\"\n",
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"x\",\"\",\"y\\nz\"]}]}}", 0, NULL},
        {field_write, "pods", "{spec: {containers: [{name: a, args: [b]}]}}", "containers/a/args", "",
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[]}]}}", 0, NULL},
        {field_write, "pods", "{spec: {containers: [{name: a}]}}", "containers/a/name", "b\n", NULL, EPERM,
         "spec.containers[0].name: is the name of the entry: remove it and make another"},
        {field_write, "pods", "{spec: {containers: [{name: a}]}}", "containers/a/name", "a\n",
         "{\"spec\":{\"containers\":[{\"name\":\"a\"}]}}", 0, NULL},
        {field_write, "pods", "{}", "containers/a/image", "b\n", NULL, ENOENT,
         "containers/a/image: there is no containers"},
        {field_write, "pods", "{spec: {containers: []}}", "containers/a/image", "b\n", NULL, ENOENT,
         "containers/a/image: there is no a"},
        {field_write, "pods", "{}", "replicas", "b\n", NULL, EINVAL, "unknown field \"replicas\""},
        {field_write, "deployments", "{}", "replcas", "1\n", NULL, EINVAL,
         "unknown field \"replcas\": did you mean \"replicas\"?"},
        {field_write, "deployments", "{spec: {strategy: {}}}", "strategy/typ", "Recreate\n", NULL, EINVAL,
         "unknown field \"spec.strategy.typ\": did you mean \"type\"?"},
        {field_write, "deployments", "{}", "metadata/uid", "b\n", NULL, EPERM,
         "metadata.uid: is managed by the server"},
        {field_write, "deployments", "{status: {}}", "observed/replicas", "1\n", NULL, EPERM,
         "status.replicas: is managed by the server"},
        {field_write, "deployments", "{}", "metadata", "1\n", NULL, EISDIR, "metadata: is a directory"},
    };
    run_edits(rows, COUNT(rows));
}

static void an_append_continues_what_is_there(void **state)
{
    (void)state;
    static const struct edit_row rows[] = {
        {field_append, "pods", "{spec: {containers: [{name: a, args: [x]}]}}", "containers/a/args", "-v\n",
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"x\",\"-v\"]}]}}", 0, NULL},
        {field_append, "pods", "{spec: {containers: [{name: a}]}}", "containers/a/args", "-v\n",
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"-v\"]}]}}", 0, NULL},
        {field_append, "configmaps", "{data: {a: x}}", "data/a", "y\n", "{\"data\":{\"a\":\"xy\\n\"}}", 0,
         NULL},
        {field_append, "configmaps", "{binaryData: {a: /w==}}", "binaryData/a", "\xfe",
         "{\"binaryData\":{\"a\":\"//4=\"}}", 0, NULL},
        {field_append, "configmaps", "{metadata: {annotations: {a: x}}}", "metadata/annotations/a", "y\n",
         "{\"metadata\":{\"annotations\":{\"a\":\"x\\ny\"}}}", 0, NULL},
        {field_append, "deployments", "{spec: {replicas: 1}}", "replicas", "2\n", NULL, EINVAL,
         "spec.replicas: is one value: nothing can be appended to it"},
    };
    run_edits(rows, COUNT(rows));
}

static void a_new_directory_is_an_object_or_an_entry(void **state)
{
    (void)state;
    static const struct edit_row rows[] = {
        {make_directory, "deployments", "{}", "template", NULL, "{\"spec\":{\"template\":{}}}", 0, NULL},
        {make_directory, "pods", "{}", "containers", NULL, "{\"spec\":{\"containers\":[]}}", 0, NULL},
        {make_directory, "pods", "{spec: {containers: []}}", "containers/web", NULL,
         "{\"spec\":{\"containers\":[{\"name\":\"web\"}]}}", 0, NULL},
        {make_directory, "pods", "{spec: {containers: [{name: a, ports: []}]}}", "containers/a/ports/80",
         NULL, "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80}]}]}}", 0, NULL},
        {make_directory, "pods", "{spec: {containers: [{name: a, ports: [{containerPort: 53}]}]}}",
         "containers/a/ports/53-UDP", NULL,
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":53},{\"protocol\":\"UDP\","
         "\"containerPort\":53}]}]}}",
         0, NULL},
        {make_directory, "pods", "{spec: {containers: [{name: a, ports: []}]}}", "containers/a/ports/53-TCP",
         NULL, NULL, EINVAL, "spec.containers[0].ports[53-TCP]: is not how this entry would be called"},
        {make_directory, "pods", "{spec: {containers: [{name: a, ports: []}]}}", "containers/a/ports/http",
         NULL, NULL, EINVAL, "spec.containers[0].ports[http]: must be an integer, not \"http\""},
        {make_directory, "pods", "{spec: {containers: [{name: a, volumeMounts: []}]}}",
         "containers/a/volumeMounts/%2Fdata", NULL,
         "{\"spec\":{\"containers\":[{\"name\":\"a\",\"volumeMounts\":[{\"mountPath\":\"/data\"}]}]}}", 0,
         NULL},
        {make_directory, "pods", "{spec: {tolerations: []}}", "tolerations/0", NULL,
         "{\"spec\":{\"tolerations\":[{}]}}", 0, NULL},
        {make_directory, "pods", "{spec: {topologySpreadConstraints: []}}",
         "topologySpreadConstraints/zone-a-DoNotSchedule", NULL,
         "{\"spec\":{\"topologySpreadConstraints\":[{\"whenUnsatisfiable\":\"DoNotSchedule\",\"topologyKey\":"
         "\"zone-a\"}]}}",
         0, NULL},
        {make_directory, "pods", "{spec: {containers: [{name: web}]}}", "containers/web", NULL, NULL, EEXIST,
         "spec.containers[0]: is there already"},
        {make_directory, "pods", "{}", "metadata/labels", NULL, NULL, EEXIST,
         "metadata.labels: is there already"},
        {make_directory, "deployments", "{}", "replicas", NULL, NULL, EINVAL, "spec.replicas: is a file"},
        {make_directory, "deployments", "{}", "metadata", NULL, NULL, EEXIST, "metadata: is there already"},
    };
    run_edits(rows, COUNT(rows));
}

static void a_removal_unsets(void **state)
{
    (void)state;
    static const struct edit_row rows[] = {
        {remove_field, "deployments", "{spec: {replicas: 1}}", "replicas", NULL, "{\"spec\":{}}", 0, NULL},
        {remove_field, "deployments", "{spec: {}}", "replicas", NULL, NULL, ENOENT,
         "spec.replicas: is not set"},
        {remove_field, "deployments", "{metadata: {labels: {a: b, c: d}}}", "metadata/labels/a", NULL,
         "{\"metadata\":{\"labels\":{\"c\":\"d\"}}}", 0, NULL},
        {remove_field, "deployments", "{spec: {template: {}}}", "template", NULL, NULL, EPERM,
         "spec.template: is required"},
        {remove_field, "pods", "{spec: {containers: [{name: a}, {name: b}]}}", "containers/a", NULL,
         "{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}", 0, NULL},
        {remove_field, "pods", "{spec: {containers: [{name: a}]}}", "containers/a/name", NULL, NULL, EPERM,
         "spec.containers[0].name: is required"},
        {remove_field, "pods", "{metadata: {uid: x}}", "metadata/uid", NULL, NULL, EPERM,
         "metadata.uid: is managed by the server"},
        {remove_field, "pods", "{metadata: {uid: x}}", "metadata", NULL, NULL, EPERM,
         "metadata: is required"},
    };
    run_edits(rows, COUNT(rows));
}

static void a_rename_moves_a_key_within_its_map(void **state)
{
    (void)state;
    static const struct {
        const char *before, *from, *to, *after;
        int number;
    } rows[] = {
        {"{data: {a: x}}", "data/a", "data/b", "{\"data\":{\"b\":\"x\"}}", 0},
        {"{data: {a: x, b: y}}", "data/a", "data/b", "{\"data\":{\"b\":\"x\"}}", 0},
        {"{data: {a: x}}", "data/a", "data/a", "{\"data\":{\"a\":\"x\"}}", 0},
        {"{data: {a: x}}", "data/b", "data/a", NULL, ENOENT},
        {"{data: {a: x}}", "data/a", "binaryData/a", NULL, EPERM},
        {"{data: {a: x}, immutable: true}", "immutable", "data/a", NULL, EPERM},
        {"{metadata: {uid: x}}", "metadata/uid", "metadata/name", NULL, EPERM},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_yaml(rows[i].before);
        int result = field_rename(must_kind("configmaps"), doc_root(doc), str_of(rows[i].from),
                                  str_of(rows[i].to), false, NULL);
        assert_int_equal(result, -rows[i].number);
        if (rows[i].after != NULL)
            assert_json(doc_root(doc), rows[i].after);
    }
}

static void the_server_writes_what_it_manages(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_yaml("{}");
    const struct kind *kind = must_kind("deployments");
    assert_int_equal(field_make_directory(kind, doc_root(doc), STR("observed"), true, NULL), 0);
    assert_int_equal(field_write(kind, doc_root(doc), STR("observed/replicas"), STR("2\n"), true, NULL), 0);
    assert_json(doc_root(doc), "{\"status\":{\"replicas\":2}}");
}

static void a_name_is_checked_before_anything_is_made(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *path, *sentence; /* NULL: it may be */
    } rows[] = {
        {"configmaps", "data/a.conf", NULL},
        {"configmaps", "data/there", NULL},
        {"configmaps", "data/bad key!",
         "data[bad key!]: the key must be a file name: at most 253 of letters, digits, -, _ and ., not . or "
         "beginning with .."},
        {"configmaps", "data/100%", "data: \"100%\" is no name for a key"},
        {"configmaps", "metadata/labels/a.b%2Fc", NULL},
        {"configmaps", "metadata/labels/-",
         "metadata.labels[-]: the key must be a qualified name: at most 63 of letters, digits, -, _ and ., "
         "beginning and ending with a letter or digit, perhaps behind a DNS subdomain and a slash"},
        {"configmaps", "immutable", NULL},
        {"configmaps", "dato", "unknown field \"dato\": did you mean \"data\"?"},
        {"pods", "nodeNam", "unknown field \"nodeNam\": did you mean \"nodeName\"?"},
        {"pods", "containers/a/imag", "unknown field \"spec.containers[0].imag\": did you mean \"image\"?"},
    };
    autodoc struct doc *doc = must_yaml("{data: {there: x}, spec: {containers: [{name: a}]}, metadata: {}}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        int result = field_check_name(must_kind(rows[i].kind), doc_root(doc), str_of(rows[i].path), &err);
        if (rows[i].sentence == NULL)
            assert_int_equal(result, 0);
        else
            assert_error(result, EINVAL, err, rows[i].sentence);
    }
}

/* What is read from a list of lines can be written back. */
static void lines_read_back_as_they_were(void **state)
{
    (void)state;
    static const char *const lists[] = {"[]",           "[\"\"]",      "[\"\",\"\"]",  "[\"a\"]",
                                        "[\"\\n\"]",    "[\"a\\n\"]",  "[\"\\\"\"]",   "[\"\\\"a\\\"\"]",
                                        "[\"\\t a \"]", "[\"\\\\n\"]", "[\"\",\"a\"]", "[\"a\",\"\"]"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        autofree char *text = NULL;
        if (asprintf(&text, "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":%s}]}}", lists[i]) < 0)
            abort();
        autodoc struct doc *doc = must_parse(text);
        autobuf struct buf scratch = {0}, bytes = {0};
        struct field field = walk("pods", doc, "containers/a/args", &scratch);
        field_read(&field, &bytes);
        assert_int_equal(field_write(must_kind("pods"), doc_root(doc), STR("containers/a/args"),
                                     buf_str(&bytes), false, NULL),
                         0);
        assert_json(doc_root(doc), text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_list_what_is_set),
        cmocka_unit_test(a_map_is_listed_on_from_any_name),
        cmocka_unit_test(files_read_as_their_values),
        cmocka_unit_test(names_that_lead_nowhere_are_none),
        cmocka_unit_test(a_field_knows_who_may_write_it),
        cmocka_unit_test(names_are_encoded_and_back),
        cmocka_unit_test(a_write_becomes_the_value),
        cmocka_unit_test(an_append_continues_what_is_there),
        cmocka_unit_test(a_new_directory_is_an_object_or_an_entry),
        cmocka_unit_test(a_removal_unsets),
        cmocka_unit_test(a_rename_moves_a_key_within_its_map),
        cmocka_unit_test(the_server_writes_what_it_manages),
        cmocka_unit_test(a_name_is_checked_before_anything_is_made),
        cmocka_unit_test(lines_read_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
