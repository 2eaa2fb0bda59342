#!/bin/sh
# Knobs, from the environment:
#   MODE   ok (default) | crash (exit 3 at once) | refuse (no listener) | never (accept, say nothing)
#          | 500 | 503 (answer with that) | ignoreterm (answer, but ignore SIGTERM)
#   SLEEP  seconds before it listens
#   PORTS  the ports it listens on, default 8888
: "${USER:?}" "${JPY_USER:?}" "${JPY_BASE_USER_URL:?}" "${URL_ID:?}"

trap 'exit 0' TERM
[ "$MODE" = ignoreterm ] && trap '' TERM
if [ "$MODE" = crash ]; then
    echo "cannot start: told to crash" >&2
    exit 3
fi
echo "starting for $USER at $JPY_BASE_USER_URL/containers/$URL_ID/"
sleep "${SLEEP:-0}" & wait $!
if [ "$MODE" != refuse ]; then
    for port in ${PORTS:-8888}; do
        PORT=$port nc -ll -p "$port" -e /answer.sh &
    done
fi
while :; do sleep 3600 & wait $!; done
