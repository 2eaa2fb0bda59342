"""The disposable machine: real enough to install things on, and sealed off from the one that it is made from."""

from __future__ import annotations

import pwd
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import said_plainly
from tools import images, processes
from tools.lab import Lab
from tools.machine import Machine, machine


@pytest.fixture(scope="module")
def disposable(lab: Lab) -> Iterator[Machine]:
    with said_plainly(), machine(lab, "sealed", with_engine=True) as made:
        yield made


def test_what_is_done_in_the_machine_stays_in_it(disposable: Machine) -> None:
    disposable.ok("useradd", "--system", "--create-home", "lab-account")
    disposable.write("/etc/ssh/sshd_config.d/lab-only.conf", "PermitRootLogin no\n")
    disposable.write("/var/lib/lab-only/file", "text")
    disposable.ok("iptables", "-A", "INPUT", "!", "-i", "lo", "-d", "127.83.0.0/16", "-j", "DROP")
    disposable.ok("hostname", "elsewhere")
    assert "lab-account" in disposable.ok("id", "lab-account")
    assert {"/var/lib/lab-only/file", "/etc/passwd"} <= disposable.changes()
    with pytest.raises(KeyError):
        pwd.getpwnam("lab-account")
    assert not Path("/etc/ssh/sshd_config.d/lab-only.conf").exists()
    assert not Path("/var/lib/lab-only").exists()
    rules = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=False).stdout
    assert "127.83." not in rules
    assert socket.gethostname() != "elsewhere"


def test_its_processes_see_and_reach_none_of_this_machine(disposable: Machine) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        assert f" {sleeper.pid} " not in disposable.ok("ps", "-e", "-o", "pid=,comm=")
        assert disposable.run("kill", str(sleeper.pid)).returncode != 0 or sleeper.poll() is None
        sleeper.kill()


def test_its_sshd_lets_an_account_in_and_reads_its_configuration_again(disposable: Machine) -> None:
    server = disposable.start_sshd()
    disposable.ok("useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", "guest")
    disposable.write("/home/guest/.ssh/authorized_keys", Path(f"{server.identity}.pub").read_text())
    login = ["ssh", "-F", "none", "-i", str(server.identity), "-o", f"UserKnownHostsFile={server.known_hosts}"]
    login += [f"guest@{server.host}", "id", "-un"]
    assert subprocess.run(login, capture_output=True, text=True, check=False, timeout=30).stdout == "guest\n"
    disposable.write("/etc/ssh/sshd_config.d/refuse.conf", "DenyUsers guest\n")
    disposable.reload_sshd()
    assert subprocess.run(login, capture_output=True, check=False, timeout=30).returncode == 255
    disposable.stop_sshd()


def test_its_engine_publishes_on_loopback_addresses_of_the_machine(disposable: Machine) -> None:
    images.build("web", disposable.engine.url)
    with disposable.engine.client() as client:
        limits = client.create_host_config(port_bindings={8888: ("127.83.0.7", 20001)})
        session = {"USER": "a", "JPY_USER": "a", "JPY_BASE_USER_URL": "/user/a", "URL_ID": "0" * 32}
        client.start(client.create_container("srctl/web", environment=session, host_config=limits))
    asked = ("curl", "--silent", "--max-time", "5", "http://127.83.0.7:20001/")
    processes.wait_until(lambda: disposable.run(*asked).returncode == 0, "the published port")


def test_the_machines_srctl_is_roots_and_any_account_may_run_it(disposable: Machine) -> None:
    done = disposable.srctl("--version", user="nobody")
    assert (done.returncode, done.stderr) == (0, "")
    assert disposable.ok("find", "/opt/srctl/venv", "-not", "-user", "root") == ""


def test_nothing_is_left_of_a_machine(lab: Lab) -> None:
    with said_plainly(), machine(lab, "brief", with_engine=True) as made:
        first = made.pid
        made.start_sshd()
    assert not Path(f"/proc/{first}").exists()
    assert f"{lab.id}-brief" not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=False).stdout
    assert f"{lab.folder}/brief" not in Path("/proc/mounts").read_text()
