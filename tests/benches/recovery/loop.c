/* What the recovery benchmark compares with: the watch dog that one writes by hand, in C.
   The worker does what `work` in tests/src/recovery.rs does. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void report(uint64_t nanoseconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t numbers[3] = {nanoseconds, (uint64_t)getpid(), (uint64_t)usage.ru_minflt};
    if (write(STDOUT_FILENO, numbers, sizeof numbers) != sizeof numbers)
        _exit(0); /* nobody reads any more */
}

static int worker(size_t memory)
{
    uint64_t started = now();
    report(started);
    unsigned char *filled = malloc(memory ? memory : 1);
    if (!filled)
        return 0;
    memset(filled, 1, memory);
    /* The memory is used, as far as the compiler can tell. */
    __asm__ volatile("" : : "r"(filled) : "memory");
    report(now());
    pause();
    free(filled);
    return 0;
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 1;
    size_t memory = strtoul(arguments[1], NULL, 10) * 1024 * 1024;
    for (;;) {
        pid_t child = fork();
        if (child < 0)
            return 1;
        if (child == 0)
            return worker(memory);
        int status;
        if (waitpid(child, &status, 0) < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
            return 0;
    }
}
