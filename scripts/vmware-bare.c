// SPDX-License-Identifier: GPL-2.0
/*
 * A bare guest (multiboot, 64-bit) that tests and fuzzes QEMU's vmport and
 * vmrpc devices, through the I/O ports and, on a KVM with KVM_CAP_X86_VMWARE,
 * through hypercalls, in ring 0 and ring 3.
 *
 * Command line: "test", or "fuzz SEED COUNT". Wants
 *
 *	-device '{"driver":"vmrpc","guestinfo":{"x":"hello"}}'
 *	-device isa-debug-exit,iobase=0xf4 -m 64
 *
 * Prints a TAP report on the first serial port. QEMU's exit code is 33 if all
 * passed, 3 if not, 1 if it could not even start.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define MAGIC		0x564d5868u
#define PAGE		4096u
#define P_PRESENT	1u
#define P_WRITE		2u
#define P_USER		4u
#define P_DIRTY		0x40u

/* 2 MiB of pages whose rights the tests change. */
#define WINDOW		((u8 *)0x00800000)
#define BUFFER		(WINDOW + 16 * PAGE)
#define BUFFER_PAGES	20

/* RAX and so on; in the names that VMware has for them, as the upper halves hold nothing. */
struct regs { u64 eax, ebx, ecx, edx, esi, edi, ebp; };

/* What ring 3 may write: registers of an instruction, and where it goes on after a fault. */
struct regs R __attribute__((section(".user")));
u64 resume __attribute__((section(".user")));
u8 user_stack[2048] __attribute__((section(".user"), aligned(16)));

static u8 kernel_stack[8192] __attribute__((aligned(16), used));
static u8 fault_stack[8192] __attribute__((aligned(16)));
u64 pml4[512] __attribute__((aligned(4096)));
u64 pdpt[512] __attribute__((aligned(4096)));
u64 page_dir[512] __attribute__((aligned(4096)));
static u64 low_table[512] __attribute__((aligned(4096)));
static u64 window_table[512] __attribute__((aligned(4096)));

u64 gdt[8] __attribute__((aligned(8))) = {
	0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00affa000000ffff, 0x00cff2000000ffff
};
struct { u16 limit; u64 base; } __attribute__((packed)) gdt_pointer = {
	sizeof(gdt) - 1, (u64)gdt
};

#define OP(name, insn)							\
	asm(".globl op_" #name "\nop_" #name ":\n"			\
	    "push %rbx\n push %rbp\n movq $1f, resume\n"		\
	    "mov R, %rax\n mov R+8, %rbx\n mov R+16, %rcx\n"		\
	    "mov R+24, %rdx\n mov R+32, %rsi\n mov R+40, %rdi\n"	\
	    "mov R+48, %rbp\n cld\n" insn "\n"				\
	    "1: mov %rax, R\n mov %rbx, R+8\n mov %rcx, R+16\n"		\
	    "mov %rdx, R+24\n mov %rsi, R+32\n mov %rdi, R+40\n"	\
	    "mov %rbp, R+48\n pop %rbp\n pop %rbx\n ret\n");		\
	void op_##name(void)

OP(in, "inl %dx, %eax");
OP(out, "outl %eax, %dx");
OP(insb, "rep insb");
OP(outsb, "rep outsb");
OP(vmcall, "vmcall");
OP(vmmcall, "vmmcall");

