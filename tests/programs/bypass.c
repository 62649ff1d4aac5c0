// Not traced for chains: see test_ledger.py.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR);
    ioctl(kvm, KVM_GET_API_VERSION, 0);
    ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY);
    int vm = (int)syscall(SYS_ioctl, kvm, KVM_CREATE_VM, 0L); /* not through ioctl() */
    struct kvm_userspace_memory_region region = {.slot = 3, .flags = 1u << 31, .memory_size = 4096};
    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region); /* no such flag: -1 */
    struct kvm_msr_list none = {.nmsrs = 0};
    ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &none); /* too small: -1, and the kernel writes how many it takes */
    ioctl(kvm, _IOWR(KVMIO, 0xfe, long), &none); /* nobody knows it */
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000L);
    syscall(SYS_getpid);
    long answer;
    __asm__ volatile("syscall" /* not through libc at all */
                     : "=a"(answer)
                     : "a"(SYS_ioctl), "D"(kvm), "S"(KVM_GET_API_VERSION), "d"(0L)
                     : "rcx", "r11", "memory");
    return answer != 12;
}
