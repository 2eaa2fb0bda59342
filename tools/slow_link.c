/*
 * A wire between two network namespaces: slow_link NAMESPACE NAMESPACE DELAY_US BITS_PER_SECOND QUEUE_BYTES
 *
 * It makes a device "wire" (TUN, Documentation/networking/tuntap.rst of Linux) in each namespace, says "up" and carries
 * IP packets between the two, each direction by itself: a packet waits for the line as long as those before it take at
 * the given rate, is dropped when more than QUEUE_BYTES wait already, and arrives DELAY_US later. A rate of 0 is no limit.
 * SIGUSR1 makes the wire lose everything, or carry again. The devices go when the process ends.
 *
 * Without a rate the kernel may hand over TCP segments before they are cut into packets (TSO), or the wire would cost
 * more processor than what is measured on it. With a rate each packet stands for itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    HEADER = sizeof(struct virtio_net_hdr), /* stands before each packet */
    LARGEST = HEADER + 65536,
    SLOTS = 1 << 16,
    BATCH = 128, /* packets read from one side before the other has its turn */
};

struct packet {
    int64_t due; /* ns */
    size_t size;
    char bytes[];
};

struct direction {
    int from, to;
    struct packet *slots[SLOTS];
    size_t first, end;    /* packets under way are slots[first..end), modulo SLOTS */
    int64_t line_is_free; /* ns: when the last packet will have left */
};

static int64_t delay;            /* ns */
static double ns_per_byte;       /* 0: no limit */
static double queue;             /* bytes */
static volatile sig_atomic_t black_hole;
static struct direction directions[2];

static void toggle(int signal_number)
{
    (void)signal_number;
    black_hole = !black_hole;
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Make the device in the namespace of this path; return its descriptor. */
static int make_device(const char *namespace)
{
    int inside = open(namespace, O_RDONLY | O_CLOEXEC);
    if (inside < 0 || setns(inside, CLONE_NEWNET))
        fail(namespace);
    close(inside);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq wanted = {.ifr_name = "wire", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    if (device < 0 || ioctl(device, TUNSETIFF, &wanted))
        fail("/dev/net/tun");
    if (ioctl(device, TUNSETOFFLOAD, ns_per_byte > 0 ? 0 : TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
        fail("TUNSETOFFLOAD");
    return device;
}

/* Put a packet on the line, or drop it. */
static void take(struct direction *way, const char *bytes, size_t size)
{
    int64_t time = now();
    int64_t starts = way->line_is_free > time ? way->line_is_free : time;
    size_t length = size - HEADER;
    if (black_hole || way->end - way->first == SLOTS)
        return;
    if (ns_per_byte > 0 && (starts - time) / ns_per_byte + length > queue)
        return;
    struct packet *packet = malloc(sizeof *packet + size);
    if (packet == NULL)
        return;
    way->line_is_free = starts + (int64_t)(length * ns_per_byte);
    packet->due = way->line_is_free + delay;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    way->slots[way->end++ % SLOTS] = packet;
}

static void read_packets(struct direction *way)
{
    static char bytes[LARGEST];
    for (int count = 0; count < BATCH; count++) {
        ssize_t size = read(way->from, bytes, sizeof bytes);
        if (size <= HEADER)
            return;
        take(way, bytes, (size_t)size);
    }
}

/* Hand over what is due; return when the next packet will be, at most `latest`. */
static int64_t deliver(struct direction *way, int64_t latest)
{
    for (; way->first != way->end; way->first++) {
        struct packet *packet = way->slots[way->first % SLOTS];
        if (packet->due > now())
            return packet->due < latest ? packet->due : latest;
        if (!black_hole && write(way->to, packet->bytes, packet->size) < 0 && errno == EBADF)
            fail("write");
        free(packet);
    }
    return latest;
}

static void carry(void)
{
    struct pollfd sides[2] = {
        {.fd = directions[0].from, .events = POLLIN},
        {.fd = directions[1].from, .events = POLLIN},
    };
    for (;;) {
        int64_t next = now() + INT64_C(1000000000);
        for (int each = 0; each < 2; each++)
            next = deliver(&directions[each], next);
        int64_t pause = next - now();
        if (pause < 0)
            pause = 0;
        struct timespec wait = {.tv_sec = pause / 1000000000, .tv_nsec = pause % 1000000000};
        if (ppoll(sides, 2, &wait, NULL) < 0 && errno != EINTR)
            fail("ppoll");
        for (int each = 0; each < 2; each++)
            read_packets(&directions[each]);
    }
}

int main(int count, char **arguments)
{
    if (count != 6) {
        fprintf(stderr, "usage: slow_link NAMESPACE NAMESPACE DELAY_US BITS_PER_SECOND QUEUE_BYTES\n");
        return 2;
    }
    delay = atoll(arguments[3]) * 1000;
    double rate = atof(arguments[4]);
    ns_per_byte = rate > 0 ? 8e9 / rate : 0;
    queue = atof(arguments[5]);
    int devices[2] = {make_device(arguments[1]), make_device(arguments[2])};
    for (int each = 0; each < 2; each++) {
        directions[each].from = devices[each];
        directions[each].to = devices[1 - each];
    }
    signal(SIGUSR1, toggle);
    prctl(PR_SET_TIMERSLACK, 1);
    puts("up");
    fflush(stdout);
    carry();
}
