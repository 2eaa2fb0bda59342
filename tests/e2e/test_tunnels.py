"""Tunnels in the background, as a person opens, lists, closes and restarts them."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Desk, prepared
from tests.e2e.test_open import fetch, refused
from tests.integration.ssh_parts import kill_logins
from tools.clean_home import Home
from tools.engine import Engine
from tools.processes import wait_until
from tools.sshd import Sshd

WEB = "srctl/web:latest"


def opened(desk: Desk, *arguments: str, what: str = WEB) -> dict[str, Any]:
    """Open a tunnel in the background and return its row."""
    row: dict[str, Any] = desk.json("tunnel", "open", what, "--background", *arguments)
    return row


def listed(desk: Desk) -> list[dict[str, Any]]:
    """Return the rows of all tunnels."""
    rows: list[dict[str, Any]] = desk.json("tunnel", "list")
    return rows


def test_a_background_tunnel_is_listed_and_serves_until_it_is_closed(tunnels: Desk) -> None:
    row = opened(tunnels)
    assert "200 OK" in fetch(row["url"])
    [found] = listed(tunnels)
    same = ("id", "session_id", "image", "host", "local_port", "url", "pid", "since")
    assert [found[key] for key in same] == [row[key] for key in same]
    assert (found["state"], found["reconnects"], found["last_error"], found["background"]) == ("up", 0, None, True)
    assert tunnels.run("tunnel", "close", row["id"][:8]) == row["id"]
    assert refused(row["local_port"])
    assert listed(tunnels) == []
    assert tunnels.json("session", "show", row["session_id"])["status"] == "running"


def test_a_tunnel_in_the_background_takes_less_than_60_mb(tunnels: Desk) -> None:
    row = opened(tunnels)
    fetch(row["url"])
    wait_until(lambda: listed(tunnels)[0]["bytes_in"] or None, "the numbers")
    memory = Path(f"/proc/{row['pid']}/status").read_text().partition("VmRSS:")[2].split()
    assert memory[1] == "kB"
    assert int(memory[0]) < 60_000


def test_opening_again_gives_the_same_tunnel(tunnels: Desk) -> None:
    row = opened(tunnels)
    again = opened(tunnels)
    by_session = opened(tunnels, what=row["session_id"][:12])
    by_port = opened(tunnels, "--local-port", str(row["local_port"]))
    assert {each["id"] for each in (row, again, by_session, by_port)} == {row["id"]}
    assert tunnels.run("tunnel", "open", WEB, "--background", "-q") == row["id"]


def test_two_that_race_open_one_tunnel(tunnels: Desk) -> None:
    tunnels.run("start", WEB)
    racing = [tunnels.home.start("tunnel", "open", WEB, "--background", "-q") for _ in range(3)]
    said = [each.communicate(timeout=60) for each in racing]
    assert [each.returncode for each in racing] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert len(listed(tunnels)) == 1


def test_a_port_of_somebody_else_is_refused_before_anything_happens(tunnels: Desk, sshd: Sshd) -> None:
    before = sshd.logins()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = tunnels.home.run("tunnel", "open", WEB, "--background", "--local-port", port)
    assert (done.returncode, sshd.logins() - before) == (5, 0)
    assert port in done.stderr
    assert tunnels.run("ps", "-a", "-q") == ""


def test_the_port_of_another_sessions_tunnel_is_refused_and_nothing_is_started(tunnels: Desk) -> None:
    other = tunnels.run("grant", "add", WEB, "ada@lab", "--allow-home")
    [first] = [each for each in tunnels.json("grant", "list") if each["id"] != other]
    row = opened(tunnels, what=first["id"])
    done = tunnels.home.run("tunnel", "open", other, "--background", "--local-port", str(row["local_port"]))
    assert done.returncode == 5
    assert "another session" in done.stderr
    assert tunnels.run("ps", "-a", "-q").split() == [row["session_id"]]


def test_a_holder_that_was_killed_is_listed_as_down_and_replaced(tunnels: Desk) -> None:
    row = opened(tunnels)
    os.kill(row["pid"], signal.SIGKILL)
    wait_until(lambda: listed(tunnels)[0]["state"] == "down" or None, "the tunnel to be down")
    [found] = listed(tunnels)
    assert (found["id"], found["pid"]) == (row["id"], None)
    assert "killed" in found["last_error"]
    fresh = opened(tunnels)
    assert fresh["id"] != row["id"]
    assert fresh["local_port"] == row["local_port"]
    assert tunnels.run("tunnel", "close", row["id"]) == row["id"]
    assert [each["id"] for each in listed(tunnels)] == [fresh["id"]]


def test_a_stopped_session_ends_its_tunnel_and_the_row_says_why(tunnels: Desk) -> None:
    row = opened(tunnels)
    tunnels.run("stop", row["session_id"])
    wait_until(lambda: listed(tunnels)[0]["state"] == "down" or None, "the tunnel to be down")
    wait_until(lambda: listed(tunnels)[0]["pid"] is None or None, "its process to end")
    assert "was stopped and removed" in listed(tunnels)[0]["cause"]
    assert "was stopped and removed" in tunnels.run("tunnel", "logs", row["id"])
    assert refused(row["local_port"])
    tunnels.run("tunnel", "close", row["id"])
    assert listed(tunnels) == []


def test_a_lost_connection_is_in_row_and_log(tunnels: Desk, sshd: Sshd) -> None:
    row = opened(tunnels)
    kill_logins(sshd)
    found = wait_until(lambda: back(tunnels), "it to be back")
    assert (found["state"], found["pid"]) == ("up", row["pid"])
    assert "SSH connection was lost" in found["last_error"]
    assert "200 OK" in fetch(row["url"])
    log = tunnels.run("tunnel", "logs", row["id"][:6])
    assert "reconnecting: the SSH connection was lost" in log
    assert "up again" in log


def back(desk: Desk) -> dict[str, Any] | None:
    """Return the row of the only tunnel once it is up again."""
    [row] = listed(desk)
    return row if row["reconnects"] and row["state"] == "up" else None


def test_numbers_reach_the_list(tunnels: Desk) -> None:
    row = opened(tunnels)
    size = len(fetch(row["url"]))
    found = wait_until(lambda: [r for r in listed(tunnels) if r["bytes_in"] >= size] or None, "the numbers")
    assert found[0]["bytes_out"] > 0


def test_a_restart_keeps_id_port_and_log(tunnels: Desk) -> None:
    row = opened(tunnels)
    assert tunnels.run("tunnel", "restart", row["id"][:8]) == row["id"]
    [found] = listed(tunnels)
    assert (found["id"], found["local_port"], found["state"]) == (row["id"], row["local_port"], "up")
    assert found["pid"] != row["pid"]
    assert "200 OK" in fetch(row["url"])
    assert tunnels.run("tunnel", "logs", row["id"]).count(" up: ") == 2


def test_a_restart_that_fails_leaves_a_row_that_says_why(tunnels: Desk) -> None:
    row = opened(tunnels)
    os.kill(row["pid"], signal.SIGKILL)
    tunnels.run("stop", row["session_id"])
    done = tunnels.home.run("tunnel", "restart", row["id"])
    assert done.returncode == 3
    assert "was stopped and removed" in done.stderr
    [found] = listed(tunnels)
    assert (found["state"], found["pid"]) == ("down", None)
    assert "was stopped and removed" in found["last_error"]


def test_a_log_that_is_followed_ends_with_its_tunnel(tunnels: Desk, sshd: Sshd) -> None:
    row = opened(tunnels)
    with tunnels.home.start("tunnel", "logs", "-f", row["id"]) as follower:
        assert follower.stdout is not None
        assert " up: " in follower.stdout.readline()
        kill_logins(sshd)
        assert "reconnecting" in follower.stdout.readline()
        assert "up again" in follower.stdout.readline()
        tunnels.run("tunnel", "close", row["id"])
        assert follower.wait(60) == 0


def test_all_are_closed_at_once_and_unknown_ones_are_not_found(tunnels: Desk) -> None:
    opened(tunnels)
    assert tunnels.home.run("tunnel", "close", "f" * 32).returncode == 3
    assert tunnels.home.run("tunnel", "close").returncode == 2
    tunnels.run("tunnel", "close", "--all")
    assert listed(tunnels) == []


def test_what_keeps_the_process_from_logging_in_is_told_by_the_command(tunnels: Desk, sshd: Sshd) -> None:
    tunnels.run("start", WEB)
    row = opened(tunnels)
    os.kill(row["pid"], signal.SIGKILL)
    config = tunnels.home.path / ".ssh/config"
    before = config.read_text()
    config.write_text(before.replace(str(sshd.identity), str(tunnels.home.path / "nothing")))
    done = tunnels.home.run("tunnel", "restart", row["id"])
    config.write_text(before)
    assert done.returncode == 6
    assert "hint:" in done.stderr
    assert listed(tunnels)[0]["state"] == "down"


def test_hostile_state_files_are_no_tunnels(tunnels: Desk) -> None:
    row = opened(tunnels)
    folder = Path(tunnels.home.env["XDG_RUNTIME_DIR"]) / "srctl" / "tunnels"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    good = (folder / f"{row['id']}.json").read_text()
    for number, text in enumerate(("", "[" * 100000, "{}", good, good.replace(str(row["pid"]), "1"))):
        (folder / f"{number:032x}.json").write_text(text)
    os.mkfifo(folder / f"{9:032x}.json")
    (folder / f"{8:032x}.json").symlink_to("/dev/zero")
    assert [each["id"] for each in listed(tunnels)] == [row["id"]]


def test_a_folder_that_others_may_write_to_is_refused(tunnels: Desk) -> None:
    folder = Path(tunnels.home.env["XDG_RUNTIME_DIR"]) / "srctl" / "tunnels"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    done = tunnels.home.run("tunnel", "open", WEB, "--background")
    assert done.returncode == 8
    assert "not yours alone" in done.stderr
    with tunnels.open(WEB) as held:  # which needs no such folder
        assert "200 OK" in fetch(held.url)
    folder.chmod(0o700)


def test_on_this_machine_the_direct_url_is_the_answer(home: Home, engine: Engine, web_image: str) -> None:
    desk = prepared(home)
    home.env["DOCKER_HOST"] = engine.url
    desk.grant(web_image)
    row = opened(desk)
    assert (row["id"], row["pid"], row["state"]) == (None, None, "up")
    assert "200 OK" in fetch(row["url"])
    assert listed(desk) == []
    desk.run("stop", row["session_id"])
