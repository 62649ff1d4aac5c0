// slot: member Ops.go
// by: stored Ops.go main STORE
// Optimised, call jumps through the pointer and leaves no frame.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int call(struct Ops *ops, int value)
{
    return ops->go(value);
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    ops->go = leaf; /* STORE */
    __asm__ volatile("" : : : "memory");
    int result = call(ops, 3);
    __asm__ volatile("");
    return result != 4;
}
