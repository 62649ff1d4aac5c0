// slot: argument go of apply
// by: passed go each EACH
// by: passed visit main PASS
// An argument, handed down by two callers.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int apply(int value, int (*go)(int))
{
    return go(value) + 1;
}
NOINLINE int each(int (*visit)(int))
{
    return apply(3, visit) + 1; /* EACH */
}

int main(void)
{
    return each(leaf) != 6; /* PASS */
}
