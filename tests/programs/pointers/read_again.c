// slot: member Ops.go
// outcome: unknown
// reason: no store observed
// A statement stored it, another took it away, and the kernel put it there again, which no watchpoint sees.
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
    int (*other)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set(struct Ops *ops, int (*go)(int))
{
    ops->go = go;
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    int ends[2];
    int (*go)(int) = leaf;
    struct Ops *ops = calloc(1, sizeof *ops);
    set(ops, leaf);
    set(ops, 0);
    if (pipe(ends) || write(ends[1], &go, sizeof go) < 0 || read(ends[0], &ops->go, sizeof go) < 0)
        return 2;
    return call(ops) != 5;
}
