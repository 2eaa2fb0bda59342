"""What tests of an installation share: a disposable machine that has all that `srctl gateway install` needs."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.conftest import said_plainly
from tools.lab import Lab
from tools.machine import VENV, Machine, machine

KEYS_STAND_IN = '#!/usr/bin/python3 -ISE\n"""Lets nobody in: stands in where the keys command is not there yet."""\n'
_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def fresh_machine(lab: Lab, *, with_engine: bool = True) -> Iterator[Machine]:
    """Give a machine of this test's own, with sshd running, and nothing of a gateway."""
    with said_plainly(), machine(lab, f"debian-{next(_NUMBERS)}", with_engine=with_engine) as made:
        keys = made.ok("sh", "-c", f"ls {VENV}/lib/python3*/site-packages/srctl/gateway/keys.py || true")
        if not keys:
            packages = made.ok("sh", "-c", f"echo {VENV}/lib/python3*/site-packages/srctl").strip()
            made.write(f"{packages}/gateway/__init__.py", "")
            made.write(f"{packages}/gateway/keys.py", KEYS_STAND_IN)
        made.start_sshd()
        yield made


def install(made: Machine, *options: str) -> str:
    """Install, which must succeed; return what was said."""
    done = made.srctl("gateway", "install", "--yes", *options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def refused(made: Machine, *options: str) -> str:
    """Install, which must be refused as a conflict; return why and what to do."""
    done = made.srctl("gateway", "install", "--yes", *options)
    assert done.returncode == 5, done.stdout + done.stderr
    return done.stderr


def state(made: Machine) -> dict[str, str]:
    """Return all that an installation may touch: files with owner, mode and sum, accounts, rules, networks.

    Copies that useradd keeps for itself and times are no part of it, nor is what Python compiles.
    """
    found = (
        "find /opt/srctl/bin /opt/srctl /etc/srctl /var/lib/srctl /etc/ssh /etc/systemd /etc/cron.d /var/lib -xdev"
        " -not -path '*/lab-libraries*' -not -path '*/__pycache__*' -not -path '/var/lib/docker*'"
        " -printf '%p %u %g %m %y %l\\n' 2>/dev/null | sort -u"
    )
    folders = "/opt/srctl/bin /etc/srctl /etc/ssh /etc/systemd /etc/cron.d"
    sums = f"find {folders} -type f -exec sha256sum {{}} + 2>/dev/null | sort"
    commands = {
        "files": found,
        "sums": sums,
        "accounts": "sort /etc/passwd /etc/shadow /etc/group /etc/gshadow",
        "rules": "for table in raw filter; do iptables -t $table -S | grep -e 127.83 -e uid-owner; done; true",
        "networks": "docker network ls --format '{{.Name}}' | sort",
    }
    return {name: made.ok("sh", "-c", command) for name, command in commands.items()}


def findings(made: Machine) -> dict[str, dict[str, Any]]:
    """Return what `gateway check` finds, by the problem; what is all right stands under the name of the check."""
    done = made.srctl("gateway", "check", "-o", "json")
    rows = json.loads(done.stdout)
    assert done.returncode == int(not all(row["ok"] for row in rows)), done.stderr
    return {row["problem"] or row["check"]: row for row in rows}
