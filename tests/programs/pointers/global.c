// slot: global hook
// by: stored hook set STORE
// A variable of the program.
#define NOINLINE __attribute__((noipa))

static int (*hook)(int);

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set(void)
{
    hook = leaf; /* STORE */
}
NOINLINE int call(void)
{
    return hook(3) + 1;
}

int main(void)
{
    set();
    return call() != 5;
}
