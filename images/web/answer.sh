#!/bin/sh
# Answer one HTTP request on stdin and stdout. Below the session's path:
#   /          a page that names the request        /bytes/N   N bytes
#   /echo      what was uploaded (Content-Length)   anything   the page again
base="${JPY_BASE_USER_URL%/}/containers/$URL_ID"
length=0
read -r method path _
while read -r name value && [ -n "${name%?}" ]; do
    case "$name" in
        [Cc]ontent-[Ll]ength:) length="${value%?}" ;;
    esac
done

head_of() { # status, length, further lines
    printf 'HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %s\r\nConnection: close\r\n%b\r\n' "$1" "$2" "$3"
}
page() { # status, further lines
    body="<!DOCTYPE html><title>Test page</title><h1>$1</h1><p>$method $path on port $PORT for $USER</p>"
    head_of "$1" "${#body}" "$2"
    printf '%s' "$body"
}

case "$MODE" in
    never) exec sleep 3600 ;;
    500) page '500 Internal Server Error'; exit ;;
    503) page '503 Service Unavailable'; exit ;;
esac
case "$path" in
    "$base") page '302 Found' "Location: $base/\r\n" ;;
    "$base"/bytes/*) head_of '200 OK' "${path##*/}"; head -c "${path##*/}" /dev/zero ;;
    "$base"/echo) head_of '200 OK' "$length"; head -c "$length" ;;
    "$base"/*) page '200 OK' ;;
    *) page '404 Not Found' ;;
esac
