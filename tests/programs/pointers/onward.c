// slot: member Ops.go
// by: stored Ops.go main STORE
// chain: main > call *> hop t> leaf
// flags: -O2
// The pointer leads to a function that jumps on at once: the slot's value names it.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int hop(int value)
{
    return leaf(value);
}
NOINLINE int call(struct Ops *ops, int value)
{
    return ops->go(value) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    ops->go = hop; /* STORE */
    __asm__ volatile("" : : : "memory");
    return call(ops, 3) != 5;
}
