// slot: member Ops.go
// by: copied Ops.go derive COPY
// by: read Ops.go
// by: stored Ops.go setup STORE
// Copied by an assignment, that is by instructions.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void setup(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE void derive(struct Ops *ops, struct Ops *parent)
{
    ops->go = parent->go; /* COPY */
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
