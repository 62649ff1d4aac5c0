// none: see test_pointers.py
// An earlier call at the same depth took the pointer from another place that holds the same.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    int (*first)(int);
    int (*second)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set_first(struct Ops *ops)
{
    ops->first = leaf;
}
NOINLINE void set_second(struct Ops *ops)
{
    ops->second = leaf;
}
NOINLINE int call(struct Ops *ops, int value)
{
    int (*go)(int);
    if (!value)
        go = ops->first;
    else
        go = ops->second;
    __asm__ volatile("" : "+r"(go));
    return go(value) + 1;
}
NOINLINE int warm_up(struct Ops *ops)
{
    return call(ops, 0) + 1;
}
NOINLINE int run(struct Ops *ops)
{
    return call(ops, 1) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    set_first(ops);
    set_second(ops);
    return warm_up(ops) + run(ops) != 7;
}
