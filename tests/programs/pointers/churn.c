// slot: member Ops.go
// outcome: unknown
// reason: the slot is written to too often
// The place is written to more often than anybody wants to wait for.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*volatile go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    for (int i = 0; i < 30000; i++) {
        ops->go = other;
        ops->go = leaf;
    }
    return call(ops) != 5;
}
