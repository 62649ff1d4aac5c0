// slot: local chosen
// by: stored chosen choose STORE
// by: passed go call PASS
// A local variable, set by another function through its address.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void choose(int (**place)(int), int (*go)(int))
{
    *place = go; /* STORE */
}
NOINLINE int call(int value)
{
    int (*chosen)(int) = 0;
    choose(&chosen, leaf); /* PASS */
    return chosen(value) + 1;
}

int main(void)
{
    return call(3) != 5;
}
