// slot: member Ops.go
// outcome: not reproduced
// The memory is elsewhere in each run.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

#include <stdint.h>
#include <sys/random.h>

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    uint32_t somewhere = 0;
    if (getrandom(&somewhere, sizeof somewhere, 0) != sizeof somewhere)
        return 2;
    struct Ops *ops = calloc(1 << 20, sizeof *ops);
    ops += somewhere % (1 << 20);
    ops->go = leaf;
    __asm__ volatile("" : : : "memory");
    return call(ops) != 5;
}
