"""Reading containers as sessions: what engines and strangers may have written there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from srctl import labels
from srctl.hosts import parse
from srctl.labels import EXTRA, RUNINFO
from srctl.models import Binding, Container, Session

ANYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound
OLD = {
    RUNINFO + "user": "ann",
    RUNINFO + "mapping_id": "f" * 32,
    RUNINFO + "url_id": "a" * 32,
    RUNINFO + "urlpath": "/user/ann/containers/" + "a" * 32,
    RUNINFO + "realm": "test",
}


def container(*bindings: Binding, **changes: object) -> Container:
    made = Container("c" * 64, "name", "img:latest", "sha256:1", "running", OLD, datetime(2030, 1, 1, tzinfo=UTC))
    return replace(made, bindings=bindings, **changes)  # type: ignore[arg-type]


def read(found: Container) -> Session:
    session = labels.session(found, host="here", direct=True, granted=None)
    assert session is not None
    return session


def test_the_port_is_chosen_by_container_port() -> None:
    found = container(Binding(22, ANYWHERE, 1), Binding(8888, ANYWHERE, 2), Binding(9999, ANYWHERE, 3))
    assert (read(found).address, read(found).port) == ("127.0.0.1", 2)


def test_ipv4_goes_before_its_twin_whatever_the_order() -> None:
    assert read(container(Binding(8888, "::", 5), Binding(8888, ANYWHERE, 4))).port == 4


def test_a_port_on_ipv6_only_is_reached_there() -> None:
    found = read(container(Binding(8888, "::", 5)))
    assert (found.address, found.port) == ("::1", 5)
    assert (found.url or "").startswith("http://[::1]:5/user/ann/")


def test_an_address_of_its_own_is_kept() -> None:
    found = read(container(Binding(8888, "10.0.0.7", 4)))
    assert found.address == "10.0.0.7"
    assert (found.url or "").startswith("http://10.0.0.7:4/user/ann/")


def test_a_session_without_a_published_port_has_no_url() -> None:
    found = read(container(Binding(22, ANYWHERE, 1)))
    assert (found.port, found.address, found.url) == (None, None, None)


def test_our_label_names_another_port() -> None:
    worn = OLD | {EXTRA + "port": "9000", EXTRA + "scheme": "https", EXTRA + "path": "/lab?x=1"}
    found = read(container(Binding(8888, "127.0.0.1", 1), Binding(9000, "127.0.0.1", 2), labels=worn))
    assert found.url == "https://127.0.0.1:2/lab?x=1"


@pytest.mark.parametrize("port", ["", "x", "-1", "99999999", "8888 "])
def test_a_port_label_that_is_none_is_ignored(port: str) -> None:
    assert read(container(Binding(8888, "", 1), labels=OLD | {EXTRA + "port": port})).port in (1, None)


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "//evil.example/", '/"><script>', "/\r\nSet-Cookie: x", "/\x1b["]
)
def test_a_path_stays_a_path_of_this_machine(path: str) -> None:
    found = read(container(Binding(8888, "", 1), labels=OLD | {EXTRA + "path": path}))
    assert found.url is not None
    assert found.url.startswith("http://127.0.0.1:1/")
    assert found.url.isprintable()
    assert not set(found.url) & set('"<> ')


@pytest.mark.parametrize("value", ["", "xyz", "A" * 32, "a" * 31, "a" * 33, "../" + "a" * 29])
def test_a_container_without_a_session_id_is_no_session(value: str) -> None:
    assert labels.session_id(container(labels=OLD | {RUNINFO + "url_id": value})) is None


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("created", "starting"),
        ("restarting", "starting"),
        ("running", "running"),
        ("paused", "running"),
        ("exited", "exited"),
        ("dead", "dead"),
        ("removing", "dead"),
    ],
)
def test_dockers_states_have_four_words(state: str, status: str) -> None:
    assert read(container(state=state)).status == status


def test_an_image_of_the_old_system_is_never_called_outdated() -> None:
    assert read(container(image="sha256:" + "1" * 64)).image_outdated is None


@pytest.mark.parametrize(("shown", "outdated"), [("img:latest", False), ("1" * 12, True), ("sha256:" + "1" * 64, True)])
def test_a_moved_tag_shows_as_an_id(shown: str, outdated: bool) -> None:
    assert read(container(image=shown, labels=OLD | {EXTRA + "image": "img:latest"})).image_outdated is outdated


def test_a_list_entry_is_read_as_engines_write_it() -> None:
    ports = [
        {"PrivatePort": 9999, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 8888, "PublicPort": 4, "Type": "tcp"},
        {"IP": ANYWHERE, "PrivatePort": 8888, "PublicPort": 3, "Type": "tcp"},
        {"IP": ANYWHERE, "PrivatePort": 8888, "PublicPort": 9, "Type": "udp"},
    ]
    found = parse.listed_container({"Id": "1", "Names": ["/other/alias", "/own"], "Ports": ports, "Created": 0})
    assert found.name == "own"
    assert found.bindings == (Binding(8888, "::", 4), Binding(8888, ANYWHERE, 3))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2030-01-02T03:04:05.123456789Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2030-01-02T03:04:05.1+02:00", datetime(2030, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("", datetime(1970, 1, 1, tzinfo=UTC)),
        ("soon", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_any_zone(text: str, time: datetime) -> None:
    assert parse.inspected_container({"Id": "1", "Created": text}).created == time


def test_an_inspected_container_may_have_ports_that_are_not_published() -> None:
    ports = {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7"}], "9/tcp": None, "5/udp": [{"HostPort": "1"}]}
    found = parse.inspected_container({"Id": "1", "NetworkSettings": {"Ports": ports}})
    assert found.bindings == (Binding(8888, "127.0.0.1", 7),)
