// slot: member Ops.go
// by: stored Ops.go second STORE
// Set to the right function, to another one, and to the right one again: the last one counts.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE void first(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE void between(struct Ops *ops)
{
    ops->go = other;
}
NOINLINE void second(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    first(ops);
    between(ops);
    second(ops);
    int result = call(ops);
    between(ops); /* too late: the call is over */
    return result != 5;
}
