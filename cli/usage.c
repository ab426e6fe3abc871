#include "cli/usage.h"

#include "lib/file.h"
#include "lib/quantity.h"

#define MOST_CELLS 5

struct row {
    char *cells[MOST_CELLS];
};

struct rows {
    struct row *row;
    size_t count, capacity;
    int cells;
};

struct amount {
    int64_t milli, bytes;
};

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        for (int cell = 0; cell < MOST_CELLS; cell++)
            free(rows->row[i].cells[cell]);
    free(rows->row);
}

static struct row *add_row(struct rows *rows)
{
    array_grow(rows->row, rows->count, rows->capacity);
    rows->row[rows->count] = (struct row){{NULL}};
    return &rows->row[rows->count++];
}

static void add_head(struct rows *rows, const char *const *names)
{
    struct row *row = add_row(rows);
    for (rows->cells = 0; names[rows->cells] != NULL; rows->cells++)
        row->cells[rows->cells] = str_dup(str_of(names[rows->cells]));
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    int order = 0;
    for (int cell = 0; order == 0 && cell < MOST_CELLS && left->cells[cell] != NULL; cell++)
        order = strcmp(left->cells[cell], right->cells[cell]);
    return order;
}

/* Columns are as wide as their widest cell, and three more. */
static size_t print(struct rows *rows, struct buf *table)
{
    size_t widths[MOST_CELLS] = {0};
    if (rows->count < 2)
        return 0;
    qsort(rows->row + 1, rows->count - 1, sizeof(*rows->row), compare_rows);
    for (size_t i = 0; i < rows->count; i++)
        for (int cell = 0; cell < rows->cells; cell++)
            if (strlen(rows->row[i].cells[cell]) > widths[cell])
                widths[cell] = strlen(rows->row[i].cells[cell]);
    for (size_t i = 0; i < rows->count; i++) {
        for (int cell = 0; cell < rows->cells - 1; cell++)
            buf_addf(table, "%-*s", (int)widths[cell] + 3, rows->row[i].cells[cell]);
        buf_addf(table, "%s\n", rows->row[i].cells[rows->cells - 1]);
    }
    return rows->count - 1;
}

static void add_amount(struct amount *amount, struct value list)
{
    int64_t milli, bytes;
    if (quantity_milli(value_str(value_get(list, STR("cpu"))), &milli))
        amount->milli += milli;
    if (quantity_units(value_str(value_get(list, STR("memory"))), &bytes))
        amount->bytes += bytes;
}

static char *cpu_cell(const struct amount *amount)
{
    return path_format("%lldm", (long long)amount->milli);
}

static char *memory_cell(const struct amount *amount)
{
    return path_format("%lldMi", (long long)amount->bytes / (1024 * 1024));
}

static void add_pod_row(struct rows *rows, bool with_namespace, struct value pod, struct value container,
                        const struct amount *amount)
{
    struct row *row = add_row(rows);
    int cell = 0;
    if (with_namespace)
        row->cells[cell++] = str_dup(value_str(value_get(pod, STR("namespace"))));
    row->cells[cell++] = str_dup(value_str(value_get(pod, STR("name"))));
    if (value_exists(container))
        row->cells[cell++] = str_dup(value_str(value_get(container, STR("name"))));
    row->cells[cell++] = cpu_cell(amount);
    row->cells[cell] = memory_cell(amount);
}

static void add_pod(struct rows *rows, bool with_namespace, bool containers, struct value pod)
{
    struct amount all = {0};
    value_each (container, value_get(pod, STR("containers"))) {
        struct amount one = {0};
        add_amount(&one, value_get(container, STR("usage")));
        add_amount(&all, value_get(container, STR("usage")));
        if (containers)
            add_pod_row(rows, with_namespace, pod, container, &one);
    }
    if (!containers)
        add_pod_row(rows, with_namespace, pod, VALUE_ABSENT, &all);
}

size_t usage_pods(struct value metrics, const char *namespace, bool containers, struct buf *table)
{
    static const char *const heads[] = {"NAMESPACE", "POD", "NAME", "CPU(cores)", "MEMORY(bytes)", NULL};
    const char *names[MOST_CELLS + 1];
    int cells = 0;
    /* As kubectl: of a container POD and NAME, of a pod NAME alone. */
    for (int i = namespace == NULL ? 0 : 1; heads[i] != NULL; i++)
        if (containers || i != 1)
            names[cells++] = heads[i];
    names[cells] = NULL;
    cleanup(free_rows) struct rows rows = {0};
    add_head(&rows, names);
    value_each (node, value_get(metrics, STR("items")))
        value_each (pod, value_get(node, STR("pods")))
            if (namespace == NULL || value_is(value_get(pod, STR("namespace")), namespace))
                add_pod(&rows, namespace == NULL, containers, pod);
    return print(&rows, table);
}

static struct value find_node(struct value nodes, struct str name)
{
    value_each (node, value_get(nodes, STR("items")))
        if (str_equal(value_str(value_at(node, "metadata", "name")), name))
            return node;
    return VALUE_ABSENT;
}

static char *percent_cell(int64_t used, int64_t whole)
{
    return whole > 0 ? path_format("%lld%%", (long long)(used * 100 / whole)) : str_dup(STR("<unknown>"));
}

size_t usage_nodes(struct value metrics, struct value nodes, struct buf *table)
{
    static const char *const names[] = {"NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)", NULL};
    cleanup(free_rows) struct rows rows = {0};
    add_head(&rows, names);
    value_each (metric, value_get(metrics, STR("items"))) {
        struct str name = value_str(value_at(metric, "metadata", "name"));
        struct amount used = {0}, whole = {0};
        if (!value_exists(value_at(metric, "usage", "cpu")))
            continue;
        add_amount(&used, value_get(metric, STR("usage")));
        add_amount(&whole, value_at(find_node(nodes, name), "status", "allocatable"));
        struct row *row = add_row(&rows);
        *row = (struct row){{str_dup(name), cpu_cell(&used), percent_cell(used.milli, whole.milli),
                             memory_cell(&used), percent_cell(used.bytes, whole.bytes)}};
    }
    return print(&rows, table);
}
