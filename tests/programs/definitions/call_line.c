// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// chain: main > outer i> call_leaf > leaf
// chain: main > other i> call_leaf_without_parameters > leaf
// definition: outer call_line.c
// definition: other call_line.c
// definition: call_leaf helpers.h
// definition: call_leaf_without_parameters helpers.h
// The call is in a function that is inlined from a header, with parameters or without any variable.
#include "helpers.h"

NOINLINE void outer(int number)
{
    value += number;
    call_leaf(number);
}

NOINLINE void other(void) { call_leaf_without_parameters(); }

int main(void)
{
    outer(1);
    other();
    return value < 0;
}
