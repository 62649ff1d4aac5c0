// flags: -O2
// stop: leaf
// chain: main > outer > leaf
// chain: main > by_value > outer > leaf
// Arguments of many kinds, some of them lost or known only from the entry.
struct pair { int left, right; };
enum colour { RED, GREEN };
typedef void visitor(int);

int sink;
void visit(int value) { sink += value; }

__attribute__((noinline)) void outer(int lost, int kept, const char *text);

__attribute__((noinline)) void leaf(const char *name, struct pair pair, enum colour colour, visitor *function,
                                    double number, int array[], char letter, _Bool truth)
{
    sink += name[0] + pair.left + colour + array[0] + letter + truth + (int)number;
    function(sink);
}

__attribute__((noinline)) void by_value(struct pair lost, int kept)
{
    sink += lost.left;
    outer(kept, 2, "x");
    sink += kept;
}

__attribute__((noinline)) void outer(int lost, int kept, const char *text)
{
    struct pair pair = {lost, kept};
    int array[2] = {3, 4};
    leaf(text, pair, GREEN, visit, 2.5, array, 'x', 1);
    sink += kept;
}

int main(int argc, char **argv)
{
    (void)argv;
    outer(argc, argc + 41, "realized \"it\"");
    by_value((struct pair){argc, 1}, argc);
    return sink == 0;
}
