// Calls of each kind on one chain, built with the options of distributions: see tests/gdb/test_build_options.py.
#include <pthread.h>
#include <stdlib.h>

/* Functions that stay functions, whatever the optimiser could do with them. */
#if defined(__clang__)
#define NOINLINE __attribute__((noinline, optnone))
#define NOINLINE_OPTIMISED __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa))
#define NOINLINE_OPTIMISED __attribute__((noipa))
#endif

struct Ops {
    long before;
    int (*run)(int);
};

static struct Ops *ops;
static volatile int counter;

NOINLINE int leaf(int value) { return value + 1; }

NOINLINE_OPTIMISED int hop(int value)
{
    counter++;
    return leaf(value + 1);
}

static inline __attribute__((always_inline)) int inlined(int value)
{
    int result = hop(value);
    counter++;
    return result;
}

NOINLINE_OPTIMISED int target(int value)
{
    int result = inlined(value);
    counter++;
    return result + 1;
}

NOINLINE_OPTIMISED void install(struct Ops *to, int (*run)(int))
{
    to->run = run; /* STORE */
    counter++;
}

NOINLINE_OPTIMISED int dispatch(struct Ops *from)
{
    int result = from->run(3);
    counter++;
    return result;
}

NOINLINE_OPTIMISED void *worker(void *opaque)
{
    counter += dispatch(opaque);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    ops = calloc(1, sizeof *ops);
    install(ops, target); /* PASS */
    pthread_create(&thread, NULL, worker, ops);
    pthread_join(thread, NULL);
    return counter != 11;
}
