// flags: -O0
// slot: unknown
// outcome: unknown
// An earlier activation read the pointer from the structure and made no call; this one got it from a function.
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
NOINLINE int call(struct Ops *ops, int from_ops)
{
    int (*go)(int);
    if (from_ops)
        go = ops->go;
    else
        go = get();
    __asm__ volatile("" : "+r"(go));
    if (from_ops)
        return 5;
    return go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    hidden = leaf;
    set(ops);
    return call(ops, 1) + call(ops, 0) != 10;
}
