// slot: member CPUClass.parent_realize
// by: copied CPUClass.parent_realize set_parent_realize STORE
// by: read DeviceClass.realize
// by: stored DeviceClass.realize base_init BASE
// The slot is beyond the static type of the class: in the part of the derived type, which only a caller of the
// store knows. The store is through a pointer to a member.
#include <stdlib.h>

#define NOINLINE __attribute__((noipa))

typedef struct ObjectClass { long type; } ObjectClass;
typedef struct DeviceClass { ObjectClass parent_class; int (*realize)(int); } DeviceClass;
typedef struct CPUClass { DeviceClass parent_class; long properties; int (*parent_realize)(int); } CPUClass;

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE int cpu_realize(int value) { return value; }
NOINLINE void base_init(ObjectClass *oc)
{
    DeviceClass *dc = (DeviceClass *)oc;
    dc->realize = leaf; /* BASE */
    __asm__ volatile("" : : : "memory");
}
NOINLINE void set_parent_realize(DeviceClass *dc, int (*realize)(int), int (**parent_realize)(int))
{
    *parent_realize = dc->realize; /* STORE */
    __asm__ volatile("" : : : "memory");
    dc->realize = realize;
}
NOINLINE void class_init(ObjectClass *oc)
{
    CPUClass *cc = (CPUClass *)oc;
    set_parent_realize(&cc->parent_class, cpu_realize, &cc->parent_realize);
    cc->properties++;
}
NOINLINE int call(ObjectClass *oc)
{
    return ((CPUClass *)oc)->parent_realize(3) + 1;
}

int main(void)
{
    ObjectClass *oc = calloc(1, sizeof(CPUClass));
    base_init(oc);
    class_init(oc);
    return call(oc) != 5;
}
