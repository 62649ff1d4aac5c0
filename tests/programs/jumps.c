// flags: -O2 -fcf-protection
// stop: leaf
// chain: main > select > leaf
// chain: main > again > leaf
// chain: main > again > leaf
// chain: main > again > leaf
// chain: main > skip i> checked > leaf
// Code with a jump table, a call through a pointer that is the last one, a loop to the beginning of a function, and a
// check that is inlined: a probe may be at another instruction than a breakpoint, but hits as often.
__attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }
static void (*volatile last)(int) = leaf;

__attribute__((noinline)) int select(int value)
{
    switch (value) {
    case 0: __asm__ volatile("nop; nop"); return 9;
    case 1: leaf(value); return 12;
    case 2: __asm__ volatile("nop" : "+r"(value)); return value;
    case 3: last(value); return 4;
    case 4: __asm__ volatile("lea (%%rax),%%rax" : : : "memory"); return 77;
    case 5: return 31;
    default: return value * 3;
    }
}

__attribute__((noinline)) void again(int times)
{
    do {
        leaf(times);
    } while (--times > 0);
}

static inline __attribute__((always_inline)) void checked(int *value)
{
    if (*value > 2)
        leaf(*value);
}

__attribute__((noinline)) void skip(int *values, int count)
{
    for (int number = 0; number < count; number++)
        checked(values + number);
}

__attribute__((noinline)) void through_pointer(int value)
{
    if (value > 5)
        last(value);
}

int main(int argc, char **argv)
{
    int values[] = {1, 2, argc + 2};
    (void)argv;
    for (int value = 0; value < 7; value++)
        if (value != 3)
            select(value);
    again(3);
    skip(values, 3);
    through_pointer(argc);
    return 0;
}
