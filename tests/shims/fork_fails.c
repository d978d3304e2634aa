/* An interposed `fork` that fails while the file named by FORK_FAILS_WHILE exists: with ENOMEM if that file has any
 * content, else with EAGAIN. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

pid_t fork(void)
{
    const char *file = getenv("FORK_FAILS_WHILE");
    struct stat found;
    if (file != NULL && stat(file, &found) == 0) {
        errno = found.st_size > 0 ? ENOMEM : EAGAIN;
        return -1;
    }
    pid_t (*next)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
    return next();
}
