/*
 * The far end of the measurements: answer ADDRESS; it prints the port that it got and serves until it is ended.
 *
 * A connection's first byte says what it wants: "G" an HTTP answer to each `GET /SIZE`, as long as asked, "E" its bytes
 * back, "S" bytes without end. Each connection has a thread, so that none waits for another.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 128, LARGEST = 1 << 20, BUFFER = 65536, STACK = 1 << 19 };

static char zeros[LARGEST];

static int send_all(int to, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        bytes += sent;
        size -= (size_t)sent;
    }
    return 0;
}

/* Answer one request; head and the first of the body leave together. */
static int answer(int peer, const char *request)
{
    char head[HEAD + BUFFER];
    size_t size = strtoul(request + strlen("GET /"), NULL, 10);
    size = size < LARGEST ? size : LARGEST;
    size_t first = size < BUFFER ? size : BUFFER;
    size_t used = (size_t)snprintf(head, HEAD, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    memset(head + used, 0, first);
    return send_all(peer, head, used + first) || send_all(peer, zeros, size - first);
}

/* Answer every request in what has been read; return how many bytes of a started one are left, or -1. */
static ssize_t answer_requests(int peer, char *buffer, size_t size)
{
    char *start = buffer, *end;
    while ((end = memmem(start, size, "\r\n\r\n", 4)) != NULL) {
        if (answer(peer, start))
            return -1;
        size -= (size_t)(end + 4 - start);
        start = end + 4;
    }
    memmove(buffer, start, size);
    return (ssize_t)size;
}

static void serve(int peer, char *buffer)
{
    ssize_t kept = 0, got = recv(peer, buffer, BUFFER, 0);
    char wish = got > 0 ? buffer[0] : 0;
    while (wish == 'S')
        if (send_all(peer, buffer, BUFFER))
            return;
    for (; got > 0; got = recv(peer, buffer + kept, (size_t)(BUFFER - kept), 0)) {
        if (wish == 'E' && send_all(peer, buffer, (size_t)got))
            return;
        if (wish == 'G' && (kept = answer_requests(peer, buffer, (size_t)(kept + got))) < 0)
            return;
    }
}

static void *begin(void *peer)
{
    int one = 1, socket = (int)(intptr_t)peer;
    char *buffer = calloc(1, BUFFER);
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (buffer != NULL)
        serve(socket, buffer);
    free(buffer);
    close(socket);
    return NULL;
}

static int listen_on(const char *address)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
    socklen_t size = sizeof where;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&where, size) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&where, &size)) {
        perror("listen");
        exit(1);
    }
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments)
{
    int listener = listen_on(count > 1 ? arguments[1] : "127.0.0.1");
    pthread_attr_t attributes;
    signal(SIGPIPE, SIG_IGN);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    for (;;) {
        pthread_t thread;
        int peer = accept(listener, NULL, NULL);
        if (peer >= 0 && pthread_create(&thread, &attributes, begin, (void *)(intptr_t)peer))
            close(peer);
    }
}
