// slot: local go
// by: returned pick call PICK
// A function that was returned by another one.
// flags: -O0
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

typedef int (*Go)(int);
NOINLINE int leaf(int value) { return value + 1; }
NOINLINE Go pick(void)
{
    return leaf;
}
NOINLINE int call(int value)
{
    Go go = pick(); /* PICK */
    return go(value) + 1;
}

int main(void)
{
    return call(3) != 5;
}
