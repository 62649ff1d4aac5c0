// stop: leaf
// chain: main > for_each *> visit > leaf
// chain: main *> leaf
// chain: main > call_table *> leaf
struct operations {
    int padding;
    void (*realize)(int value);
};

void leaf(int value) { (void)value; }
void visit(int value) { leaf(value); }

static const struct operations table[] = {{0, visit}, {1, leaf}};

void for_each(void (*func)(int), int value) { func(value); }
void call_table(int which) { table[which].realize(which); }

int main(void)
{
    void (*volatile pointer)(int) = leaf;
    for_each(visit, 1);
    pointer(2);
    call_table(1);
    return 0;
}
