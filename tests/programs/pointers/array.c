// slot: member entries[2].go
// by: stored entries[2].go add STORE
// by: passed go main PASS
// An array of structures that is filled while the program runs.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Entry {
    const char *name;
    int (*go)(int);
};
static struct Entry entries[4];
static int used;

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE void add(const char *name, int (*go)(int))
{
    entries[used].name = name;
    entries[used].go = go; /* STORE */
    used++;
}
NOINLINE int call(int number)
{
    return entries[number].go(3) + 1;
}

int main(void)
{
    add("a", other);
    add("b", other);
    add("c", leaf); /* PASS */
    return call(2) != 5;
}
