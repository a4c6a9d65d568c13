/* Counts the instructions that a program executes, for qemu-user: -plugin counter.so,to=FILE.
 *
 * FILE has 8 bytes, the count in this machine's order, which is always up to date: whoever reads it
 * while the program waits knows what it has done so far.
 *
 * It is QEMU itself that adds one before each instruction, in the code that it makes of it: exact, and
 * a program runs at some hundred million instructions a second. Two threads that run at the same
 * moment may lose some. What is declared here is the part that is used of the interface for plugins,
 * version 1, which QEMU has from 6.0 to 8.2; Debian has no package with a header for it. */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t *count;

/* A block of the program's code is being translated. */
static void translate(plugin_id id, struct qemu_plugin_tb *block) {
    size_t nth, instructions = qemu_plugin_tb_n_insns(block);
    (void)id;
    for (nth = 0; nth < instructions; nth++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, nth);
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, count, 1);
    }
}

/* Anything but 0 ends QEMU before the program begins. */
__attribute__((visibility("default"))) int
qemu_plugin_install(plugin_id id, const void *info, int arguments, char **argument) {
    int file;
    (void)info;
    if (arguments != 1 || strncmp(*argument, "to=", 3) != 0)
        return -1;
    file = open(*argument + 3, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return -1;
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (count == MAP_FAILED)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
