// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// chain: main > by_symbol_only > leaf
// definition: main symbol_only.c
// definition: by_symbol_only -
// A function without debug information: only the symbol table names it, and gdb takes a line of its neighbour.
#include "helpers.h"

void by_symbol_only(void);

NOINLINE void before(void) { value++; }

__asm__(".text\n"
        ".globl by_symbol_only\n"
        ".type by_symbol_only, @function\n"
        "by_symbol_only:\n"
        ".cfi_startproc\n"
        "sub $8, %rsp\n"
        ".cfi_adjust_cfa_offset 8\n"
        "call leaf\n"
        "add $8, %rsp\n"
        ".cfi_adjust_cfa_offset -8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size by_symbol_only, . - by_symbol_only");

NOINLINE void after(void) { value--; }

int main(void)
{
    before();
    by_symbol_only();
    after();
    return value < 0;
}