asm(".section .multiboot, \"a\"\n"
    ".align 4\n"
    ".long 0x1badb002, 0, -0x1badb002\n"
    ".text\n"

    /* To long mode, with 2 MiB pages for the first GiB. */
    ".code32\n"
    ".globl start\n"
    "start: cld\n movl $kernel_stack+8192, %esp\n"
    "movl $pdpt+7, pml4\n movl $page_dir+7, pdpt\n"
    "xorl %ecx, %ecx\n movl $0x87, %eax\n"
    "1: movl %eax, page_dir(,%ecx,8)\n addl $0x200000, %eax\n incl %ecx\n cmpl $512, %ecx\n jb 1b\n"
    "movl $pml4, %eax\n movl %eax, %cr3\n"
    "movl %cr4, %eax\n orl $0x20, %eax\n movl %eax, %cr4\n"
    "movl $0xc0000080, %ecx\n rdmsr\n orl $0x100, %eax\n wrmsr\n"
    "lgdt gdt_pointer\n"
    "movl %cr0, %eax\n orl $0x80010001, %eax\n movl %eax, %cr0\n"
    "ljmp $8, $1f\n"
    ".code64\n"
    "1: mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
    "mov %ebx, %edi\n call main\n"
    "1: hlt\n jmp 1b\n"

    /* call_user(function): run it in ring 3; it comes back with int $0x80 */
    ".globl call_user\n"
    "call_user: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp, kernel_rsp\n mov user_flags, %eax\n"
    "push $0x23\n push $user_stack+2048-16\n push %rax\n push $0x1b\n push $user_stub\n iretq\n"
    "user_stub: call *%rdi\n int $0x80\n"
    "back: mov kernel_rsp, %rsp\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"

    /* Exceptions: vector and error code on the stack */
    ".macro STUB n err\n stub\\n: .if !\\err\n push $0\n .endif\n push $\\n\n"
    "jmp fault_entry\n .endm\n"
    "STUB 0 0\n STUB 1 0\n STUB 2 0\n STUB 3 0\n STUB 4 0\n STUB 5 0\n STUB 6 0\n"
    "STUB 7 0\n STUB 8 1\n STUB 9 0\n STUB 10 1\n STUB 11 1\n STUB 12 1\n"
    "STUB 13 1\n STUB 14 1\n STUB 15 0\n STUB 16 0\n STUB 17 1\n STUB 18 0\n STUB 19 0\n"
    "fault_entry: push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n push %r8\n"
    "push %r9\n push %r10\n push %r11\n mov %rsp, %rdi\n cld\n call fault\n"
    "pop %r11\n pop %r10\n pop %r9\n pop %r8\n pop %rdi\n pop %rsi\n pop %rdx\n"
    "pop %rcx\n pop %rax\n add $16, %rsp\n iretq\n"
    ".globl stubs\n"
    "stubs: .quad stub0, stub1, stub2, stub3, stub4, stub5, stub6, stub7, stub8, stub9,"
    "stub10, stub11, stub12, stub13, stub14, stub15, stub16, stub17, stub18, stub19\n");

extern u64 stubs[20];
extern char back[];
void call_user(void (*fn)(void));
u64 kernel_rsp __attribute__((used));
u32 user_flags __attribute__((used)) = 2;

struct frame {
	u64 saved[9], vector, error, rip;
};

/* The last fault; a #PF in the window is resolved if "resolve" is set. */
static int faults;
static u64 fault_vector, fault_error, fault_address;
static u32 resolve;

static void outb(u16 port, u8 v)	{ asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static void outl(u16 port, u32 v)	{ asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static u8 inb(u16 port)			{ u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(0));
}

static void putc(char c)
{
	while (!(inb(0x3fd) & 0x20))
		;
	outb(0x3f8, c);
}

static void puts(const char *s)
{
	while (*s)
		putc(*s++);
}

static void put_number(u32 n, u32 base)
{
	char s[12], *p = s + 11;

	*p = 0;
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	puts(base == 16 ? "0x" : "");
	puts(p);
}

static void put_regs(const char *what, const struct regs *r)
{
	const u64 *v = &r->eax;
	int i;

	puts("# ");
	puts(what);
	for (i = 0; i < 7; i++) {
		putc(' ');
		put_number(v[i], 16);
	}
	putc('\n');
}

static void __attribute__((noreturn)) quit(int failed)
{
	outl(0xf4, failed ? 1 : 16);
	for (;;)
		asm volatile("cli; hlt");
}

static int tests, failures;
static const char *context = "";

static void check(int ok, const char *what)
{
	if (!ok)
		failures++;
	puts(ok ? "ok " : "not ok ");
	put_number(++tests, 10);
	putc(' ');
	puts(context);
	puts(what);
	putc('\n');
	if (!ok)
		put_regs("registers", &R);
}

void *memset(void *p, int c, u32 n)
{
	u8 *d = p;

	while (n--)
		*d++ = c;
	return p;
}

void *memcpy(void *p, const void *q, u32 n)
{
	u8 *d = p;
	const u8 *s = q;

	while (n--)
		*d++ = *s++;
	return p;
}

static u32 length(const char *s)
{
	u32 n = 0;

	while (s[n])
		n++;
	return n;
}

static int same(const void *p, const void *q, u32 n)
{
	const u8 *a = p, *b = q;

	while (n && *a == *b)
		a++, b++, n--;
	return !n;
}

/* Pages */

static void flush(void)
{
	u64 cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) :: "memory");
}

