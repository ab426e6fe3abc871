/* Loads that read what is long, while whoever renders it is killed. */
#include "tests/torture/torture.h"

#include <dirent.h>
#include <errno.h>

#define LISTED 1000
#define HERE   "namespaces/lots/configmaps"

void prepare_lists(void)
{
    autobuf struct buf requests = {0}, results = {0};
    make_directory(in_tree("namespaces/lots"));
    for (int i = 0; i < LISTED; i++)
        buf_addf(
            &requests,
            "{\"op\":\"create\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
            "\"name\":\"listed-%04d\",\"namespace\":\"lots\"},\"data\":{\"some\":\"thing to make it longer, "
            "for a list has to be read in several parts %d\"}}}\n",
            i, i);
    bulk(in_tree(HERE "/.bulk"), buf_str(&requests), &results);
    demand(strstr(results.at, "error") == NULL, "the objects of the list were not made: %s", results.at);
}

/* Each of the thousand once. */
struct seen {
    bool of[LISTED];
    int count;
};

static void see(struct seen *seen, struct str name, const char *where)
{
    int64_t number = -1;
    demand(str_starts(name, STR("listed-")) &&
               str_to_int64((struct str){name.at + 7, name.length - 7}, &number) && number < LISTED,
           "%s has \"" STR_FORMAT "\"", where, STR_ARGS(name));
    demand(!seen->of[number], "%s has " STR_FORMAT " twice", where, STR_ARGS(name));
    seen->of[number] = true;
    seen->count++;
}

static void demand_all(const struct seen *seen, const char *where)
{
    demand(seen->count == LISTED, "%s has %d of %d", where, seen->count, LISTED);
}

static struct str name_in(struct value object)
{
    return value_str(value_at(object, "metadata", "name"));
}

static void read_json(size_t step)
{
    autobuf struct buf text = {0};
    struct seen seen = {0};
    read_whole(in_tree(HERE "/.json"), step, &text);
    struct error *err = NULL;
    autodoc struct doc *list = doc_parse(buf_str(&text), &err);
    demand(list != NULL, ".json is not well-formed after %zu bytes: %s", text.length, error_message(err));
    value_each (item, value_get(doc_root(list), STR("items")))
        see(&seen, name_in(item), ".json");
    demand_all(&seen, ".json");
}

static void read_since(size_t step)
{
    autobuf struct buf text = {0};
    struct seen seen = {0};
    read_whole(in_tree(HERE "/.since/0"), step, &text);
    struct str rest = buf_str(&text), line;
    bool ended = false;
    while (str_split(&rest, '\n', &line) && line.length != 0) {
        autodoc struct doc *doc = doc_parse(line, NULL);
        demand(doc != NULL && !ended, ".since has the line " STR_FORMAT, STR_ARGS(line));
        ended = value_exists(value_get(doc_root(doc), STR("version")));
        if (!ended)
            see(&seen, name_in(doc_root(doc)), ".since");
    }
    demand(ended, ".since does not end with a version");
    demand_all(&seen, ".since");
}

static void read_names(size_t step)
{
    (void)step;
    struct seen seen = {0};
    DIR *directory = opendir(in_tree(HERE));
    demand(directory != NULL, "opendir");
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; errno = 0)
        if (entry->d_name[0] != '.')
            see(&seen, str_of(entry->d_name), "the directory");
    demand(errno == 0, "readdir");
    demand(closedir(directory) == 0, "closedir");
    demand_all(&seen, "the directory");
}

void run_lists(int process)
{
    static void (*const reads[])(size_t step) = {read_json, read_since, read_names};
    while (going_on())
        reads[(unsigned)process % 3](512 + random_below(100000));
}
