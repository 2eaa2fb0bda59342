"""`srctl gateway install` on a real machine: what it makes, that it repeats and undoes itself, and what it refuses."""

from __future__ import annotations

import json
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.installed import findings, fresh_machine, install, refused, state
from tools.lab import Lab
from tools.machine import Machine


@pytest.fixture
def debian(lab: Lab) -> Iterator[Machine]:
    with fresh_machine(lab) as made:
        yield made


@pytest.fixture(scope="module")
def spare_machine(lab: Lab) -> Iterator[Machine]:
    with fresh_machine(lab) as made:
        yield made


@pytest.fixture
def spare(spare_machine: Machine) -> Iterator[Machine]:
    """A machine of several tests, on which nothing may be installed in the end."""
    before = state(spare_machine)
    yield spare_machine
    spare_machine.ok(
        "sh", "-c", "rm -f /etc/ssh/sshd_config.d/aaa.conf; sed -i 's/^#Include/Include/' /etc/ssh/sshd_config"
    )
    spare_machine.ok("sh", "-c", "chmod 755 /opt /opt/srctl /etc/ssh/sshd_config.d; chown root /opt/srctl/venv")
    assert state(spare_machine) == before


def test_a_gateway_is_installed_and_sshd_has_it_in_force(debian: Machine) -> None:
    said = install(debian)
    assert "will be made" in said
    assert "SIGHUP to sshd" in said
    assert debian.ok("sshd", "-t") == ""
    effective = debian.ok("sshd", "-T", "-C", "user=srctl,host=h,addr=10.0.0.1").splitlines()
    assert {"forcecommand /opt/srctl/bin/srctl-gateway", "allowtcpforwarding local", "permitlisten none"} <= set(
        effective
    )
    assert "authorizedkeyscommand /opt/srctl/bin/srctl-keys /var/lib/srctl/srctl.db %u %f %t %k" in effective
    assert "forcecommand none" in debian.ok("sshd", "-T", "-C", "user=root,host=h,addr=10.0.0.1")
    assert debian.ok("stat", "-c", "%U %a", "/var/lib/srctl", "/var/lib/srctl/srctl.db") == "srctl 700\nsrctl 600\n"
    assert debian.ok("stat", "-c", "%U %G %a", "/etc/srctl/gateway.toml") == "root srctl 640\n"
    assert debian.ok("getent", "shadow", "srctl").startswith("srctl:*:")
    assert debian.run("docker", "ps", user="srctl").returncode == 0
    assert "-A PREROUTING -d 127.83.0.0/16 ! -i lo -j DROP" in debian.ok("iptables", "-t", "raw", "-S")


def test_a_second_installation_changes_nothing_and_says_so(debian: Machine) -> None:
    install(debian)
    before, reloads = state(debian), debian.sshd.log.count("Received SIGHUP")
    assert "nothing has to be done" in install(debian)
    assert state(debian) == before
    assert debian.sshd.log.count("Received SIGHUP") == reloads


def test_uninstalling_leaves_nothing(debian: Machine) -> None:
    before = state(debian)
    install(debian, "--firewall")
    assert state(debian) != before
    done = debian.srctl("gateway", "install", "--uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert state(debian) == before
    assert debian.srctl("gateway", "install", "--uninstall", "--yes", "-q").stdout == ""


def test_uninstalling_ends_what_runs_as_the_account(debian: Machine) -> None:
    install(debian)
    with subprocess.Popen(debian.command("sleep", "60", user="srctl")) as sleeper:
        assert debian.srctl("gateway", "install", "--uninstall", "--yes").returncode == 0
        assert sleeper.wait(60) != 0


def test_a_dry_run_shows_the_texts_and_changes_nothing(spare: Machine) -> None:
    before = state(spare)
    done = spare.srctl("gateway", "install", "--dry-run", "-o", "json")
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)
    assert any("Match User srctl" in (step["content"] or "") for step in steps)
    assert {step["state"] for step in steps} <= {"missing", "done"}
    assert state(spare) == before


def test_somebody_has_to_say_yes(spare: Machine) -> None:
    before = state(spare)
    done = spare.srctl("gateway", "install")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert state(spare) == before


def test_only_root_installs(spare: Machine) -> None:
    for verb in (["install"], ["check"]):
        done = spare.srctl("gateway", *verb, user="nobody")
        assert done.returncode == 4, done.stderr
        assert "Only root" in done.stderr


def test_another_system_is_not_supported(debian: Machine) -> None:
    debian.ok("rm", "/etc/debian_version")
    assert debian.srctl("gateway", "install", "--yes").returncode == 8


