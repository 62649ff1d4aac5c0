// slot: member Ops.go
// by: copied Ops.go derive COPY
// by: read Ops.go
// by: stored Ops.go setup STORE
// Copied with all that is around it, as QOM does with the class of a parent.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before[40];
    int (*go)(int);
    long after[40];
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void setup(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE struct Ops *derive(struct Ops *parent, size_t size)
{
    struct Ops *ops = malloc(size);
    ops->before[0] = size;
    memcpy(ops, parent, size); /* COPY */
    ops->after[0]++;
    return ops;
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *parent = calloc(1, sizeof *parent);
    setup(parent);
    return call(derive(parent, sizeof *parent)) != 5;
}
