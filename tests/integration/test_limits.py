"""The limits of grants, as a real engine keeps them: seen from inside of containers, and by who asks for more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from tests.fakes import WEB
from tests.integration.conftest import Deployment, Derive, Result

MIB = 1024**2


def only_grant(deployment: Deployment, *policy: str) -> str:
    """Let ann start the test page under this policy and no other."""
    deployment.ok("grant", "remove", WEB, "ann", "--all")
    return deployment.grant(*policy)


def cgroup(deployment: Deployment, session: dict[str, Any], new: str, old: str) -> str:
    """Return what the kernel keeps as a limit, in the words of both versions of control groups."""
    code, text = deployment.run_in(session, "sh", "-c", f"cd /sys/fs/cgroup; cat {new} 2>/dev/null || cat {old}")
    assert code == 0, text
    return text.strip()


def test_the_kernel_keeps_what_the_grant_says(deployment: Deployment) -> None:
    only_grant(deployment, "--cpus", "0.5", "--memory", "200m", "--shm-size", "32m", "--pids", "50")
    session = deployment.start()
    cpu = "cpu/cpu.cfs_quota_us; cat cpu/cpu.cfs_period_us"
    quota, period = cgroup(deployment, session, "cpu.max", cpu).split()
    assert int(quota) / int(period) == 0.5
    assert int(cgroup(deployment, session, "memory.max", "memory/memory.limit_in_bytes")) == 200 * MIB
    assert int(cgroup(deployment, session, "pids.max", "pids/pids.max")) == 50
    assert int(deployment.run_in(session, "df", "-k", "/dev/shm")[1].split()[-5]) == 32 * 1024
    assert deployment.inspect(session)["HostConfig"]["MemorySwap"] == 200 * MIB


def test_a_session_that_takes_more_memory_than_its_grant_is_ended(deployment: Deployment) -> None:
    only_grant(deployment, "--memory", "32m")
    session = deployment.start()
    code, _ = deployment.run_in(session, "sh", "-c", "head -c 200000000 /dev/zero | tail")
    assert code == 137


def test_files_of_a_read_only_session_can_not_be_changed_and_scratch_can(
    deployment: Deployment, derive: Derive
) -> None:
    image = derive("standard", "USER root", "LABEL eu.simphony-project.docker.type=webapp")
    deployment.ok("app", "add", image, "--no-verify", "--read-only")
    writable = deployment.grant("--no-read-only", image=image)
    deployment.grant(image=image, user="bob")
    free, kept = deployment.start(app=writable), deployment.start("--user", "bob", app=image)
    assert deployment.run_in(free, "touch", "/here")[0] == 0
    assert deployment.run_in(kept, "touch", "/here")[0] != 0
    assert deployment.run_in(kept, "touch", "/tmp/here", "/run/here")[0] == 0


def test_more_than_the_host_has_is_refused_by_its_name(deployment: Deployment) -> None:
    only_grant(deployment, "--cpus", "4000")
    ran = deployment("start", WEB)
    assert (ran.code, ran.out) == (4, ""), ran.err
    assert "--cpus" in ran.err
    assert "srctl grant edit" in ran.err
    assert deployment.containers() == []


class TestNetworks:
    def test_an_isolated_session_reaches_nothing_and_its_page_is_reached(self, deployment: Deployment) -> None:
        only_grant(deployment)
        bridged = deployment.start()
        grant = deployment.grant("--network", "isolated")
        isolated = deployment.start(app=grant)
        assert deployment.inspect(isolated)["NetworkSettings"]["Networks"].keys() == {"srctl-isolated"}
        [binding] = deployment.inspect(isolated)["NetworkSettings"]["Ports"]["8888/tcp"]
        assert binding["HostIp"] == "127.0.0.1"
        # An address of the host's that a way out is needed for: that of Docker's default bridge.
        address = deployment.client.inspect_network("bridge")["IPAM"]["Config"][0]["Gateway"]
        with answering(address) as port:
            asks = ["sh", "-c", f"nc -w 2 {address} {port} </dev/null"]
            assert deployment.run_in(bridged, *asks) == (0, "here")
            assert "here" not in deployment.run_in(isolated, *asks)[1]
        assert "nameserver 127.0.0.11" in deployment.run_in(isolated, "cat", "/etc/resolv.conf")[1]
        assert deployment.inspect(isolated)["HostConfig"]["Dns"] == ["192.0.2.1"]

    def test_several_isolated_sessions_share_a_network_that_is_made_once(self, deployment: Deployment) -> None:
        deployment.client.prune_networks()
        grants = [only_grant(deployment, "--network", "isolated")]
        grants += [deployment.grant("--network", "isolated", "--pids", str(number)) for number in (50, 51)]
        made = at_once(deployment, *(("ann", grant) for grant in grants))
        assert [each.code for each in made] == [0, 0, 0], made
        assert len(deployment.client.networks(names=["srctl-isolated"])) == 1

    def test_a_session_without_a_network_runs_and_has_no_page(self, deployment: Deployment) -> None:
        grant = only_grant(deployment, "--network", "none")
        for command in ("open", "tunnel open"):
            ran = deployment(*command.split(), WEB)
            assert (ran.code, ran.out) == (4, "")
            assert "--network none" in ran.err
            assert f"srctl grant edit {grant[:12]} --network" in ran.err
        assert deployment.containers() == []
        session = deployment.start()
        assert (session["grant_id"], session["status"], session["port"], session["url"]) == (
            grant,
            "running",
            None,
            None,
        )
        assert deployment.run_in(session, "ls", "/sys/class/net")[1].split() == ["lo"]
        assert deployment.start()["id"] == session["id"]
        assert deployment("open", session["id"]).code == 4
        assert deployment.ok("logs", session["id"]).out
        deployment.ok("stop", session["id"])


def at_once(deployment: Deployment, *starts: tuple[str, str]) -> list[Result]:
    """Let several users start applications at the same time."""
    ready = threading.Barrier(len(starts))

    def start(user: str, app: str) -> Result:
        ready.wait()
        return deployment("start", app, "--user", user)

    with ThreadPoolExecutor(len(starts)) as pool:
        return list(pool.map(start, *zip(*starts, strict=True)))


class TestSeats:
    def members(self, deployment: Deployment, count: int, *policy: str) -> tuple[list[str], str]:
        users = [f"u{number}" for number in range(count)]
        deployment.ok("user", "add", *users)
        deployment.ok("group", "add", "licensed")
        deployment.ok("group", "join", "licensed", *users)
        return users, deployment.grant("--max-sessions", *policy, user="@licensed")

    def test_members_who_start_at_once_never_have_more_seats_than_there_are(self, deployment: Deployment) -> None:
        users, grant = self.members(deployment, 5, "2")
        made = at_once(deployment, *((user, WEB) for user in users))
        refused = [each.err for each in made if each.code == 4]
        assert sorted(each.code for each in made) == [0, 0, 4, 4, 4], made
        names = sorted(found["Names"][0] for found in deployment.containers())
        assert names == [f"/srctl-{grant[:16]}-1", f"/srctl-{grant[:16]}-2"]
        [advice] = {said.partition("can change it: srctl ")[2] for said in refused}
        assert deployment.ok(*advice.replace("...", "3").split()).out == f"{grant}\n"
        assert sorted(deployment("start", WEB, "--user", user).code for user in users) == [0, 0, 0, 4, 4]

    def test_a_member_who_starts_twice_at_once_takes_one_seat(self, deployment: Deployment) -> None:
        users, _ = self.members(deployment, 2, "2")
        made = at_once(deployment, *[(users[0], WEB)] * 3)
        assert [each.code for each in made] == [0, 0, 0], made
        assert len({each.out for each in made}) == 1
        assert len(deployment.containers()) == 1
        assert deployment("start", WEB, "--user", users[1]).code == 0

    def test_a_seat_is_free_again_however_its_session_ended(self, deployment: Deployment) -> None:
        users, grant = self.members(deployment, 3, "1")
        first = deployment.start("--user", users[0])
        assert deployment("start", WEB, "--user", users[1]).code == 4
        deployment.client.kill(first["container_id"])
        deployment.client.wait(first["container_id"])
        second = deployment.start("--user", users[1])
        assert second["container_name"] == f"srctl-{grant[:16]}-1"
        assert deployment.ok("logs", first["id"], "--user", users[0]).out  # what it wrote is still there
        deployment.ok("stop", second["id"], "--user", users[1])
        again = deployment.start("--user", users[0])
        assert again["id"] != first["id"]
        assert deployment.ok("ps", "--all", "-q", "--user", users[0]).lines == [first["id"], again["id"]]
        assert deployment.start("--replace", "--user", users[0])["container_name"] == f"srctl-{grant[:16]}-1"

    def test_what_ran_before_there_were_seats_counts(self, deployment: Deployment) -> None:
        deployment.ok("group", "add", "lab")
        deployment.ok("group", "join", "lab", "bob", "boss")
        deployment.grant(user="@lab")
        deployment.start("--user", "bob")
        deployment.ok("app", "limit", WEB, "--max-sessions", "1")
        ran = deployment("start", WEB, "--user", "boss")
        assert ran.code == 4
        assert "of bob" in ran.err
        assert f"srctl app limit {WEB} --max-sessions" in ran.err


@contextmanager
def answering(address: str) -> Iterator[int]:
    """Answer to everybody at an address of this machine; give the port."""
    with socket.create_server((address, 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(b"here")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
