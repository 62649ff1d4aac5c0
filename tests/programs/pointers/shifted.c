// flags: -O2
// slot: unknown
// outcome: unknown
// The caller called another function, which jumped on through a pointer and shifted the arguments.
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
NOINLINE int apply(int (*go)(int))
{
    return go(3) + 1;
}
static int (*volatile way)(int (*)(int)) = apply;
NOINLINE int hop(int (*first)(int), int (*second)(int))
{
    (void)first;
    return way(second);
}
NOINLINE int call(struct Ops *ops)
{
    return hop(ops->go, ops->other) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    ops->go = leaf;
    ops->other = leaf;
    __asm__ volatile("" : : : "memory");
    return call(ops) != 6;
}
