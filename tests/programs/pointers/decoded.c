// slot: member Ops.go
// by: stored Ops.go set STORE
// outcome: unknown
// reason: the source of the stored value is unknown
// What is stored is worked out from two numbers.
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
NOINLINE void set(struct Ops *ops, uintptr_t coded, uintptr_t key)
{
    ops->go = (int (*)(int))(coded ^ key); /* STORE */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    set(ops, (uintptr_t)leaf ^ 0x5a5a, 0x5a5a);
    return call(ops) != 5;
}
