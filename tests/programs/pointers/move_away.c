// slot: member Ops.go
// by: copied Ops.go take COPY
// outcome: unknown
// reason: the source of the copy is unknown
// The place it was copied from holds something else already when it is stored.
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
NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE void take(struct Ops *to, struct Ops *from)
{
    int (*go)(int) = from->go;
    from->go = 0;
    __asm__ volatile("" : : : "memory");
    to->go = go; /* COPY */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
    set(from);
    take(to, from);
    return call(to) != 5;
}
