// slot: member CPUClass.parent_realize
// by: copied CPUClass.parent_realize type_initialize COPY
// by: read CPUClass.parent_realize
// by: stored CPUClass.parent_realize class_init STORE
// A class structure of a derived type is copied from its parent's, both known as the base type of all classes; the
// slot is beyond that type, and the store names it.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

typedef struct ObjectClass { long type; } ObjectClass;
typedef struct DeviceClass { ObjectClass parent_class; int (*realize)(int); } DeviceClass;
typedef struct CPUClass { DeviceClass parent_class; long properties; int (*parent_realize)(int); } CPUClass;
typedef struct TypeImpl { ObjectClass *class; size_t class_size; struct TypeImpl *parent; } TypeImpl;

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void class_init(ObjectClass *oc)
{
    CPUClass *xcc = (CPUClass *)oc;
    xcc->parent_realize = leaf; /* STORE */
    __asm__ volatile("" : : : "memory");
}
NOINLINE void type_initialize(TypeImpl *ti)
{
    ti->class = calloc(1, ti->class_size);
    memcpy(ti->class, ti->parent->class, ti->parent->class_size); /* COPY */
    __asm__ volatile("" : : : "memory");
}
NOINLINE int call(ObjectClass *oc)
{
    CPUClass *xcc = (CPUClass *)oc;
    return xcc->parent_realize(3) + 1;
}

int main(void)
{
    TypeImpl parent = {calloc(1, sizeof(CPUClass)), sizeof(CPUClass), NULL};
    TypeImpl child = {NULL, sizeof(CPUClass) + 64, &parent};
    class_init(parent.class);
    type_initialize(&child);
    return call(child.class) != 5;
}
