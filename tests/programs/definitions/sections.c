// flags: -O2 -ffunction-sections -Wl,--gc-sections
// sources: definitions/leaf.c
// stop: leaf
// chain: main > outer i> call_leaf > leaf
// definition: outer sections.c
// definition: call_leaf helpers.h
// Each function is in a section of its own.
#include "helpers.h"

NOINLINE void unused(void) { leaf(0); }
NOINLINE void outer(int number) { call_leaf(number); }

int main(void)
{
    outer(1);
    return value < 0;
}