static u64 *pte(const void *address)
{
	return &window_table[((u64)address - (u64)WINDOW) / PAGE];
}

static void set_rights(void *address, u32 pages, u32 rights)
{
	u32 i;

	for (i = 0; i < pages; i++)
		*pte((u8 *)address + i * PAGE) = ((u64)address + i * PAGE) | rights;
	flush();
}

/* Called by fault_entry */
void fault(struct frame *f) __attribute__((used));
void fault(struct frame *f)
{
	faults++;
	fault_vector = f->vector;
	fault_error = f->error;
	asm volatile("mov %%cr2, %0" : "=r"(fault_address));

	if (f->vector == 14 && resolve && fault_address - (u64)WINDOW < 512 * PAGE) {
		*pte((void *)fault_address) = (fault_address & -(u64)PAGE) | resolve;
		flush();
		return;
	}
	if (resume) {
		f->rip = resume;
		return;
	}
	puts("not ok unexpected exception ");
	put_number(f->vector, 10);
	puts(" at ");
	put_number(f->rip, 16);
	puts(" address ");
	put_number(fault_address, 16);
	putc('\n');
	quit(1);
}

struct gate { u16 low, selector, type, middle; u32 high, zero; };
static struct gate idt[256] __attribute__((aligned(8)));
static u32 tss[26];

static void set_gate(int n, u64 address, u16 type)
{
	idt[n] = (struct gate) { address, 8, type, address >> 16 };
}

extern u8 text_begin[], text_end[], user_begin[], user_end[];

static void setup(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) d = { sizeof(idt) - 1, (u64)idt };
	u64 t = (u64)tss, i;

	tss[1] = (u64)fault_stack + sizeof(fault_stack);
	tss[25] = sizeof(tss) << 16;		/* no I/O bitmap */
	gdt[5] = (sizeof(tss) - 1) | (t & 0xffffff) << 16 | 0x89ul << 40 | (t >> 24) << 56;
	asm volatile("ltr %w0" :: "r"(0x28));
	for (i = 0; i < 20; i++)
		set_gate(i, stubs[i], 0x8e00);
	set_gate(0x80, (u64)back, 0xee00);
	asm volatile("lidt %0" :: "m"(d));

	/*
	 * The first 2 MiB, with this program: ring 3 may execute and read the code,
	 * and write its own section. The window: nothing is mapped yet.
	 */
	for (i = 0; i < 512; i++) {
		u64 page = i * PAGE;

		low_table[i] = page | P_PRESENT | P_WRITE;
		if (page >= (u64)text_begin && page < (u64)text_end)
			low_table[i] = page | P_PRESENT | P_USER;
		if (page >= (u64)user_begin && page < (u64)user_end)
			low_table[i] |= P_USER;
	}
	memset(page_dir, 0, sizeof(page_dir));
	page_dir[0] = (u64)low_table | P_PRESENT | P_WRITE | P_USER;
	page_dir[(u64)WINDOW >> 21] = (u64)window_table | P_PRESENT | P_WRITE | P_USER;
	flush();
}

/* Ways to call */

enum { PORT, VMCALL, VMMCALL };
static int how, ring;

static void run(void (*op)(void))
{
	faults = 0;
	if (ring)
		call_user(op);
	else
		op();
	resume = 0;
}

static void low(u32 command, u32 ebx)
{
	R.eax = MAGIC;
	R.ebx = ebx;
	R.ecx = command;
	R.edx = (R.edx & 0xffff0000) | (how == PORT ? 0x5658 : 0);
	run(how == PORT ? op_in : how == VMCALL ? op_vmcall : op_vmmcall);
}

static void high(int out, void *buf, u32 size, u32 id, u32 cookie_high, u32 cookie_low)
{
	R.eax = MAGIC;
	R.ebx = 0x10000;
	R.ecx = size;
	R.edx = id << 16 | (how == PORT ? 0x5659 : out ? 3 : 1);
	R.esi = out ? (u64)buf : cookie_high;
	R.edi = out ? cookie_low : (u64)buf;
	R.ebp = out ? cookie_high : cookie_low;
	run(how == VMCALL ? op_vmcall : how == VMMCALL ? op_vmmcall : out ? op_outsb : op_insb);
}

/* The message channel */

struct channel { u32 id, high, low; };

