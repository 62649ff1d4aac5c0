// flags: -O0
// slot: member Ops.go
// by: stored Ops.go grow GROW
// outcome: unknown
// reason: a library stored the pointer, and its source is unknown
// Moved by a library.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE struct Ops *grow(struct Ops *ops)
{
    return realloc(ops, 4000 * sizeof *ops); /* GROW */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    void *in_the_way = malloc(64);
    set(ops);
    ops = grow(ops);
    return !in_the_way || call(ops) != 5;
}
