// slot: unknown
// outcome: unknown
// reason: the machine code has several possible origins of the pointer
// Two slots hold the same pointer, both are loaded, and the machine code does not show which one is used.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    int (*first)(int);
    int (*second)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int call(struct Ops *ops, int value)
{
    int (*first)(int) = ops->first, (*second)(int) = ops->second;
    int (*go)(int) = value > 7 ? first : second;
    __asm__ volatile("" : "+r"(go));
    return go(value) + 1;
}

int main(void)
{
    struct Ops *ops = calloc(1, sizeof *ops);
    ops->first = leaf;
    ops->second = leaf;
    __asm__ volatile("" : : : "memory");
    return call(ops, 3) != 5;
}
