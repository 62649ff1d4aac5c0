// slot: argument go of apply
// by: passed go main PASS
// A number with a point comes in a register of its own, and does not shift the names of others.
#define NOINLINE __attribute__((noipa))

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int apply(double scale, int value, int (*go)(int))
{
    return go((int)scale + value) + 1;
}

int main(void)
{
    return apply(1.0, 3, leaf) + 1 != 7; /* PASS */
}