static u32 message(struct channel *c, u32 type, u32 arg)
{
	R.edx = c->id << 16;
	R.esi = c->high;
	R.edi = c->low;
	low(type << 16 | 30, arg);
	return R.ecx >> 16;
}

static int open_channel(struct channel *c)
{
	R.edx = R.esi = R.edi = 0;
	low(30, 0xc9435052);
	c->id = R.edx >> 16;
	c->high = R.esi;
	c->low = R.edi;
	return R.ecx >> 16 & 1;
}

static int send(struct channel *c, const void *text, u32 size, int hb)
{
	u32 status = message(c, 1, size), i, word;

	if (!(status & 1) || (hb && !(status & 0x80)))
		return 0;
	if (hb) {
		high(1, (void *)text, size, c->id, c->high, c->low);
		return R.ebx >> 16 & 1;
	}
	for (i = 0; i < size; i += 4) {
		word = 0;
		memcpy(&word, (u8 *)text + i, size - i < 4 ? size - i : 4);
		if (!(message(c, 2, word) & 1))
			return 0;
	}
	return 1;
}

/* The size of the reply, or -1 */
static int receive(struct channel *c, u8 *buf, u32 room, int hb)
{
	u32 status = message(c, 3, 0), size = R.ebx, i, word;

	if ((status & 3) != 3 || R.edx >> 16 != 1 || size > room)
		return -1;
	if (hb) {
		high(0, buf, size, c->id, c->high, c->low);
		if (!(R.ebx >> 16 & 1))
			return -1;
	}
	for (i = 0; !hb && i < size; i += 4) {
		if (!(message(c, 4, 1) & 1) || R.edx >> 16 != 2)
			return -1;
		word = R.ebx;
		memcpy(buf + i, &word, size - i < 4 ? size - i : 4);
	}
	return message(c, 5, 1) & 1 ? (int)size : -1;
}

static void request(struct channel *c, const char *text, const char *reply, int hb)
{
	int size;

	memset(BUFFER, 0, PAGE);
	memcpy(BUFFER, text, length(text));
	size = send(c, BUFFER, length(text), hb) ? receive(c, BUFFER + PAGE, PAGE, hb) : -1;
	check(size == (int)length(reply) && same(BUFFER + PAGE, reply, size), text);
}

#define RW	(P_PRESENT | P_WRITE | P_USER)

static void test_commands(int kvm)
{
	low(10, ~MAGIC);
	check(!faults && R.eax == 6 && R.ebx == MAGIC, "GETVERSION");
	R = (struct regs) { .esi = 0x11111111, .edi = 0x22222222 };
	low(0x7777, 0x33333333);
	check(R.eax == ~0u && R.ebx == 0x33333333 && R.ecx == 0x7777 &&
	      R.esi == 0x11111111 && R.edi == 0x22222222, "unknown command");
	low(0x10a, 0);
	check(R.eax == ~0u, "command 0x10a is not GETVERSION");
	low(45, 0);
	check(kvm ? R.eax && R.ecx == 1000000000 : R.ebx == ~0u, "GETHZ");
	low(20, 0);
	check(R.eax == 64 << 20 && R.ebx == 0x1177, "GETMEMSIZE");
	low(68, 0);
	check(!(R.eax >> 31), "GETVCPU_INFO");
	low(23, 0);
	check(R.eax > 1500000000 && R.eax != ~0u && R.ebx < 1000000, "GETTIME");
	low(46, 0);
	check(R.eax == MAGIC && R.edx > 1500000000 && !R.esi && R.ebx < 1000000, "GETTIMEFULL");
	R.edi = 1;
	low(85, 0);
	check(R.eax == MAGIC && R.edx > 1500000000 && !R.edi, "GETTIMEFULL_WITH_LAG");
}

