// slot: member Ops.go
// by: stored Ops.go setup STORE
// Two pointers on the way: from the object to its operations, from there to the function.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

struct Ops {
    long before[3];
    int (*stop)(int);
    int (*go)(int);
};
struct Object {
    long id;
    struct Ops *ops;
};

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void setup(struct Object *object)
{
    object->ops = calloc(1, sizeof *object->ops);
    object->ops->go = leaf; /* STORE */
}
NOINLINE int call(struct Object *object)
{
    return object->ops->go(3) + 1;
}

int main(void)
{
    struct Object object = {0};
    setup(&object);
    return call(&object) != 5;
}
