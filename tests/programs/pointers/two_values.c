// none: see test_pointers.py
// One place, two functions one after the other.
#define NOINLINE __attribute__((noipa))

static int (*hook)(int);

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int other(int value) { return value + 2; }
NOINLINE void set_leaf(void)
{
    hook = leaf;
}
NOINLINE void set_other(void)
{
    hook = other;
}
NOINLINE int call_leaf(void)
{
    return hook(3) + 1;
}
NOINLINE int call_other(void)
{
    return hook(3) + 1;
}

int main(void)
{
    set_leaf();
    int result = call_leaf();
    set_other();
    return result + call_other() != 11;
}
