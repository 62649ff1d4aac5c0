// slot: static table[1]
// by: static table[1]  TABLE
// A constant table: no watchpoint is needed.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
static int (*const table[])(int) = {other, leaf}; /* TABLE */
NOINLINE int call(int number)
{
    return table[number](3) + 1;
}

int main(int argc, char **argv)
{
    (void)argv;
    return call(argc) != 5;
}
