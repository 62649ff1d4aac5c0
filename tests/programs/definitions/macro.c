// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// chain: main > outer > leaf
// chain: main > defined_by_macro > leaf
// definition: outer macro.c
// definition: defined_by_macro macro.c
// The call is in a macro of a header; a macro of a header defines a whole function, as DEFINE_I440FX_MACHINE of QEMU.
#include "helpers.h"

NOINLINE void outer(int number) { CALL_LEAF(number); }

DEFINE_CALLER(defined_by_macro)

int main(void)
{
    outer(1);
    defined_by_macro(2);
    return value < 0;
}
