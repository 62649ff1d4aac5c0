// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// definition: outer clones.c
// definition: specialised clones.c
// gcc splits a function (.part, .cold) and specialises one for its constant argument (.constprop): with names of their
// own, and lines that may be in a header.
#include "helpers.h"

static __attribute__((noinline)) int specialised(int number, int constant)
{
    call_leaf(number + constant);
    return value * constant + number;
}

static __attribute__((noinline)) void outer(int number)
{
    if (__builtin_expect(value > 1000, 0)) {
        call_leaf(number);
        __builtin_abort();
    }
    value += specialised(number, 12);
}

int main(int argc, char **argv)
{
    (void)argv;
    outer(argc);
    value += specialised(argc + 1, 12);
    return value < 0;
}
