// none: see test_pointers.py
// One call, reached in two ways for two objects, each with a setter of its own.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set_first(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE void set_second(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}
NOINLINE int by_one_way(struct Ops *ops)
{
    return call(ops) + 1;
}
NOINLINE int by_another_way(struct Ops *ops)
{
    return call(ops) + 2;
}

int main(void)
{
    struct Ops *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
    set_first(first);
    set_second(second);
    return by_one_way(first) + by_another_way(second) != 13;
}
