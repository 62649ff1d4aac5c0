// slot: member Node.go
// by: stored Node.go add STORE
// by: passed go main PASS
// One call instruction, many activations: each node has a slot of its own, only the last leads to leaf.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Node {
    struct Node *next;
    int (*go)(struct Node *);
};

NOINLINE int leaf(struct Node *node) { return node->next == 0; }
NOINLINE int call(struct Node *node)
{
    return node->go(node) + 1;
}
NOINLINE int onward(struct Node *node)
{
    return call(node->next) + 1;
}
NOINLINE struct Node *add(struct Node *next, int (*go)(struct Node *))
{
    struct Node *node = calloc(1, sizeof *node);
    node->next = next;
    node->go = go; /* STORE */
    return node;
}

int main(void)
{
    struct Node *last = add(0, leaf); /* PASS */
    struct Node *middle = add(last, onward);
    return call(add(middle, onward)) != 6;
}
