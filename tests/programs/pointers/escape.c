// slot: member Ops.go
// by: stored Ops.go choose STORE
// A member of a local structure whose address another function gets: what was put there first does not count.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void choose(struct Ops *ops)
{
    ops->go = 0;
    __asm__ volatile("" : : : "memory");
    ops->go = leaf; /* STORE */
}
NOINLINE int call(int (*go)(int))
{
    struct Ops ops = {.before = 1, .go = go};
    choose(&ops);
    return ops.go(3) + 1;
}

int main(void)
{
    return call(leaf) != 5;
}
