// Not traced for chains: see test_ioctls.py.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR);
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    int unrelated[2];
    if (pipe(unrelated))
        return 1;
    ioctl(unrelated[0], KVM_CREATE_VCPU, 0); /* not a KVM descriptor: fails, and is not ours */
    ioctl(vm, KVM_CREATE_VCPU, 0);
    ioctl(vm, KVM_CREATE_VCPU, 0); /* the number is taken: -1 */
    return 0;
}
