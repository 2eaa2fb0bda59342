"""`srctl gateway check`: each thing that can go wrong with an installation is found and named with its fix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gateway.installed import findings, fresh_machine, install
from tools.lab import Lab
from tools.machine import Machine


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Iterator[Machine]:
    """A machine with a gateway, which each test damages and mends."""
    with fresh_machine(lab) as made:
        install(made)
        yield made


def test_a_new_gateway_has_no_problem(gateway: Machine) -> None:
    assert [row["problem"] for row in findings(gateway).values() if not row["ok"]] == []


DAMAGE = {
    "a server that every user can reach": (
        "python3 -m http.server --bind 0.0.0.0 20032 >/dev/null 2>&1 & echo $! >/run/server.pid;"
        " while ! curl -s 127.0.0.1:20032 >/dev/null; do sleep 0.1; done",
        "What listens on every address at port 20032 is open to all",
        "kill $(cat /run/server.pid); while curl -s 127.0.0.1:20032 >/dev/null; do sleep 0.1; done",
    ),
    "a forced command of somebody's": (
        "sed -i 's,^exec [^ ]*,exec /tmp/evil,' /opt/srctl/bin/srctl-gateway; chmod o+w /opt/srctl/bin/srctl-gateway;"
        " printf '#!/bin/sh\\ntouch /tmp/ran\\n' >/tmp/evil; chmod 755 /tmp/evil",
        "/opt/srctl/bin/srctl-gateway can be changed by others",
        "test ! -e /tmp/ran && /opt/srctl/venv/bin/srctl gateway install --yes",
    ),
    "a wrong shell": (
        "usermod -s /usr/sbin/nologin srctl",
        "The shell of srctl is /usr/sbin/nologin",
        "usermod -s /bin/sh srctl",
    ),
    "a locked account": ("usermod -p '!' srctl", "The account srctl is locked", "usermod -p '*' srctl"),
    "no right to the engine": (
        "gpasswd -d srctl docker",
        "srctl is not in the group docker",
        "usermod -aG docker srctl",
    ),
    "a command that others can replace": (
        "chmod o+w /opt/srctl/bin",
        "/opt/srctl/bin can be changed by others",
        "chmod o-w /opt/srctl/bin",
    ),
    "an old keys command": (
        "echo '# old' >>/opt/srctl/bin/srctl-keys",
        "/opt/srctl/bin/srctl-keys is not the one of this srctl",
        "sed -i '$d' /opt/srctl/bin/srctl-keys",
    ),
    "an open home": ("chmod 755 /var/lib/srctl", "/var/lib/srctl has mode 0755", "chmod 700 /var/lib/srctl"),
    "no database": (
        "mv /var/lib/srctl/srctl.db /tmp/",
        "There is no database",
        "mv /tmp/srctl.db /var/lib/srctl/",
    ),
    "an open configuration": (
        "chmod 644 /etc/srctl/gateway.toml",
        "/etc/srctl/gateway.toml has mode 0644",
        "chmod 640 /etc/srctl/gateway.toml",
    ),
    "other users only": (
        "echo 'AllowUsers ann' >/etc/ssh/sshd_config.d/aaa.conf",
        "AllowUsers ann bars srctl",
        "rm /etc/ssh/sshd_config.d/aaa.conf",
    ),
    "an earlier match": (
        "printf 'Match User srctl\\n PermitTTY yes\\n' >/etc/ssh/sshd_config.d/aaa.conf",
        "For srctl sshd has permittty yes",
        "rm /etc/ssh/sshd_config.d/aaa.conf",
    ),
    "few logins at once": (
        "echo 'MaxStartups 3:30:8' >/etc/ssh/sshd_config.d/aaa.conf",
        "MaxStartups 3:30:8 drops people",
        "rm /etc/ssh/sshd_config.d/aaa.conf",
    ),
    "a broken sshd": (
        "echo 'Nonsense' >/etc/ssh/sshd_config.d/aaa.conf",
        "sshd does not take its configuration",
        "rm /etc/ssh/sshd_config.d/aaa.conf",
    ),
    "an sshd that has not read it": (
        "touch -d '1 hour ago' /run/sshd.pid",
        "sshd has not read /etc/ssh/sshd_config.d/srctl.conf",
        "touch /run/sshd.pid",
    ),
    "no firewall": (
        "/opt/srctl/bin/srctl-firewall stop",
        "The firewall's rules are not set",
        "/opt/srctl/bin/srctl-firewall start",
    ),
    "no account": (
        "cp /etc/passwd /tmp/ && sed -i /^srctl:/d /etc/passwd",
        "There is no account srctl",
        "cp /tmp/passwd /etc/passwd",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_problem_is_found_and_gone_when_mended(gateway: Machine, name: str) -> None:
    damage, problem, mend = DAMAGE[name]
    gateway.ok("sh", "-c", damage)
    try:
        found = [row for words, row in findings(gateway).items() if words.startswith(problem)]
    finally:
        gateway.ok("sh", "-c", mend)
    assert len(found) == 1
    assert found[0]["fix"]
    assert [row["problem"] for row in findings(gateway).values() if not row["ok"]] == []


def test_installing_again_mends_what_is_srctls_own(gateway: Machine) -> None:
    gateway.ok(
        "sh", "-c", "rm /opt/srctl/bin/srctl-gateway; usermod -s /bin/false -p '!' srctl; chmod 711 /var/lib/srctl"
    )
    gateway.ok("/opt/srctl/bin/srctl-firewall", "stop")
    install(gateway)
    assert [row["problem"] for row in findings(gateway).values() if not row["ok"]] == []


def test_a_machine_without_a_gateway_is_told_how_to_get_one(lab: Lab) -> None:
    with fresh_machine(lab, with_engine=False) as made:
        [(words, row)] = findings(made).items()
    assert "There is no gateway" in words
    assert row["fix"] == "srctl gateway install"


def test_an_engine_that_is_down_is_found(lab: Lab) -> None:
    with fresh_machine(lab) as made:
        install(made)
        made.stop_engine()
        problems = [row for row in findings(made).values() if not row["ok"]]
        assert [row["check"] for row in problems if row["check"] == "engine"] == ["engine"]
