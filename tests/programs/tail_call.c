// flags: -O2
// stop: leaf
// chain: main > hop t> leaf
__attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }
__attribute__((noinline)) void hop(int value) { leaf(value + 1); }

int main(int argc, char **argv)
{
    (void)argv;
    hop(argc);
    __asm__ volatile("");
    return 0;
}