static void test_messages(int hb)
{
	struct channel c, other;
	u32 i;

	check(open_channel(&c), hb ? "open, high bandwidth" : "open, low bandwidth");
	request(&c, "info-get guestinfo.x", "1 hello", hb);
	request(&c, "info-set guestinfo.y a b  c", "1 ", hb);
	request(&c, "info-get guestinfo.y", "1 a b  c", hb);
	request(&c, "info-set guestinfo.y ", "1 ", hb);
	request(&c, "info-get guestinfo.y", "0 No value found", hb);
	request(&c, "info-get guestinfo.none", "0 No value found", hb);
	request(&c, "info-get guestinfo.", "0 No value found", hb);
	request(&c, "info-get", "0 Unknown command", hb);
	request(&c, "info-set other.x 1", "0 Permission denied", hb);
	request(&c, "tools.set.version 1", "0 Unknown command", hb);

	other = c;
	other.low ^= 1;
	check(!(message(&other, 1, 4) & 1), "a wrong cookie is refused");
	check(!(message(&c, 1, 0x10001) & 1), "a message of 64 KiB + 1 is refused");
	check(message(&c, 1, 0x10000) & 1, "a message of 64 KiB is not");
	check(!(message(&c, 4, 1) & 1), "nothing to receive");
	check((message(&c, 3, 0) & 3) == 1, "no message pending");
	for (i = 0; i < 8; i++)
		open_channel(&other);
	check(!(message(&c, 3, 0) & 1), "the channel idle for longest is closed when all are used");
	check(message(&other, 6, 0) & 1, "close");
	check(!(message(&other, 6, 0) & 1), "close again is refused");
}

/* High bandwidth at pages that are not there, or not for this ring */
static void test_faults(void)
{
	static const char set[] = "info-set guestinfo.big ";
	u32 i, size = sizeof(set) - 1 + 3 * PAGE, user = ring ? P_USER : 0;
	u8 *edge = BUFFER + 100;
	struct channel c;

	set_rights(BUFFER, BUFFER_PAGES, RW);
	memcpy(edge, set, sizeof(set) - 1);
	for (i = sizeof(set) - 1; i < size; i++)
		edge[i] = 'a' + (i * 7 + i / PAGE) % 26;
	open_channel(&c);

	set_rights(BUFFER + PAGE, 3, 0);
	resolve = RW;
	check(send(&c, edge, size, 1) && faults == 3 && fault_vector == 14 && fault_error == user,
	      "send from pages that are not present");
	check(receive(&c, BUFFER + 10 * PAGE, PAGE, 1) == 2, "the reply");

	send(&c, "info-get guestinfo.big", 22, 0);
	message(&c, 3, 0);
	memset(BUFFER + 8 * PAGE, 0, 5 * PAGE);
	set_rights(BUFFER + 8 * PAGE, 5, 0);
	high(0, BUFFER + 8 * PAGE + 98, R.ebx, c.id, c.high, c.low);
	check(R.ebx >> 16 & 1, "receive to pages that are not present");
	check(faults == 4 && fault_error == (user | P_WRITE), "faults for the right reason");
	check(*pte(BUFFER + 8 * PAGE) & P_DIRTY, "dirty bit");
	check(same(BUFFER + 8 * PAGE + 100, edge + sizeof(set) - 1, 3 * PAGE), "what was sent");
	resolve = 0;

	if (ring) {
		set_rights(BUFFER + 9 * PAGE, 1, P_PRESENT | P_WRITE);
		high(0, BUFFER + 8 * PAGE, 3 * PAGE + 2, c.id, c.high, c.low);
		check(faults == 1 && fault_vector == 14 && fault_error == 7 &&
		      fault_address == (u64)BUFFER + 9 * PAGE, "receive to a page of the kernel");
		message(&c, 1, 2 * PAGE);
		high(1, BUFFER + 8 * PAGE, 2 * PAGE, c.id, c.high, c.low);
		check(faults == 1 && fault_error == 5, "send from a page of the kernel");
	}
	set_rights(BUFFER + 9 * PAGE, 1, P_PRESENT | P_USER);
	high(0, BUFFER + 8 * PAGE, 3 * PAGE + 2, c.id, c.high, c.low);
	check(faults == 1 && fault_error == (3 | user) &&
	      fault_address == (u64)BUFFER + 9 * PAGE, "receive to a page that is read-only");
	set_rights(BUFFER + 9 * PAGE, 1, RW);
	message(&c, 5, 1);

	high(0, BUFFER, 0xffffffff, c.id, c.high, c.low);
	if (how != PORT)
		check(!faults && !(R.ebx >> 16), "4 GiB are refused");
	message(&c, 6, 0);
	request((open_channel(&c), &c), "info-set guestinfo.big", "1 ", 0);
}

