// flags: -O2
// slot: member Ops.go
// by: stored Ops.go set STORE
// Read twice by one instruction, at depths that are not that of the call: the value tells which reading counts.
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
NOINLINE int hop(int value) { return leaf(value); }
NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE void set_hop(struct Ops *ops)
{
    ops->go = hop;
}
NOINLINE int call(struct Ops **all, int count)
{
    int (*go)(int) = 0;
    for (int i = 0; i < count; i++) {
        go = all[i]->go;
        __asm__ volatile("" : "+r"(go));
        char *room = __builtin_alloca(64 * (i + 1));
        __asm__ volatile("" : : "r"(room) : "memory");
    }
    return go(3) + 1;
}

int main(void)
{
    struct Ops *all[2] = {calloc(1, sizeof **all), calloc(1, sizeof **all)};
    set_hop(all[0]);
    set(all[1]);
    return call(all, 2) != 5;
}
