// slot: member Ops.go
// by: copied Ops.go derive COPY
// by: read Ops.go
// by: stored Ops.go setup STORE
// A structure assigned as a whole: optimised, one wide register carries two pointers.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    int (*stop)(int);
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE void setup(struct Ops *ops)
{
    ops->stop = other;
    __asm__ volatile("" : : : "memory");
    ops->go = leaf; /* STORE */
}
NOINLINE void derive(struct Ops *ops, struct Ops *parent)
{
    *ops = *parent; /* COPY */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *parent = calloc(1, sizeof *parent), *ops = calloc(1, sizeof *ops);
    setup(parent);
    derive(ops, parent);
    return call(ops) != 5;
}
