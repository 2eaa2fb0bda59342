"""The firewall's rules of a gateway, as text: a script that root runs at boot, and systemd's unit for it. Pure.

Rules stand in the chains of iptables, each once. Traffic from outside to the addresses of sessions is always dropped:
older engines let neighbours on the network reach what is published on loopback. From the isolated network nothing gets
out, nor to this machine. Rules against local accounts are set where they are asked for.
"""

from collections.abc import Sequence

SERVICE = "srctl-firewall.service"
ADDRESSES = "127.83.0.0/16"
Rule = tuple[str, ...]
"""Table, chain, and the rule itself, as iptables takes them."""

_SCRIPT = """#!/bin/sh
{mark} Firewall rules of the gateway: start sets them, stop removes them, status tells whether they are set.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin

is_set() {{
    table=$1 chain=$2
    shift 2
    iptables -w -t "$table" -C "$chain" "$@" 2>/dev/null
}}

add() {{
    is_set "$@" && return
    table=$1 chain=$2
    shift 2
    iptables -w -t "$table" -I "$chain" 1 "$@"
}}

remove() {{
    while is_set "$@"; do
        (
            table=$1 chain=$2
            shift 2
            iptables -w -t "$table" -D "$chain" "$@"
        )
    done
}}

each_rule() {{
{rules}
}}

case "${{1:-}}" in
    start) each_rule add ;;
    stop) each_rule remove ;;
    status) each_rule is_set ;;
    *)
        echo "usage: $0 start|stop|status" >&2
        exit 2
        ;;
esac
"""

_UNIT = """{mark}
[Unit]
Description=Firewall rules of the srctl gateway
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command} start
ExecStop={command} stop

[Install]
WantedBy=multi-user.target
"""


def rules(account: str, ranges: Sequence[str] | None, isolated: Sequence[str] = ()) -> list[Rule]:
    """Return the rules; with `ranges` (of the sessions' networks) also those that keep local accounts out.

    sshd forwards as the service account, and the engine's proxy connects to containers as root: these two may.
    """
    found: list[Rule] = [("raw", "PREROUTING", "!", "-i", "lo", "-d", ADDRESSES, "-j", "DROP")]
    for each in isolated:
        found.append(("raw", "PREROUTING", "-s", each, "!", "-d", each, "-j", "DROP"))
        found.append(("filter", "INPUT", "-s", each, "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT"))
    if ranges is not None:
        new = ("-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT")
        others = ("-m", "owner", "!", "--uid-owner")
        found.append(("filter", "OUTPUT", "-d", ADDRESSES, *others, account, *new))
        found += [("filter", "OUTPUT", "-d", each, *others, "root", *new) for each in ranges]
    return found


def script(mark: str, wanted: Sequence[Rule]) -> str:
    """Return the script that sets these rules."""
    return _SCRIPT.format(mark=mark, rules="\n".join(f'    "$1" {" ".join(rule)}' for rule in wanted))


def unit(mark: str, command: str) -> str:
    """Return systemd's unit that runs the script at boot, before there is a network."""
    return _UNIT.format(mark=mark, command=command)
