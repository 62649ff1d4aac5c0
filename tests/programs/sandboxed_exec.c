/* Executes a program under a seccomp filter like QEMU's `-sandbox on,obsolete=deny,elevateprivileges=deny,
   spawn=deny,resourcecontrol=deny` (qemu-seccomp.c): a forbidden system call kills the process. QEMU installs its
   filter after its start; here the one execve that starts the program is told apart by its argument's address.

   sandboxed_exec PROGRAM ARGUMENTS... */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_ADDRESS 0x5eccc000u
#define NUMBER offsetof(struct seccomp_data, nr)
#define FORBID(number)                                                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

int main(int count, char **arguments) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NAME_ADDRESS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        FORBID(SYS_fork), FORBID(SYS_vfork), FORBID(SYS_execveat), FORBID(SYS_ptrace),
        FORBID(SYS_setuid), FORBID(SYS_setgid), FORBID(SYS_setreuid), FORBID(SYS_setregid), FORBID(SYS_setresuid),
        FORBID(SYS_setresgid), FORBID(SYS_setsid), FORBID(SYS_setpgid), FORBID(SYS_setfsuid), FORBID(SYS_setfsgid),
        FORBID(SYS_setpriority), FORBID(SYS_sched_setparam), FORBID(SYS_sched_setscheduler),
        FORBID(SYS_sched_setaffinity), FORBID(SYS_ioprio_set), FORBID(SYS_mount), FORBID(SYS_umount2),
        FORBID(SYS_reboot), FORBID(SYS_uselib), FORBID(SYS_ustat), FORBID(SYS_swapon), FORBID(SYS_kexec_load),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    char *name = mmap((void *)(size_t)NAME_ADDRESS, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (count < 2 || name == MAP_FAILED || strlen(arguments[1]) >= 4096)
        return 2;
    strcpy(name, arguments[1]);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        return 2;
    }
    execve(name, arguments + 1, environ);
    perror(name);
    return 2;
}
