// flags: -fzero-call-used-regs=used-gpr
// slot: member DeviceClass.realize
// by: copied DeviceClass.realize type_initialize COPY
// by: read DeviceClass.realize
// by: stored DeviceClass.realize set_realize STORE
// by: passed realize class_init PASS
// The registers are cleared after the store, as in QEMU since 10.0: at the next instruction no variable tells where
// the class is. It is the parent's, which the call does not know.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noipa))

typedef struct ObjectClass { long type; } ObjectClass;
typedef struct DeviceClass { ObjectClass parent_class; int (*realize)(int); } DeviceClass;
typedef struct TypeImpl { ObjectClass *class; size_t class_size; struct TypeImpl *parent; } TypeImpl;

NOINLINE int leaf(int value) { return value + 1; }
NOINLINE void set_realize(DeviceClass *dc, int (*realize)(int))
{
    dc->realize = realize; /* STORE */
}
NOINLINE void class_init(ObjectClass *oc)
{
    set_realize((DeviceClass *)oc, leaf); /* PASS */
    __asm__ volatile("" : : : "memory");
}
NOINLINE void type_initialize(TypeImpl *ti)
{
    ti->class = calloc(1, ti->class_size);
    memcpy(ti->class, ti->parent->class, ti->parent->class_size); /* COPY */
    __asm__ volatile("" : : : "memory");
}
NOINLINE int call(DeviceClass *dc)
{
    return dc->realize(3) + 1;
}

int main(void)
{
    TypeImpl parent = {calloc(1, sizeof(DeviceClass)), sizeof(DeviceClass), NULL};
    TypeImpl child = {NULL, sizeof(DeviceClass) + 64, &parent};
    class_init(parent.class);
    type_initialize(&child);
    return call((DeviceClass *)child.class) != 5;
}
