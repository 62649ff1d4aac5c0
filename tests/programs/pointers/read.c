// slot: member table[1].go
// outcome: unknown
// reason: no store observed
// Filled by the kernel: no watchpoint sees that, and the table has not been so from the beginning.
#include <unistd.h>

#define NOINLINE __attribute__((noipa))

struct Entry {
    const char *name;
    int (*go)(int);
};

NOINLINE int leaf(int value) { return value + 1; }
static struct Entry table[2];
NOINLINE int call(struct Entry *entries, int number)
{
    return entries[number].go(3) + 1;
}

int main(void)
{
    struct Entry filled[2] = {{"a", leaf}, {"b", leaf}};
    int ends[2];
    if (pipe(ends) || write(ends[1], filled, sizeof filled) < 0 || read(ends[0], table, sizeof table) < 0)
        return 2;
    return call(table, 1) != 5;
}
