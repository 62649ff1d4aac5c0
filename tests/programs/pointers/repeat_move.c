// slot: member Ops.go
// by: copied Ops.go copy COPY
// by: read Ops.go
// by: stored Ops.go set STORE
// Copied by one instruction that goes on and on.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
struct Block {
    long room[40];
    struct Ops ops;
    long more[40];
};

NOINLINE void set(struct Ops *ops)
{
    ops->go = leaf; /* STORE */
}
NOINLINE void copy(struct Block *to, struct Block *from)
{
    unsigned long count = sizeof *to / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory"); /* COPY */
}
NOINLINE int call(struct Ops *ops)
{
    return ops->go(3) + 1;
}

int main(void)
{
    struct Block *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
    set(&from->ops);
    copy(to, from);
    return call(&to->ops) != 5;
}
