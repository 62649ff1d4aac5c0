// sources: twins/other.c
// stop: leaf
// chain: main > first > work > leaf
// chain: main > second > work > leaf
// identities: work@main work@other
void leaf(void);
void second(void);

static void work(void) { leaf(); }
void leaf(void) {}
void first(void) { work(); }

int main(void)
{
    first();
    second();
    return 0;
}
