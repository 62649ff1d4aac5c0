// flags: -O2 -flto
// sources: definitions/link_time/other.c definitions/leaf.c
// stop: leaf
// chain: main > outer i> call_leaf > leaf
// chain: main > twin > leaf
// chain: main i> from_other_file > twin > leaf
// definition: main main.c
// definition: outer main.c
// definition: call_leaf helpers.h
// definition: from_other_file other.c
// identities: twin@main twin@other
// Several files optimised at link time, with two static functions of one name, and calls inlined across files.
#include "../helpers.h"

void from_other_file(int number);

static NOINLINE void twin(int number)
{
    leaf(number);
    value++;
}

NOINLINE void outer(int number) { call_leaf(number); }

int main(void)
{
    outer(1);
    twin(2);
    from_other_file(3);
    return value < 0;
}
