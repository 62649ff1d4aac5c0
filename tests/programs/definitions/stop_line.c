// flags: -O2
// sources: definitions/leaf.c
// stop: outer
// stop: leaf
// chain: main > outer
// chain: main > outer > leaf
// definition: outer stop_line.c
// line: outer helpers.h
// The lines of a function from its stop on are lines of a header, where no function is inlined: so gcc attributes
// instructions of inlined functions that it moved.
#include "helpers.h"

NOINLINE void outer(int number)
{
#line 10 "helpers.h"
    int twice = value * 2; leaf(twice + number);
    value++;
#line 21 "stop_line.c"
}

int main(void)
{
    outer(1);
    return value < 0;
}
