// flags: -O0
// none: see test_pointers.py
// The caller read the pointer from the structure the first time, and got it from a function the second.
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
static int (*hidden)(int);
NOINLINE int (*get(void))(int)
{
    return hidden;
}
NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf;
}
NOINLINE int call(int (*go)(int))
{
    return go(3) + 1;
}
NOINLINE int run(struct Ops *ops, int from_ops)
{
    int (*go)(int);
    if (from_ops)
        go = ops->go;
    else
        go = get();
    __asm__ volatile("" : "+r"(go));
    return call(go) + 1;
}
NOINLINE int early(struct Ops *ops)
{
    return run(ops, 1) + 1;
}
NOINLINE int late(struct Ops *ops)
{
    return run(ops, 0) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    hidden = leaf;
    set(ops);
    return early(ops) + late(ops) != 14;
}
