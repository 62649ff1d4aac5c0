// flags: -O0
// slot: unknown
// outcome: unknown
// Half of a local variable was written to after the pointer came there.
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
NOINLINE int call(struct Ops *ops, unsigned high)
{
    union {
        int (*go)(int);
        unsigned half[2];
    } both;
    both.go = ops->go;
    both.half[1] = high;
    return both.go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    ops->go = leaf;
    __asm__ volatile("" : : : "memory");
    return call(ops, (unsigned)((uintptr_t)leaf >> 32)) != 5;
}
