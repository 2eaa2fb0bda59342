"""`srctl host`, and which Docker host is in force."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.front_door import FrontDoor

KEYS = ["name", "url", "source", "default", "reachable", "version", "latency_ms"]


@pytest.fixture
def hosts(bare: FrontDoor) -> FrontDoor:
    """Nothing in the environment says which host."""
    del bare.environ["DOCKER_HOST"]
    return bare


@pytest.fixture
def add_context(hosts: FrontDoor) -> Callable[..., None]:
    """Make a context as `docker context create` does."""

    def add(name: str, url: str, **endpoint: Any) -> None:
        folder = hosts.home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url, **endpoint}}}
        (folder / "meta.json").write_text(json.dumps(meta))

    return add


def in_force(hosts: FrontDoor, *argv: str, **env: str) -> tuple[str, str]:
    """Return name and URL of the one host that is marked."""
    [row] = [row for row in hosts.json(*argv, "host", "list", env=env) if row["default"]]
    return row["name"], row["url"]


def test_this_machine_is_listed_from_the_start(hosts: FrontDoor) -> None:
    [row] = hosts.json("host", "list")
    assert list(row) == KEYS
    assert (row["url"], row["source"], row["default"]) == ("unix:///var/run/docker.sock", "default", True)
    assert (row["reachable"], row["version"], row["latency_ms"]) == (None, None, None)
    assert hosts.files() == set()


def test_a_host_is_added_listed_used_and_removed(hosts: FrontDoor) -> None:
    assert hosts.ok("host", "add", "lab", "ssh://ann@lab.example").out == "lab\n"
    assert [row["name"] for row in hosts.json("host", "list") if row["source"] == "config"] == ["lab"]
    assert in_force(hosts)[0] == "local"
    hosts.ok("host", "use", "lab")
    assert in_force(hosts) == ("lab", "ssh://ann@lab.example")
    assert hosts.ok("host", "remove", "lab", "--yes").out == "lab\n"
    assert in_force(hosts)[0] == "local"
    assert "lab" not in hosts.ok("host", "list", "-q").lines


def test_the_config_file_keeps_comments_and_other_tables(hosts: FrontDoor) -> None:
    file = hosts.write_config('# ours\nrealm = "physics"  # not chemistry\n\n[hosts.old]\nurl = "ssh://old"\n')
    hosts.ok("host", "add", "far.example", "tcp://far.example:2376", "--ssh", "ssh://far", "--tls", "~/certificates")
    assert file.read_text().startswith('# ours\nrealm = "physics"  # not chemistry\n')
    assert tomllib.loads(file.read_text())["hosts"] == {
        "old": {"url": "ssh://old"},
        "far.example": {"url": "tcp://far.example:2376", "ssh": "ssh://far", "tls": "~/certificates"},
    }


def test_a_taken_name_is_a_conflict(hosts: FrontDoor) -> None:
    hosts.ok("host", "add", "lab", "ssh://lab")
    assert hosts("host", "add", "lab", "ssh://other").code == 5


@pytest.mark.parametrize(
    "words",
    [
        ["lab", "lab.example"], ["lab", "ftp://lab"], ["lab", "ssh://"], ["lab", "tcp://lab"], ["lab", "unix://"],
        ["lab", "ssh://u:secret@lab"], ["lab", "tcp://lab:99999"], ["a/b", "ssh://lab"], ["", "ssh://lab"],
        ["lab", "tcp://lab:2376", "--ssh", "tcp://lab:22"], ["lab", "ssh://a b"], ["lab", "ssh://lab:0"],
        ["lab", "ssh://-oProxyCommand=x"], ["lab", "ssh://a;b"], ["lab", "ssh://lab?x"],
        ["lab", "ssh://lab/" + "x" * 108],
        ["lab", "tcp://lab:2376", "--ssh", "ssh://a;b"], ["lab", "unix://x/y"], ["lab", "unix:/x"], ["lab", "unix:///"],
        ["lab", "unix:///x?y"], ["lab", "tcp://lab:0"], ["lab", "tcp://lab:2375/x"], ["lab", "tcp://lab:2375?x"],
        ["lab", "tcp://lab:2375#x"], ["local", "ssh://lab"], ["default", "ssh://lab"],
        ["lab", "ssh://u:secret@h:99999"], ["lab", "http://u:secret@[x"], ["lab", "ssh://u:secret/x@h"],
        ["lab", "u:secret@h"], ["lab", "ftp://u:secret@h"], ["lab", "tcp://lab:1", "--ssh", "ssh://u:secret@[x"],
        ["lab", "gateway://"], ["lab", "gateway://u:secret@h"], ["lab", "gateway://h/path"], ["lab", "gateway://h?x"],
        ["lab", "gateway://h:0"], ["lab", "gateway://a;b"], ["lab", "gateway://h", "--ssh", "ssh://h"],
        ["lab", "gateway://h#"], ["lab", "gateway:h"], ["lab", "gateway://h/"], ["lab", "gateway://-oProxyCommand=x"],
        ["lab", "ssh://u:secret@x@h"], ["lab", "ssh://u:secret@h y"], ["lab", "tcp://u:secret@h"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_name_or_url_is_wrong_usage_and_adds_nothing(hosts: FrontDoor, words: list[str]) -> None:
    ran = hosts("host", "add", *words)
    assert ran.code == 2
    assert "secret" not in ran.err
    assert not hosts.config.exists()


@pytest.mark.parametrize(
    "url",
    ["gateway://lab.example.org", "gateway://srctl@lab.example.org:2222", "gateway://[::1]:22", "gateway://x@lab"],
)
def test_a_gateway_is_a_host(hosts: FrontDoor, url: str) -> None:
    assert hosts.json("host", "add", "lab", url)["url"] == url
    hosts.ok("host", "use", "lab")
    assert [row["url"] for row in hosts.json("host", "list") if row["default"]] == [url]


def test_a_gateway_s_account_is_srctl_unless_said(hosts: FrontDoor) -> None:
    for url, account in (("gateway://lab", "srctl"), ("gateway://other@lab", "other")):
        options = {row["option"]: row["value"] for row in hosts.json("ssh-config", url)}
        assert options["User"] == account


@pytest.mark.parametrize("verb", [["remove", "-y"], ["use"], ["check"]])
def test_an_unknown_host_is_not_found(hosts: FrontDoor, verb: list[str]) -> None:
    ran = hosts("host", *verb, "nowhere", "-o", "json")
    assert (ran.code, ran.error["code"]) == (3, "not-found")


def test_check_shows_the_host_that_it_could_not_reach(hosts: FrontDoor) -> None:
    hosts.ok("host", "add", "gone", "tcp://127.0.0.1:1")
    ran = hosts("host", "check", "gone", "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, "unreachable")
    assert list(ran.json) == KEYS
    assert (ran.json["reachable"], ran.json["version"]) == (False, None)


def test_contexts_of_docker_are_listed_used_and_never_removed(
    hosts: FrontDoor, add_context: Callable[..., None]
) -> None:
    add_context("cluster", "ssh://cluster.example")
    assert [row["source"] for row in hosts.json("host", "list") if row["name"] == "cluster"] == ["context"]
    ran = hosts("host", "remove", "cluster", "--yes")
    assert ran.code == 3
    assert "docker context rm cluster" in ran.err
    hosts.ok("host", "use", "cluster")
    assert in_force(hosts) == ("cluster", "ssh://cluster.example")


def test_docker_s_current_context_is_in_force_where_nobody_says_more(
    hosts: FrontDoor, add_context: Callable[..., None]
) -> None:
    add_context("cluster", "ssh://cluster.example")
    (hosts.home / ".docker/config.json").write_text('{"currentContext": "cluster"}')
    assert in_force(hosts)[0] == "cluster"
    assert in_force(hosts, DOCKER_CONTEXT="default")[0] == "local"
    assert in_force(hosts, "--host", "default")[0] == "local"


def test_contexts_are_read_from_docker_s_own_config_folder(hosts: FrontDoor, add_context: Callable[..., None]) -> None:
    add_context("cluster", "ssh://cluster.example")
    (hosts.home / ".docker").rename(hosts.home / "elsewhere")
    assert "cluster" not in hosts.ok("host", "list", "-q").lines
    assert "cluster" in hosts.ok("host", "list", "-q", env={"DOCKER_CONFIG": str(hosts.home / "elsewhere")}).lines


@pytest.mark.parametrize("damage", ["{", "[]", '{"Name": 1}', '{"Name": "x", "Endpoints": {"docker": null}}', "\xff"])
def test_a_damaged_context_hides_no_other_one(hosts: FrontDoor, add_context: Callable[..., None], damage: str) -> None:
    add_context("cluster", "ssh://cluster.example")
    folder = hosts.home / ".docker/contexts/meta/damaged"
    folder.mkdir()
    (folder / "meta.json").write_bytes(damage.encode("latin-1"))
    assert hosts.ok("host", "list", "-q").lines == ["cluster", "local"]


def test_flag_goes_before_environment_before_file(hosts: FrontDoor) -> None:
    for name in ("flag", "ours", "file"):
        hosts.ok("host", "add", name, f"ssh://{name}")
    hosts.ok("host", "use", "file")
    environment = {"SRCTL_HOST": "ours", "DOCKER_HOST": "ssh://docker", "DOCKER_CONTEXT": "default"}
    assert in_force(hosts)[0] == "file"
    assert in_force(hosts, DOCKER_CONTEXT="default")[0] == "local"
    assert in_force(hosts, DOCKER_CONTEXT="default", DOCKER_HOST="ssh://docker")[1] == "ssh://docker"
    assert in_force(hosts, **environment)[0] == "ours"
    assert in_force(hosts, "--host", "flag", **environment)[0] == "flag"


def test_docker_host_may_leave_out_the_scheme_as_for_docker(hosts: FrontDoor) -> None:
    assert in_force(hosts, DOCKER_HOST="10.0.0.1:2375")[1] == "tcp://10.0.0.1:2375"


@pytest.mark.parametrize("variable", ["SRCTL_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"])
def test_using_a_host_warns_where_the_environment_overrides_it(hosts: FrontDoor, variable: str) -> None:
    hosts.ok("host", "add", "lab", "ssh://lab")
    value = "default" if variable == "DOCKER_CONTEXT" else "ssh://other"
    assert variable in hosts.ok("host", "use", "lab", env={variable: value}).err
    assert hosts.ok("host", "use", "lab").err == ""


def test_the_list_survives_a_choice_that_nothing_has(hosts: FrontDoor) -> None:
    hosts.ok("host", "add", "lab", "ssh://lab")
    assert hosts.ok("host", "list", "-q", env={"DOCKER_CONTEXT": "gone"}).lines == ["lab", "local"]
    assert hosts("host", "check", env={"DOCKER_CONTEXT": "gone"}).code == 3


def test_missing_certificates_are_named(hosts: FrontDoor) -> None:
    env = {"DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_TLS_VERIFY": "0", "DOCKER_CERT_PATH": "/nowhere"}
    ran = hosts("host", "check", env=env)
    assert ran.code == 2
    assert "/nowhere/ca.pem" in ran.err


@pytest.mark.parametrize("url", ["u:secret@h", "ssh://u:secret@h:99999", "http://u:secret@[x", "ssh://u:secret@"])
@pytest.mark.parametrize("variable", ["SRCTL_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"])
def test_no_message_repeats_a_password(hosts: FrontDoor, url: str, variable: str) -> None:
    ran = hosts("host", "check", env={variable: url})
    assert ran.code in (2, 3)
    assert "secret" not in ran.out + ran.err


def test_a_password_in_a_file_is_neither_listed_nor_used(hosts: FrontDoor, add_context: Callable[..., None]) -> None:
    add_context("cluster", "ssh://u:secret@h")
    hosts.write_config('[hosts.farm]\nurl = "tcp://farm:2376"\nssh = "ssh://u:secret@[x"\n')
    for ran in (hosts("host", "list"), hosts("host", "check", "cluster"), hosts("host", "check", "farm")):
        assert "secret" not in ran.out + ran.err
    assert ran.code == 2


def test_this_machine_is_marked_where_another_host_took_its_name(hosts: FrontDoor) -> None:
    hosts.write_config('[hosts.local]\nurl = "ssh://far"\n')
    assert in_force(hosts) == ("local", "unix:///var/run/docker.sock")
    assert in_force(hosts, "--host", "local") == ("local", "ssh://far")
    assert ("local", "ssh://far", False) in [
        (row["name"], row["url"], row["default"]) for row in hosts.json("host", "list")
    ]


@pytest.mark.parametrize("name", ["local", "default"])
def test_a_context_can_not_take_the_name_of_this_machine(
    hosts: FrontDoor, add_context: Callable[..., None], name: str
) -> None:
    add_context(name, "ssh://far")
    assert in_force(hosts) == ("local", "unix:///var/run/docker.sock")
    assert in_force(hosts, "--host", name) == ("local", "unix:///var/run/docker.sock")
    assert hosts.ok("host", "list", "-q").lines == ["local"]


def test_a_folder_of_docker_s_that_can_not_be_read_is_no_crash(hosts: FrontDoor) -> None:
    folder = str(hosts.home / ("x" * 300))
    assert hosts.ok("host", "list", "-q", env={"DOCKER_CONFIG": folder}).lines == ["local"]


def test_a_context_that_is_nested_too_deeply_hides_no_other_one(
    hosts: FrontDoor, add_context: Callable[..., None]
) -> None:
    add_context("cluster", "ssh://cluster.example")
    add_context("deep", "ssh://deep")
    for file in hosts.home.glob(".docker/contexts/meta/*/meta.json"):
        if "deep" in file.read_text():
            file.write_text("[" * 100_000)
    assert hosts.ok("host", "list", "-q").lines == ["cluster", "local"]
