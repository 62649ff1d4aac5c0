// slot: static table[1].go
// by: static table[1].go  TABLE
// A table that nobody ever writes to.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Entry {
    const char *name;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
static struct Entry table[] = { /* TABLE */
    {"other", other},
    {"leaf", leaf},
};
NOINLINE int call(struct Entry *entries, int number)
{
    return entries[number].go(3) + 1;
}

int main(void)
{
    return call(table, 1) != 5;
}
