/*
 * The near end of the measurements, where no tool at hand measures it. It connects to ADDRESS and PORT and prints JSON;
 * times are in microseconds.
 *
 *   ask ADDRESS PORT pings COUNT PAUSE_US SECONDS   one connection, 1 KiB there and back, again after a pause
 *   ask ADDRESS PORT connections COUNT AT_A_TIME SIZE  connect, GET so many bytes, read them, close
 *   ask ADDRESS PORT requests COUNT SIZE            the same on one connection that is kept
 *   ask ADDRESS PORT first SECONDS                  try until a byte has come back; prints the clock then, in seconds
 *   ask ADDRESS PORT stall COUNT                    ask for endless bytes and read none, until stdin ends
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PING = 1024, MOST_AT_A_TIME = 64 };

static struct sockaddr_in server;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void nap(double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

static int dial(void)
{
    int one = 1, peer = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(peer, (struct sockaddr *)&server, sizeof server)) {
        close(peer);
        return -1;
    }
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return peer;
}

static int must_dial(void)
{
    int peer = dial();
    if (peer < 0)
        fail("connect");
    return peer;
}

/* Send these bytes and read `expected` ones; return 0 when all has come. */
static int exchange(int peer, const char *bytes, size_t size, char *into, size_t expected)
{
    if (send(peer, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        return -1;
    return recv(peer, into, expected, MSG_WAITALL) == (ssize_t)expected ? 0 : -1;
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Print what a list of times comes to: quantiles, the mean of the worst percent, how many there are a second. */
static void report(double *times, int count, double wall)
{
    double worst = 0;
    int tail = count > 100 ? count / 100 : 1;
    qsort(times, (size_t)count, sizeof *times, by_size);
    for (int each = count - tail; each < count; each++)
        worst += times[each] / tail;
    printf("{\"count\": %d, \"p50\": %.2f, \"p99\": %.2f, \"p999\": %.2f, \"worst_percent\": %.2f, \"rate\": %.3f}\n",
           count, times[count / 2] * 1e6, times[(int)(count * 0.99)] * 1e6, times[(int)(count * 0.999)] * 1e6,
           worst * 1e6, count / wall);
}

static void ping(int count, double pause, double limit)
{
    char out[PING] = "E", back[PING];
    double *times = calloc((size_t)count, sizeof *times), start = now();
    int done = 0, peer = must_dial();
    if (exchange(peer, out, PING, back, PING))
        fail("first ping");
    while (done < count && now() - start < limit) {
        double began = now();
        if (exchange(peer, out, PING, back, PING))
            fail("ping");
        times[done++] = now() - began;
        if (pause > 0)
            nap(pause);
    }
    report(times, done, now() - start);
}

struct share {
    pthread_t thread;
    int count;
    double *times;
};

static char request[128];
static size_t answer_size;

static void *connect_often(void *argument)
{
    struct share *share = argument;
    char *back = malloc(answer_size);
    for (int each = 0; each < share->count; each++) {
        double began = now();
        int peer = must_dial();
        if (exchange(peer, request, strlen(request), back, answer_size))
            fail("request");
        close(peer);
        share->times[each] = now() - began;
    }
    free(back);
    return NULL;
}

/* Learn how long the answer with its head is; it is the same each time. */
static size_t measure_answer(void)
{
    char back[4096] = "", *body = NULL, *length;
    size_t size = 0;
    int peer = must_dial();
    if (send(peer, request, strlen(request), MSG_NOSIGNAL) < 0)
        fail("request");
    while (body == NULL) {
        ssize_t got = recv(peer, back + size, sizeof back - 1 - size, 0);
        if (got <= 0)
            fail("answer");
        size += (size_t)got;
        body = strstr(back, "\r\n\r\n");
    }
    close(peer);
    length = strstr(back, "Content-Length: ");
    if (length == NULL)
        fail("answer without a length");
    return (size_t)(body + 4 - back) + strtoul(length + 16, NULL, 10);
}

static void prepare(int size)
{
    snprintf(request, sizeof request, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", size);
    answer_size = measure_answer();
}

static void requests(int count)
{
    double *times = calloc((size_t)count, sizeof *times), start = now();
    char *back = malloc(answer_size);
    int peer = must_dial();
    for (int each = 0; each < count; each++) {
        double began = now();
        if (exchange(peer, request, strlen(request), back, answer_size))
            fail("request");
        times[each] = now() - began;
    }
    report(times, count, now() - start);
}

static void connections(int count, int at_a_time)
{
    struct share shares[MOST_AT_A_TIME];
    double *times = calloc((size_t)count, sizeof *times);
    int each = count / at_a_time;
    double start = now();
    for (int number = 0; number < at_a_time; number++) {
        shares[number].count = each;
        shares[number].times = times + number * each;
        pthread_create(&shares[number].thread, NULL, connect_often, &shares[number]);
    }
    for (int number = 0; number < at_a_time; number++)
        pthread_join(shares[number].thread, NULL);
    report(times, each * at_a_time, now() - start);
}

static void first(double limit)
{
    double start = now();
    char back;
    while (now() - start < limit) {
        int peer = dial();
        if (peer >= 0 && exchange(peer, "E", 1, &back, 1) == 0) {
            printf("{\"clock\": %.6f}\n", now());
            return;
        }
        if (peer >= 0)
            close(peer);
        nap(0.001);
    }
    fprintf(stderr, "no byte came back within %g s\n", limit);
    exit(1);
}

static void stall(int count)
{
    for (int each = 0; each < count; each++)
        if (send(must_dial(), "S", 1, MSG_NOSIGNAL) != 1)
            fail("send");
    puts("{}");
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

int main(int count, char **words)
{
    if (count < 5)
        return 2;
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = inet_addr(words[1]);
    server.sin_port = htons((unsigned short)atoi(words[2]));
    prctl(PR_SET_TIMERSLACK, 1);
    if (!strcmp(words[3], "pings") && count == 7)
        ping(atoi(words[4]), atof(words[5]) * 1e-6, atof(words[6]));
    else if (!strcmp(words[3], "connections") && count == 7 && atoi(words[5]) <= MOST_AT_A_TIME)
        prepare(atoi(words[6])), connections(atoi(words[4]), atoi(words[5]));
    else if (!strcmp(words[3], "requests") && count == 6)
        prepare(atoi(words[5])), requests(atoi(words[4]));
    else if (!strcmp(words[3], "first"))
        first(atof(words[4]));
    else if (!strcmp(words[3], "stall"))
        stall(atoi(words[4]));
    else
        return 2;
    return 0;
}
