// flags: -O2
// stop: inner
// chain: main > outer i> inner
// The function waited for exists only inlined: gdb must show it, not just the function around it.
int sink;
__attribute__((noinline)) void other(int value) { sink += value; }

static inline __attribute__((always_inline)) void inner(int value)
{
    other(value);
    sink *= value;
}

__attribute__((noinline)) void outer(int value)
{
    sink = value;
    inner(value + 1);
    __asm__ volatile("" : : "r"(sink));
}

int main(int argc, char **argv)
{
    (void)argv;
    outer(argc);
    return sink == 0;
}
