// flags: -pthread
// slot: member Ops.go
// by: stored Ops.go setter STORE
// thread: not main
// Stored by another thread.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

#include <pthread.h>

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void *setter(void *argument)
{
    struct Ops *ops = argument;
    ops->go = leaf; /* STORE */
    return 0;
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    pthread_t thread;
    if (pthread_create(&thread, 0, setter, ops))
        return 2;
    pthread_join(thread, 0);
    return call(ops) != 5;
}
