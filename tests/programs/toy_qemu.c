// A QEMU in small, for tests of what comes after a recording: it answers what `analyze` asks and goes the way of
// the big one from main to KVM_RUN, with a real virtual machine whose guest halts after one instruction.
// flags: -pthread
// vary: -DEXTRA     a function more on the way to the processor
// vary: -DRENAMED   x86_cpu_new is called pc_new_cpu
// vary: -DDIRECT    kvm_init is called by name
// vary: -DTHREADED  the board is built on a thread of its own
// vary: -DUNCHECKED kvm_check_extensions is there and never called
// vary: -DBROKEN    does not compile
// vary: -DDIES      ends before it opens /dev/kvm
// vary: -DSTUCK     never comes to the board
// vary: -DFAULT=F   what the file F of faults/ does, at one of three places
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef BROKEN
#error "this commit does not compile"
#endif
#ifdef RENAMED
#define x86_cpu_new pc_new_cpu
#endif

#ifdef FAULT
#include FAULT
#endif
#ifndef BEFORE_ACCELERATOR
#define BEFORE_ACCELERATOR() /* on the main thread, before /dev/kvm is opened */
#endif
#ifndef BEFORE_RUN
#define BEFORE_RUN() /* on the thread of the processor, before KVM_RUN */
#endif
#ifndef LOAD_GUEST
#define LOAD_GUEST(ram) memset(ram, 0xf4, 4096) /* hlt */
#endif

typedef struct CPUState { int fd, exit_status; pthread_t thread; struct kvm_run *run; } CPUState;
typedef struct AccelClass { int (*init_machine)(void); } AccelClass;
typedef struct MachineClass { void (*init)(void); } MachineClass;

bool kvm_allowed;
static int kvm_fd, vm_fd;
static CPUState first_cpu;

static int kvm_ioctl(int request, void *argument) { return ioctl(kvm_fd, request, argument); }
static int kvm_vm_ioctl(int request, void *argument) { return ioctl(vm_fd, request, argument); }
static int kvm_vcpu_ioctl(CPUState *cpu, int request, void *argument) { return ioctl(cpu->fd, request, argument); }

__attribute__((used)) static int kvm_check_extensions(void) { return kvm_ioctl(KVM_GET_API_VERSION, NULL); }

static int kvm_init(void)
{
    kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
#ifndef UNCHECKED
    kvm_check_extensions();
#endif
    vm_fd = kvm_fd < 0 ? -1 : kvm_ioctl(KVM_CREATE_VM, NULL);
    kvm_allowed = vm_fd >= 0;
    return kvm_allowed ? 0 : -1;
}

static int kvm_cpu_exec(CPUState *cpu)
{
    do {
        kvm_vcpu_ioctl(cpu, KVM_RUN, NULL);
    } while (cpu->run->exit_reason == KVM_EXIT_INTR);
    return cpu->run->exit_reason == KVM_EXIT_HLT ? 0 : 1;
}

static void kvm_arch_init_vcpu(CPUState *cpu) /* real mode, code at 0 */
{
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rflags = 2};
    kvm_vcpu_ioctl(cpu, KVM_GET_SREGS, &sregs);
    sregs.cs.base = sregs.cs.selector = 0;
    kvm_vcpu_ioctl(cpu, KVM_SET_SREGS, &sregs);
    kvm_vcpu_ioctl(cpu, KVM_SET_REGS, &regs);
}

static void kvm_init_vcpu(CPUState *cpu)
{
    cpu->fd = kvm_vm_ioctl(KVM_CREATE_VCPU, NULL);
    cpu->run = mmap(NULL, kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, NULL), PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    kvm_arch_init_vcpu(cpu);
}

static void *kvm_vcpu_thread_fn(void *opaque)
{
    CPUState *cpu = opaque;
    kvm_init_vcpu(cpu);
    BEFORE_RUN();
    cpu->exit_status = kvm_cpu_exec(cpu);
    return NULL;
}

static void qemu_init_vcpu(CPUState *cpu) { pthread_create(&cpu->thread, NULL, kvm_vcpu_thread_fn, cpu); }

static void x86_cpu_realizefn(CPUState *cpu) { qemu_init_vcpu(cpu); }

#ifdef EXTRA
static void qdev_realize(CPUState *cpu) { x86_cpu_realizefn(cpu); }
#else
#define qdev_realize x86_cpu_realizefn
#endif

static void x86_cpu_new(CPUState *cpu) { qdev_realize(cpu); }

static void pc_init1(void)
{
    void *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region region = {.memory_size = 4096, .userspace_addr = (unsigned long)ram};
    LOAD_GUEST(ram);
    kvm_vm_ioctl(KVM_SET_USER_MEMORY_REGION, &region);
    x86_cpu_new(&first_cpu);
}

static MachineClass pc_machine = {pc_init1};
static AccelClass kvm_accel = {kvm_init};

static void *machine_run_board_init(void *machine)
{
    ((MachineClass *)machine)->init();
    return NULL;
}

static int do_configure_accelerator(AccelClass *accel)
{
#ifdef DIRECT
    (void)accel;
    return kvm_init();
#else
    return accel->init_machine();
#endif
}

static void configure_accelerators(void)
{
    if (do_configure_accelerator(&kvm_accel) < 0)
        exit(1);
}

static void qemu_init(void)
{
#ifdef DIES
    fprintf(stderr, "toy: this commit dies\n");
    exit(1);
#endif
    BEFORE_ACCELERATOR();
    configure_accelerators();
#ifdef STUCK
    pause();
#endif
#ifdef THREADED
    pthread_t board;
    pthread_create(&board, NULL, machine_run_board_init, &pc_machine);
    pthread_join(board, NULL);
#else
    machine_run_board_init(&pc_machine);
#endif
}

int main(int argc, char **argv)
{
    const char *last = argv[argc - 1];
    if (!strcmp(last, "--version"))
        return puts("QEMU emulator version 9.1.0") < 0;
    if (!strcmp(last, "help") || !strcmp(last, "-help")) /* of -machine, of -L; of itself */
        return puts("pc   Standard PC\n-name guest,debug-threads=on") < 0;
    qemu_init();
    pthread_join(first_cpu.thread, NULL);
    return first_cpu.exit_status;
}
