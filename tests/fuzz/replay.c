/* Gives every seed to the fuzz target that this is linked with: without libFuzzer, as a test like any other.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>

static bool replay(const char *directory, const char *name)
{
    autofree char *path = NULL;
    autobuf struct buf bytes = {0};
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        abort();
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    for (size_t n = 1; n > 0; bytes.length += n)
        n = fread(buf_reserve(&bytes, 4096), 1, 4096, file);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput((const uint8_t *)bytes.at, bytes.length);
    return true;
}

int main(void)
{
    const char *source = getenv("srcdir"); /* automake says where the sources are */
    autofree char *directory = NULL;
    if (asprintf(&directory, "%s/tests/fuzz/seeds/" SEEDS, source != NULL ? source : ".") < 0)
        abort();
    DIR *listing = opendir(directory);
    int seeds = 0;
    if (listing == NULL) {
        perror(directory);
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (entry->d_name[0] != '.') {
            if (!replay(directory, entry->d_name))
                return 1;
            seeds++;
        }
    closedir(listing);
    return seeds > 0 ? 0 : 1;
}
