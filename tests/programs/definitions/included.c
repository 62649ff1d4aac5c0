// flags: -O2
// sources: definitions/leaf.c
// stop: leaf
// chain: main > outer > leaf
// chain: main > from_included_file > leaf
// definition: outer included.c
// line: outer body.inc
// definition: from_included_file functions.c.inc
// The body of a function is in an included file; a function is defined in an included C file.
#include "helpers.h"
#include "functions.c.inc"

NOINLINE void outer(int number)
{
#include "body.inc"
}

int main(void)
{
    outer(1);
    from_included_file(2);
    return value < 0;
}
