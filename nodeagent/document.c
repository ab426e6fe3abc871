#include "nodeagent/document.h"

const char *const document_container_lists[DOCUMENT_LISTS] = {"initContainers", "containers",
                                                              "ephemeralContainers"};

struct value document_container(struct value pod, struct str name, bool *initial)
{
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (container, value_at(pod, "spec", document_container_lists[i]))
            if (str_equal(value_str(value_get(container, STR("name"))), name)) {
                if (initial != NULL)
                    *initial = i == 0;
                return container;
            }
    return VALUE_ABSENT;
}

struct value document_container_status(struct value pod, const char *name)
{
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (status, value_at(pod, "status", lists[i]))
            if (value_is(value_get(status, STR("name")), name))
                return status;
    return VALUE_ABSENT;
}