/* All values together are limited, and room that is given back can be used again. */
static void test_limits(void)
{
	char set[] = "info-set guestinfo.fill? ";
	u32 size = 60000, i, refused = 0;
	struct channel c;

	set_rights(BUFFER, BUFFER_PAGES, RW);
	open_channel(&c);
	memset(BUFFER, 'v', size);
	for (i = 0; i < 24 && !refused; i++) {
		set[sizeof(set) - 3] = 'a' + i;
		memcpy(BUFFER, set, sizeof(set) - 1);
		if (!send(&c, BUFFER, size, 1) || receive(&c, BUFFER + 16 * PAGE, PAGE, 1) < 0)
			break;
		refused = BUFFER[16 * PAGE] == '0' ? i : 0;
	}
	check(refused == 17, "values are limited to 1 MiB");
	while (i--) {
		set[sizeof(set) - 3] = 'a' + i;
		send(&c, set, sizeof(set) - 1, 0);
		receive(&c, BUFFER + 16 * PAGE, PAGE, 0);
	}
	message(&c, 6, 0);
}

static void test(int kvm)
{
	test_commands(kvm);
	test_messages(0);
	test_messages(1);
	test_faults();
	/* In a machine that is emulated, a byte of a REP OUTSB is slow */
	if (!kvm || how != PORT)
		test_limits();
}

/* Fuzz */

static u32 seed;

static u32 rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return n ? seed % n : seed;
}

static u32 rnd_number(void)
{
	static const u32 interesting[] = {
		0, 1, 2, 3, 4, 255, 256, 4095, 4096, 4097, 0x7fff, 0x8000, 0xffff, 0x10000,
		0x10001, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, MAGIC, 0x49435052,
		0xc9435052, 0x4f4c4354, 0xcf4c4354,
	};

	switch (rnd(4)) {
	case 0: return rnd(0);
	case 1: return rnd(64);
	default: return interesting[rnd(sizeof(interesting) / sizeof(interesting[0]))];
	}
}

static u64 rnd_address(void)
{
	switch (rnd(12)) {
	case 0: return rnd(0);
	case 1: return -(u64)PAGE + rnd(PAGE);
	case 4: return 0x800000000000 - rnd(2 * PAGE);		/* not canonical */
	case 2: return (u64)WINDOW + rnd(16 * PAGE);		/* mostly not there */
	case 3: return (u64)BUFFER + (BUFFER_PAGES - 1) * PAGE + rnd(PAGE);
	default: return (u64)BUFFER + rnd(PAGE);
	}
}

static void fuzz(u32 count, int hypercall)
{
	static const char *texts[] = {
		"info-get guestinfo.x", "info-get guestinfo.f", "info-get", "info-set", " ", "",
		"info-set guestinfo.f ", "info-set guestinfo. x", "info-get guestinfo.%s%n",
		"info-set guestinfo.\xff\xfe \x80", "info-get  guestinfo.x", "unknown \x01\n",
	};
	static const u8 commands[] = { 30, 30, 30, 30, 30, 30, 10, 17, 19, 20, 23, 39, 40, 41, 45, 46, 68, 85, 91 };
	struct channel c[16];
	u32 i, j, n, used = 0, ops = 0, hits = 0, fault_count = 0;

	memset(c, 0, sizeof(c));
	for (i = 0; i < count; i++) {
		struct channel *p = &c[rnd(16)];
		void (*op)(void);

		how = hypercall ? rnd(2) ? hypercall : PORT : PORT;
		if (rnd(8) == 0) {
			/* a new value, of a new name: what there is must stay limited */
			char name[] = "info-set guestinfo.00000000 ";

			for (j = 0, n = rnd(0); j < 8; j++)
				name[19 + j] = "0123456789abcdef"[n >> j * 4 & 15];
			memcpy(BUFFER, name, sizeof(name) - 1);
			n = sizeof(name) - 1 + rnd(how != PORT || rnd(16) == 0 ? 3 * PAGE : 64);
		} else {
			const char *text = texts[rnd(sizeof(texts) / sizeof(texts[0]))];

			n = length(text);
			memcpy(BUFFER, text, n);
			n += rnd(4) ? 0 : rnd(300);
		}
		switch (rnd(10)) {
		case 0:
			open_channel(p);
			break;
		case 1:
			used += send(p, BUFFER, n, n > 300 || rnd(2));
			break;
		case 2:
			used += receive(p, BUFFER + 4 * PAGE, PAGE, rnd(2)) >= 0;
			break;
		default:
			R.eax = rnd(20) ? MAGIC : rnd_number();
			R.ebx = rnd_number();
			R.ecx = rnd(5) ? (rnd(9) << 16 | commands[rnd(sizeof(commands))]) : rnd_number();
			R.edx = (rnd(8) ? p->id : rnd(0)) << 16;
			R.esi = rnd(3) ? p->high : rnd_number();
			R.edi = rnd(3) ? p->low : rnd_number();
			R.ebp = rnd_number();
			op = op_in;
			n = rnd(4);
			if (how != PORT) {
				R.edx |= rnd(16) ? n : rnd_number() & 0xffff;
				op = how == VMCALL ? op_vmcall : op_vmmcall;
			} else {
				R.edx |= n & 1 ? 0x5659 : 0x5658;
				op = n == 0 ? op_in : n == 1 ? op_insb : n == 2 ? op_out : op_outsb;
			}
			if (n & 1) {
				if (how != PORT)
					R.ecx = rnd(3) ? rnd(PAGE) : rnd_number();
				else
					R.ecx = rnd(rnd(16) ? 64 : PAGE);
				R.ebx = rnd(8) ? 0x10000 : R.ebx;
				if (n & 2) {
					R.esi = rnd_address();
					R.ebp = rnd(4) ? p->high : R.ebp;
				} else {
					R.edi = rnd_address();
					R.ebp = rnd(4) ? p->low : R.ebp;
				}
			}
			run(op);
			hits += R.eax != ~0u;
			fault_count += faults != 0;
			/* A REP that faulted is abandoned */
			break;
		}
		ops++;
		if (i % 500 == 499) {
			puts("# ");
			put_number(i + 1, 10);
			putc('\n');
		}
	}
	puts("# sequences ");
	put_number(ops, 10);
	puts(", commands answered ");
	put_number(hits, 10);
	puts(", messages ");
	put_number(used, 10);
	puts(", faults ");
	put_number(fault_count, 10);
	putc('\n');
	check(used > count / 100 && hits > count / 20, "the fuzzer reached the message channel");
}

