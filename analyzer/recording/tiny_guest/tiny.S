# The tiny guest: 64 KiB of firmware that QEMU maps right below 4 GiB (-bios tiny.bin).
#
# It touches each way a guest can reach out once, says so in one line on the first serial
# port, and leaves.  No RAM is used but the interrupt vectors and a small stack, and no
# instruction is executed that KVM's emulator does not know, so that it also runs where KVM
# has no hardware support and emulates real mode.
#
# Build: see build.sh beside this file.  tests/unit/recording/test_qemu_command.py proves that the bytes agree.

        .intel_syntax noprefix
        .code16
        .text
        .globl  start

        .set    COM1,        0x3f8
        .set    POST_PORT,   0x80
        .set    CMOS_INDEX,  0x70
        .set    CMOS_DATA,   0x71
        .set    PCI_ADDRESS, 0xcf8
        .set    PCI_DATA,    0xcfc
        .set    EXIT_PORT,   0xf4       # isa-debug-exit,iobase=0xf4
        .set    EXIT_VALUE,  0x10       # QEMU exits with (0x10 << 1) | 1 = 33
        .set    LOCAL_APIC,  0xfee00000
        .set    TIMER_IRQ,   0x20       # vector of IRQ 0 once the PIC is programmed

start:
        cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00

port_write:
        mov     al, 0x42
        out     POST_PORT, al

port_read:                              # CMOS register 0x10: kinds of floppy drives
        mov     al, 0x10
        out     CMOS_INDEX, al
        in      al, CMOS_DATA

memory_mapped:                          # text memory of the VGA card
        mov     ax, 0xb800
        mov     es, ax
        mov     byte ptr es:[0], 'K'
        mov     al, es:[0]

pci_configuration:                      # vendor and device of 00:00.0, kept in EBX
        mov     dx, PCI_ADDRESS
        mov     eax, 0x80000000
        out     dx, eax
        mov     dx, PCI_DATA
        in      eax, dx
        mov     ebx, eax

halt_for_the_timer:
        lgdt    cs:[flat_table]         # FS reaches all 4 GiB: loaded in protected mode,
        mov     eax, cr0                # its limit stays after the way back
        or      al, 1
        mov     cr0, eax
        mov     cx, 8
        mov     fs, cx
        and     al, 0xfe
        mov     cr0, eax
        mov     ecx, LOCAL_APIC         # at reset the local APIC masks the PIC's line
        mov     dword ptr fs:[ecx + 0xf0], 0x1ff        # switch it on,
        mov     dword ptr fs:[ecx + 0x350], 0x700       # LINT0 passes the PIC on (ExtINT)
        mov     word ptr ds:[TIMER_IRQ * 4], offset on_timer
        mov     word ptr ds:[TIMER_IRQ * 4 + 2], 0xf000
        mov     al, 0x11                # PIC: initialise, edge triggered, cascaded
        out     0x20, al
        mov     al, TIMER_IRQ
        out     0x21, al
        mov     al, 0x04                # the second PIC sits on line 2
        out     0x21, al
        mov     al, 0x01                # 8086 mode
        out     0x21, al
        mov     al, 0xfe                # let IRQ 0 through, nothing else
        out     0x21, al
        mov     al, 0x30                # PIT channel 0: one interrupt, in 1 ms
        out     0x43, al
        mov     al, 0xa9                # 1193 ticks of 1.193182 MHz
        out     0x40, al
        mov     al, 0x04
        out     0x40, al
        xor     cx, cx                  # CX counts timer interrupts
        sti                             # takes effect after the next instruction,
        hlt                             # so the interrupt cannot slip in between
        cli

tell:
        mov     dx, COM1 + 3            # 8 bits, no parity, one stop bit
        mov     al, 0x03
        out     dx, al
        mov     si, offset text_head
        call    print
        mov     ax, bx                  # vendor
        call    print_word
        mov     al, ':'
        call    put
        shr     ebx, 16                 # device
        mov     ax, bx
        call    print_word
        mov     si, offset text_timer
        call    print
        mov     al, cl
        add     al, '0'
        call    put
        mov     si, offset text_tail
        call    print

leave_qemu:
        mov     al, EXIT_VALUE
        out     EXIT_PORT, al
        mov     al, 0xfe                # no isa-debug-exit: pulse the reset line of the
        out     0x64, al                # keyboard controller (-no-reboot ends QEMU)
        hlt

on_timer:
        push    ax
        inc     cx
        mov     al, 0x20                # end of interrupt
        out     0x20, al
        pop     ax
        iret

# SI: zero-terminated text in this firmware
print:
        mov     al, cs:[si]
        inc     si
        test    al, al
        jz      return
        call    put
        jmp     print

# AX as four hexadecimal digits
print_word:
        push    ax
        mov     al, ah
        call    print_byte
        pop     ax
print_byte:
        push    ax
        shr     al, 4
        call    print_digit
        pop     ax
print_digit:
        and     al, 0x0f
        add     al, '0'
        cmp     al, '9'
        jbe     put
        add     al, 'a' - '9' - 1
put:
        mov     dx, COM1
        out     dx, al
return:
        ret

text_head:
        .asciz  "tiny guest: wrote port 80, read CMOS, touched VGA memory, PCI 00:00.0 is "
text_timer:
        .asciz  ", timer interrupts: "
text_tail:
        .asciz  "\r\n"

        .balign 8
flat_segment:                           # selector 8: data, base 0, limit 4 GiB
        .quad   0, 0x00cf93000000ffff
flat_table:
        .word   15
        .long   0xf0000 + flat_segment  # this firmware also shows below 1 MiB

        .org    0xfff0, 0xff            # where the processor starts
reset_vector:
        jmp     start
        .org    0x10000, 0xff
