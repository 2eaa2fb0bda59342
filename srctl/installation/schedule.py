"""What runs `srctl reap` now and then on a gateway, as text: a timer of systemd's, or cron's line. Pure.

Without either nothing expires: no session ends by its lifetime or because nobody uses it, and no share by its time.
"""

import shlex

MINUTES = 5
"""How often it runs; what it warns of and ends is at most so much later than it could be."""

SERVICE, TIMER = "srctl-reap.service", "srctl-reap.timer"

_SERVICE = """{mark}
[Unit]
Description=End the srctl sessions that are over
After=docker.service

[Service]
Type=oneshot
User={account}
ExecStart={command}
"""

_TIMER = """{mark}
[Unit]
Description=Look for srctl sessions that are over, every few minutes

[Timer]
OnBootSec=2min
OnUnitActiveSec={minutes}min

[Install]
WantedBy=timers.target
"""

_CRON = """{mark}
*/{minutes} * * * * {account} {command}
"""


def command(python: str, config: str) -> str:
    """Return the command that is run."""
    return f"{shlex.quote(python)} -I -m srctl --config {shlex.quote(config)} reap"


def service(mark: str, account: str, run_this: str) -> str:
    """Return systemd's unit that runs it once."""
    return _SERVICE.format(mark=mark, account=account, command=run_this)


def timer(mark: str) -> str:
    """Return systemd's unit that runs it now and then."""
    return _TIMER.format(mark=mark, minutes=MINUTES)


def cron(mark: str, account: str, run_this: str) -> str:
    """Return the same for cron."""
    return _CRON.format(mark=mark, minutes=MINUTES, account=account, command=run_this)
