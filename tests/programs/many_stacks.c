// Two functions that call each other in each order: 128 different stacks above `leaf`. Values at function entry
// follow from call sites of several frames, from slots of callers, and from the targets of indirect calls.
// stop: leaf
// contains: main

struct table {
    int (*next)(struct table *table, int depth, unsigned bits, const char *name);
};

static int total;

__attribute__((noinline)) int leaf(unsigned bits, const char *name, int *place)
{
    total += (int)bits + name[0] + *place;
    return total;
}

__attribute__((noinline)) int one(struct table *table, int depth, unsigned bits, const char *name);

__attribute__((noinline)) int other(struct table *table, int depth, unsigned bits, const char *name)
{
    int place = depth;
    if (depth == 0)
        return leaf(bits, name, &place) + 1;
    if (bits & 1)
        return table->next(table, depth - 1, bits >> 1, "other") + place;
    return other(table, depth - 1, bits >> 1, name) + (int)bits;
}

__attribute__((noinline)) int one(struct table *table, int depth, unsigned bits, const char *name)
{
    int place = depth + 1;
    if (depth == 0)
        return leaf(bits + 1, name, &place) + depth;
    if (bits & 1)
        return other(table, depth - 1, bits >> 1, "one") + place;
    return one(table, depth - 1, bits >> 1, name + 1 - place + depth) - 1;
}

int main(void)
{
    struct table table = {one};
    for (unsigned bits = 0; bits < 128; bits++)
        one(&table, 7, bits, "main");
    return 0;
}
