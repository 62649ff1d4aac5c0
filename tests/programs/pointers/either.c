// slot: local go
// by: written  call WRITE
// One of two functions, by name: the other way through the function does not count.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE int call(int value)
{
    int (*go)(int);
    if (value > 7)
        go = other;
    else
        go = leaf; /* WRITE */
    __asm__ volatile("" : "+r"(go));
    return go(value) + 1;
}

int main(void)
{
    return call(3) != 5;
}
