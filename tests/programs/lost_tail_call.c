// flags: -O2
// stop: leaf
// chain: main > choose ?> leaf
// Two ways lead from `choose` to `leaf`, so gdb cannot tell which frames are gone and shows none; the call
// instruction in main still names `choose`. How that came to `leaf` stays unknown.
__attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }
__attribute__((noinline)) void left(int value) { leaf(value + 1); }
__attribute__((noinline)) void right(int value) { leaf(value + 2); }
__attribute__((noinline)) void choose(int value)
{
    if (value > 1)
        left(value);
    else
        right(value);
}

int main(int argc, char **argv)
{
    (void)argv;
    choose(argc);
    __asm__ volatile("");
    return 0;
}
