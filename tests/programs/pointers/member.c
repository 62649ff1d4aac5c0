// slot: member Ops.go
// by: stored Ops.go install STORE
// by: passed go main PASS
// A member of a structure on the heap; its setter got the function as an argument.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void install(struct Ops *ops, int (*go)(int))
{
    ops->go = go; /* STORE */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    install(ops, leaf); /* PASS */
    return call(ops) != 5;
}