UNUSUAL = {
    "other users only": ("AllowUsers ann bob\n", "AllowUsers ann bob bars srctl", "Add srctl to AllowUsers"),
    "other groups only": ("AllowGroups staff\n", "AllowGroups staff bars srctl", "AllowGroups"),
    "barred": ("DenyUsers s*\n", "DenyUsers s* bars srctl", "Except srctl"),
    "environment": ("PermitUserEnvironment yes\n", "permituserenvironment yes", "line 1"),
    "no keys at all": ("PubkeyAuthentication no\n", "pubkeyauthentication no", "line 1"),
    "an earlier match": (
        "Match User s*\n    ForceCommand /bin/true\n    AllowTcpForwarding yes\nMatch all\n",
        "allowtcpforwarding yes",
        "aaa.conf, line 2",
    ),
    "only from outside": ("Match Address 192.0.2.0/24\n    PermitTTY yes\n", "permittty yes", "aaa.conf, line 2"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_sshd_that_would_not_do_is_refused_with_the_reason(spare: Machine, name: str) -> None:
    text, reason, fix = UNUSUAL[name]
    spare.write("/etc/ssh/sshd_config.d/aaa.conf", text)
    before, log = state(spare), spare.sshd.log
    said = refused(spare)
    assert reason in said
    assert fix in said
    assert state(spare) == before
    assert spare.sshd.log == log, "sshd has not read anything"


def test_an_sshd_that_does_not_read_the_folder_is_refused(spare: Machine) -> None:
    spare.ok("sed", "-i", "s/^Include/#Include/", "/etc/ssh/sshd_config")
    before = state(spare)
    assert "Include /etc/ssh/sshd_config.d/*.conf" in refused(spare)
    assert state(spare) == before


def test_an_sshd_that_is_broken_already_is_refused(spare: Machine) -> None:
    spare.write("/etc/ssh/sshd_config.d/aaa.conf", "Nonsense yes\n")
    before = state(spare)
    assert "Nonsense" in refused(spare)
    assert state(spare) == before


def test_settings_that_do_not_matter_are_no_reason(debian: Machine) -> None:
    debian.write("/etc/ssh/sshd_config.d/aaa.conf", "PermitRootLogin no\nAllowGroups staff docker\nX11Forwarding yes\n")
    install(debian)


@pytest.mark.parametrize(
    ("damage", "reason", "fix"),
    [
        ("chmod g+w /opt", "/opt can be changed by others than root", "chmod go-w /opt"),
        ("chown nobody /opt/srctl/venv", "/opt/srctl/venv belongs to nobody", "python3 -m venv"),
        ("chmod o-x /opt/srctl", "/opt/srctl can't be entered", "chmod o+x /opt/srctl"),
        ("chmod o+w /etc/ssh/sshd_config.d", "/etc/ssh/sshd_config.d can be changed", "chmod go-w"),
    ],
)
def test_what_others_could_replace_is_refused(spare: Machine, damage: str, reason: str, fix: str) -> None:
    spare.ok("sh", "-c", damage)
    before = state(spare)
    said = refused(spare)
    assert reason in said
    assert fix in said
    assert state(spare) == before


def test_an_account_and_files_of_others_are_left_alone(debian: Machine) -> None:
    debian.ok("useradd", "--create-home", "srctl")
    assert "--account" in refused(debian)
    debian.write("/etc/ssh/sshd_config.d/srctl.conf", "PermitRootLogin no\n")
    before = state(debian)
    assert "is not srctl's" in refused(debian, "--account", "gateway")
    assert state(debian) == before


def test_a_folder_that_is_a_link_is_not_followed(debian: Machine) -> None:
    debian.ok("sh", "-c", "mkdir /tmp/elsewhere && ln -s /tmp/elsewhere /var/lib/srctl")
    assert "/var/lib/srctl is not a folder" in refused(debian)
    assert debian.ok("ls", "/tmp/elsewhere") == ""


def test_an_account_of_another_name_is_used_throughout(debian: Machine) -> None:
    install(debian, "--account", "gateway")
    assert "forcecommand /opt" in debian.ok("sshd", "-T", "-C", "user=gateway,host=h,addr=10.0.0.1")
    assert all(row["ok"] for row in findings(debian).values())
    assert "nothing has to be done" in install(debian)
    assert debian.srctl("gateway", "install", "--yes", "--account", "srctl").returncode == 2
    debian.srctl("gateway", "install", "--uninstall", "--yes")
    assert debian.run("id", "gateway").returncode != 0


def test_an_administrators_own_configuration_stays(debian: Machine) -> None:
    install(debian, "--realm", "lab")
    debian.ok("sh", "-c", "echo 'home_root = \"/srv/homes\"' >>/etc/srctl/gateway.toml")
    assert "nothing has to be done" in install(debian)
    assert "/srv/homes" in debian.ok("cat", "/etc/srctl/gateway.toml")
    done = debian.srctl("gateway", "install", "--yes", "--realm", "other")
    assert (done.returncode, "gateway.toml" in done.stderr) == (2, True)


def test_with_the_firewall_local_accounts_reach_no_session(debian: Machine) -> None:
    install(debian, "--firewall")
    listen = "import socket, time; s = socket.create_server(('127.83.0.1', 20001)); time.sleep(60)"
    reach = ("curl", "--silent", "--max-time", "2", "http://127.83.0.1:20001/")
    with subprocess.Popen(debian.command("python3", "-c", listen)) as server:
        debian.ok("sh", "-c", "until ss -ltn | grep -q 127.83.0.1:20001; do sleep 0.02; done")
        assert debian.run(*reach, user="nobody").returncode == 7, "refused"
        assert debian.run(*reach, user="srctl").returncode == 28, "connected, and no answer"
        server.kill()
    assert "nothing has to be done" in install(debian)
    install(debian, "--no-firewall")
    assert "uid-owner" not in debian.ok("iptables", "-S")


def test_with_the_firewall_an_isolated_session_reaches_not_even_this_machine(debian: Machine) -> None:
    install(debian)
    [pool] = json.loads(debian.ok("docker", "network", "inspect", "srctl-isolated"))[0]["IPAM"]["Config"]
    rules = debian.ok("iptables-save")
    assert f"-s {pool['Subnet']} ! -d {pool['Subnet']} -j DROP" in rules
    assert pool["AuxiliaryAddresses"].keys() == {"DefaultGatewayIPv4"}


def test_what_is_over_is_ended_by_a_timer_or_by_cron(debian: Machine) -> None:
    debian.ok("sh", "-c", "mkdir -p /etc/cron.d /usr/lib/systemd; touch /usr/lib/systemd/systemd")
    install(debian)
    assert (
        debian.ok("readlink", "-f", "/etc/systemd/system/timers.target.wants/srctl-reap.timer")
        .strip()
        .endswith("/etc/systemd/system/srctl-reap.timer")
    )
    unit = dict(
        line.split("=", 1)
        for line in debian.ok("cat", "/etc/systemd/system/srctl-reap.service").splitlines()
        if "=" in line
    )
    assert unit["User"] == "srctl"
    done = debian.run("sh", "-c", unit["ExecStart"], user="srctl")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    debian.ok("rm", "/etc/systemd/system/timers.target.wants/srctl-reap.timer")
    assert "Nothing runs srctl reap, so no session ends by its limits in time" in findings(debian)
    debian.srctl("gateway", "install", "--uninstall", "--yes")
    assert debian.run("ls", "/etc/systemd/system/srctl-reap.service").returncode != 0
    debian.ok("rm", "/usr/lib/systemd/systemd")
    install(debian)
    line = debian.ok("cat", "/etc/cron.d/srctl-reap").splitlines()[-1]
    assert line.startswith("*/5 * * * * srctl ")
    assert line.endswith(unit["ExecStart"])
    assert "Nothing runs srctl reap, so no session ends by its limits in time" not in findings(debian)
    debian.ok("rm", "/etc/cron.d/srctl-reap")
    assert "Nothing runs srctl reap, so no session ends by its limits in time" in findings(debian)


def test_a_machine_without_iptables_is_warned(debian: Machine) -> None:
    for name in ("srctl", "srctl-isolated"):
        debian.ok("docker", "network", "create", name)
    debian.ok("mv", "/usr/sbin/iptables", "/tmp/iptables")
    assert "There is no iptables" in install(debian)
    assert "There is no iptables, so there is no firewall" in findings(debian)
    debian.ok("mv", "/tmp/iptables", "/usr/sbin/iptables")  # the engine needs it to end


def test_an_administrator_is_made_on_the_server_only(debian: Machine) -> None:
    assert debian.srctl("gateway", "admin", "ann", "-", stdin="").returncode == 3
    install(debian)
    key = Path(f"{debian.sshd.identity}.pub").read_text()
    assert debian.srctl("gateway", "admin", "ann", "-", stdin=key, user="nobody").returncode == 4
    for account in (None, "srctl"):
        done = debian.srctl("gateway", "admin", "ann", "-", "-o", "json", stdin=key, user=account)
        assert (done.returncode, json.loads(done.stdout)["admin"]) == (0, True), done.stderr
    assert debian.srctl("gateway", "admin", "bob", "-", stdin="no key\n").returncode == 2
    database = ("--db", "/var/lib/srctl/srctl.db")
    assert debian.srctl(*database, "user", "list", "-q", user="srctl").stdout == "ann\n"
    assert debian.ok("find", "/var/lib/srctl", "-not", "-user", "srctl") == ""


def test_nothing_of_it_reaches_the_real_machine(debian: Machine) -> None:
    before = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    install(debian, "--firewall", "--account", "lab-gateway")
    with pytest.raises(KeyError):
        pwd.getpwnam("lab-gateway")
    for path in ("/opt/srctl/bin/srctl-gateway", "/etc/ssh/sshd_config.d/srctl.conf"):
        text = Path(path).read_text() if Path(path).exists() else ""
        assert "lab-gateway" not in text
    assert "127.83." not in before
    assert "lab-gateway" not in Path("/etc/group").read_text()
