// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// chain: main > outer > leaf
// definition: outer first_line.c
// The first line of a function is in code inlined from a header.
#include "helpers.h"

NOINLINE void outer(int number)
{
    int sum = scaled(number);
    leaf(sum);
    value++;
}

int main(void)
{
    outer(1);
    return value < 0;
}
