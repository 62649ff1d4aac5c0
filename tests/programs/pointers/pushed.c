// flags: -O2
// slot: member Ops.go
// by: stored Ops.go choose STORE
// The address of a local variable is taken while the stack pointer stands elsewhere.
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
static volatile struct Ops *kept;
NOINLINE void choose(void)
{
    kept->go = 0;
    kept->go = leaf; /* STORE */
}
NOINLINE int call(int (*go)(int))
{
    volatile struct Ops ops;
    __asm__ volatile("sub $32, %%rsp\n lea 32+%1, %%rax\n add $32, %%rsp\n mov %%rax, %0"
                     : "=m"(kept)
                     : "m"(ops.before)
                     : "rax");
    ops.go = go;
    choose();
    return ops.go(3) + 1;
}

int main(void)
{
    return call(leaf) != 5;
}
