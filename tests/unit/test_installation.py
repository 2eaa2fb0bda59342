"""What an installation would write, and what sshd's settings mean for it: without a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from srctl.errors import ConflictError, UnsupportedError, UsageError
from srctl.installation import firewall, listeners, sshd, trust
from srctl.installation.findings import Finding, refuse
from srctl.installation.layout import Layout, keys_command
from srctl.installation.steps import File, Folder, Standing

LAYOUT = Layout(python="/opt/srctl/venv/bin/python")
SETTINGS = {name.lower(): [value] for name, value in LAYOUT.sshd_settings.items()} | {
    "pubkeyauthentication": ["yes"],
    "permituserenvironment": ["no"],
    "disableforwarding": ["no"],
    "permitopen": ["any"],
}


@pytest.mark.parametrize("name", ["", "root", "a b", "srctl\nMatch all", "Ann", "-x", "a" * 33, "ann;reboot"])
def test_an_account_that_could_mean_something_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Layout(name)


@pytest.mark.parametrize("host", ["ssh://lab", "tcp://lab:2376", "unix://", "unix://run/docker.sock", "unix:///a b"])
def test_only_the_machines_own_engine_can_be_behind_a_gateway(host: str) -> None:
    with pytest.raises(UnsupportedError):
        Layout(host=host)


def test_sshds_part_is_about_the_account_only() -> None:
    lines = [line for line in LAYOUT.drop_in().splitlines() if not line.startswith("#")]
    assert lines[0] == "Match User srctl"
    assert all(line.startswith("    ") for line in lines[1:])
    assert "    AuthorizedKeysCommand /opt/srctl/bin/srctl-keys /var/lib/srctl/srctl.db %u %f %t %k" in lines


def test_the_forced_command_runs_an_isolated_python_whatever_its_path() -> None:
    text = Layout(python="/opt/it's/python").gateway_command()
    assert text.splitlines()[-1].startswith("exec '/opt/it'\"'\"'s/python' -I -m srctl.gateway ")


@pytest.mark.parametrize("source", ["#!/usr/bin/env python3\nimport os\n", "import os\n"])
def test_the_keys_command_is_run_by_the_systems_python_alone(source: str) -> None:
    assert keys_command(source) == "#!/usr/bin/python3 -ISE\nimport os\n"


def test_settings_as_they_must_be_are_no_problem() -> None:
    assert list(sshd.differences(SETTINGS, LAYOUT, ["srctl", "docker"])) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("allowtcpforwarding", ["yes"]),
        ("acceptenv", ["LANG", "SRCTL_NOTHING"]),
        ("permituserenvironment", ["yes"]),
        ("chrootdirectory", ["/srv"]),
        ("permitopen", ["none"]),
        ("allowusers", ["ann", "bob@10.0.0.1"]),
        ("allowgroups", ["staff"]),
        ("denyusers", ["s?ctl"]),
        ("denygroups", ["dock*"]),
    ],
)
def test_one_setting_that_differs_is_named(name: str, values: list[str]) -> None:
    [finding] = sshd.differences(SETTINGS | {name: values}, LAYOUT, ["srctl", "docker"])
    assert values[0] in str(finding.problem)
    assert finding.fix


@pytest.mark.parametrize("values", [["ann", "srctl"], ["s*"], ["srctl@10.0.0.0/8"]])
def test_an_account_that_is_allowed_by_a_pattern_is_allowed(values: list[str]) -> None:
    assert list(sshd.barred({"allowusers": values}, "srctl", [])) == []


def test_a_part_that_is_not_read_at_all_is_one_problem() -> None:
    [finding] = sshd.differences({"pubkeyauthentication": ["yes"]}, LAYOUT, [])
    assert "does not read" in str(finding.problem)


@pytest.mark.parametrize(("text", "low"), [("10:30:100", 0), ("50", 0), ("4:30:100", 1), ("10:30:9", 1), ("3", 1)])
def test_limits_below_sshds_own_are_low(text: str, low: int) -> None:
    assert len(list(sshd.low_limits({"maxstartups": [text]}))) == low


def test_rules_against_local_accounts_let_the_proxy_and_the_gateway_through() -> None:
    assert len(firewall.rules("srctl", None)) == 1
    strict = [" ".join(rule) for rule in firewall.rules("srctl", ["172.18.0.0/16"])[1:]]
    assert ["--uid-owner srctl" in strict[0], "--uid-owner root" in strict[1]] == [True, True]


def test_rules_against_isolated_sessions_leave_answers_alone() -> None:
    out, here = (" ".join(rule) for rule in firewall.rules("srctl", None, ["172.19.0.0/16"])[1:])
    assert out == "raw PREROUTING -s 172.19.0.0/16 ! -d 172.19.0.0/16 -j DROP"
    assert here == "filter INPUT -s 172.19.0.0/16 -m conntrack --ctstate NEW -j REJECT"


def test_every_problem_and_every_fix_is_in_the_refusal() -> None:
    refuse([Finding("fine")])
    with pytest.raises(ConflictError, match="No: one; two") as caught:
        refuse([Finding("a", "one", "mend"), Finding("fine"), Finding("b", "two", "mend")], "No: ")
    assert caught.value.hint == "mend"


def test_each_folder_and_link_on_the_way_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").touch()
    (tmp_path / "link").symlink_to("real")
    passed = trust.chain(f"{tmp_path}/link/../link/file")
    assert passed[0] == "/"
    assert {f"{tmp_path}/link", f"{tmp_path}/real", f"{tmp_path}/real/file"} <= set(passed)


def test_a_circle_of_links_is_no_endless_way(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert trust.chain(f"{tmp_path}/one/file")


def test_what_others_may_write_to_is_weak(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert any(str(tmp_path) in str(finding.problem) for finding in trust.weaknesses(str(tmp_path)))


def test_a_file_is_made_changed_and_brought_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    step = File(str(path), "# Written by `srctl gateway install`.\nnew\n", "A file")
    assert step.standing() is Standing.MISSING
    path.write_text("# Written by `srctl gateway install`.\nold\n")
    assert step.standing() is Standing.DIFFERENT
    undo = step.make()
    assert step.standing() is Standing.DONE
    undo()
    assert path.read_text().endswith("old\n")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "file").symlink_to("other")
    with pytest.raises(ConflictError):
        File(str(tmp_path / "file"), "text", "A file").make()
    assert (tmp_path / "other").read_text() == "theirs"


def test_a_folder_goes_only_when_it_is_empty(tmp_path: Path) -> None:
    step = Folder(str(tmp_path / "folder"))
    undo = step.make()
    (tmp_path / "folder" / "theirs").touch()
    undo()
    assert not step.remove()
    assert (tmp_path / "folder" / "theirs").exists()


def test_what_listens_on_every_address_is_found() -> None:
    table = """  sl  local_address rem_address   st tx_queue
   0: 00000000:4E25 00000000:0000 0A 00000000:00000000
   1: 0100007F:4E26 00000000:0000 0A 00000000:00000000
   2: 00000000:4E27 0100007F:1234 01 00000000:00000000
   3: 00000000000000000000000000000000:4E28 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
    assert listeners.parse(table.splitlines()) == {20005, 20008}
