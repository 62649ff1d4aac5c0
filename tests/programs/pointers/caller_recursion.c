// slot: argument go of quiet
// by: passed go outer PASS
// by: read Ops.go
// by: stored Ops.go set STORE
// The caller read the pointer, and read another one for a call inside before this one was used.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
static struct Ops *all[2];

NOINLINE int quiet(int (*go)(int), int depth);
NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE void set_other(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE int outer(struct Ops *ops, int depth)
{
    return quiet(ops->go, depth) + 1; /* PASS */
}
NOINLINE int quiet(int (*go)(int), int depth)
{
    if (depth)
        return 5;
    outer(all[1], 1);
    return go(3) + 1;
}

int main(void)
{
    all[0] = calloc(1, sizeof *all[0]);
    all[1] = calloc(1, sizeof *all[1]);
    set(all[0]);
    set_other(all[1]);
    return outer(all[0], 0) != 6;
}
