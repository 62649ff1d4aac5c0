// slot: member Ops.go
// by: copied Ops.go copy COPY
// by: read Ops.go
// by: copied Ops.go copy COPY
// by: read Ops.go
// by: copied Ops.go copy COPY
// by: read Ops.go
// by: copied Ops.go copy COPY
// by: read Ops.go
// outcome: unknown
// reason: it was copied more often than there are watchpoints
// Copied more often than there are watchpoints.
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
NOINLINE void copy(struct Ops *to, struct Ops *from)
{
    to->go = from->go; /* COPY */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(8, sizeof *ops);
    set(ops);
    for (int i = 0; i < 5; i++)
        copy(ops + i + 1, ops + i);
    return call(ops + 5) != 5;
}
