#include "reconcilers/trouble.h"

#include "lib/condition.h"
#include "lib/file.h"

void troubles_add(struct troubles *troubles, const struct pod *pod)
{
    if (pod->trouble.length == 0)
        return;
    for (size_t i = 0; i < troubles->count; i++)
        if (str_equal(troubles->rows[i].reason, pod->trouble)) {
            troubles->rows[i].pods++;
            return;
        }
    array_grow(troubles->rows, troubles->count, troubles->capacity);
    troubles->rows[troubles->count++] = (struct trouble){pod->trouble, pod->trouble_message, 1};
}

const struct trouble *troubles_most(const struct troubles *troubles)
{
    const struct trouble *most = NULL;
    for (size_t i = 0; i < troubles->count; i++)
        if (most == NULL || troubles->rows[i].pods > most->pods)
            most = &troubles->rows[i];
    return most;
}

void troubles_free(struct troubles *troubles)
{
    free(troubles->rows);
    *troubles = (struct troubles){0};
}

void trouble_tell(struct value conditions, const struct trouble *trouble, int64_t pods, int64_t now_ms)
{
    if (trouble == NULL) {
        condition_remove(conditions, POD_FAILURE);
        return;
    }
    autofree char *reason = str_dup(trouble->reason);
    autobuf struct buf message = {0};
    buf_addf(&message, "%lld of %lld pods: %s", (long long)trouble->pods, (long long)pods, reason);
    if (trouble->message.length != 0)
        buf_addf(&message, ": " STR_FORMAT, STR_ARGS(trouble->message));
    condition_set(conditions, POD_FAILURE, "True", reason, buf_str(&message), now_ms);
}