static u32 number(const char **s)
{
	u32 n = 0;

	while (**s == ' ')
		++*s;
	while (**s >= '0' && **s <= '9')
		n = n * 10 + *(*s)++ - '0';
	return n;
}

struct multiboot_info { u32 flags, mem_low, mem_high, boot_device, cmdline; };

void main(const struct multiboot_info *info) __attribute__((used));
void main(const struct multiboot_info *info)
{
	const char *cmdline = (const char *)(u64)info->cmdline;
	struct channel channel;
	u32 a, b, c, d, count;
	int hypercall = 0;

	setup();
	set_rights(BUFFER, BUFFER_PAGES, RW);

	cpuid(0x40000000, &a, &b, &c, &d);
	if (b == 0x61774d56 && c == 0x4d566572 && d == 0x65726177) {
		check(a == 0x40000010, "CPUID 0x40000000");
		cpuid(0x40000010, &a, &b, &c, &d);
		check(a && b == 1000000, "CPUID 0x40000010: frequencies");
		hypercall = c & 1 ? VMMCALL : c & 2 ? VMCALL : 0;
	}
	puts(hypercall == VMMCALL ? "# VMMCALL\n" : hypercall ? "# VMCALL\n" : "# ports only\n");

	/* Skip the name of the program */
	while (*cmdline && *cmdline != ' ')
		cmdline++;
	while (*cmdline == ' ')
		cmdline++;

	if (same(cmdline, "fuzz", 4)) {
		cmdline += 4;
		seed = number(&cmdline) | 1;
		count = number(&cmdline);
		puts("# seed ");
		put_number(seed, 10);
		puts(", count ");
		put_number(count, 10);
		putc('\n');
		ring = 1;
		user_flags = 0x3002;		/* IOPL 3, for TCG */
		fuzz(count, hypercall);
		/* The device is still sane; the fuzzer may have set guestinfo.x */
		how = hypercall;
		set_rights(BUFFER, BUFFER_PAGES, RW);
		open_channel(&channel);
		request(&channel, "info-set guestinfo.x hello", "1 ", 0);
		test_messages(1);
	} else {
		context = "port, ring 0: ";
		test(hypercall);
		if (hypercall) {
			context = "port, ring 3: ";
			ring = 1;
			test(1);
			how = hypercall;
			context = "hypercall, ring 3: ";
			test(1);
			ring = 0;
			context = "hypercall, ring 0: ";
			test(1);
		}
	}
	puts("1..");
	put_number(tests, 10);
	puts(failures ? "\n# FAILED\n" : "\n# passed\n");
	quit(failures ? 1 : 0);
}
