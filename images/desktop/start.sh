#!/bin/sh
# Bring up an X server, a window manager, a terminal and VNC; then serve them, in the foreground, on port 8888.
set -eu

: "${USER:?}" "${JPY_USER:?}" "${JPY_BASE_USER_URL:?}" "${URL_ID:?}"
base="${JPY_BASE_USER_URL%/}/containers/$URL_ID"
size="${X11_WIDTH:-1280}x${X11_HEIGHT:-800}x${X11_DEPTH:-16}"
state=$(mktemp -d)
mkdir -p -m 1777 /tmp/.X11-unix
mkfifo "$state/display" "$state/vnc"

# Each server reports readiness by itself, through a pipe.
Xvfb -displayfd 3 -screen 0 "$size" -nolisten tcp -noreset 3> "$state/display" &
read -r number < "$state/display"
export DISPLAY=":$number" TERM=xterm HOME="$state"
[ -w /workspace ] && export HOME=/workspace
cd "$HOME"

x11vnc -display "$DISPLAY" -localhost -rfbport 5900 -forever -shared -nopw -noxrecord -quiet -ping 30 -flag "$state/vnc" \
    > /dev/null &
read -r _ < "$state/vnc"

xsetroot -solid '#3d5a74'
LC_ALL=C twm -f /etc/srctl/twmrc &
xterm -geometry 96x28+60+60 -fn 9x15 -fb 9x15bold -bg '#17212b' -fg '#dfe7ee' -T "${USER}'s terminal" \
    ${STARTUPDATA:+-e sh -c 'printf "Start-up data: %s\n" "$STARTUPDATA"; exec sh'} &

sed -e "s|@BASE@|$base|g" -e "s|@STATE@|$state|g" /etc/srctl/nginx.conf \
    > "$state/nginx.conf"
echo "Desktop of $USER, $size, at $base/"
exec nginx -e stderr -c "$state/nginx.conf"
