// flags: -O2
// stop: leaf
// chain: main i> f i> f i> f > leaf
// Functions of one name inlined into each other: all at one address, each with its line.
extern "C" __attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }

static inline __attribute__((always_inline)) void f(char value)
{
    leaf(value);
    __asm__ volatile("");
}

static inline __attribute__((always_inline)) void f(long value)
{
    f((char)value);
    __asm__ volatile("");
}

static inline __attribute__((always_inline)) void f(double value)
{
    f((long)value);
    __asm__ volatile("");
}

int main(int argc, char **)
{
    f(argc * 1.5);
    return 0;
}
