"""Answers of engines, and of what only pretends to be one: read, or refused in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from srctl.errors import UnreachableError
from srctl.hosts import parse
from srctl.models import Binding, Container, Progress

LISTED = {"Id": "1", "Created": 1}
PORT = {"PrivatePort": 80, "PublicPort": 32768, "IP": "127.0.0.1", "Type": "tcp"}


def listed_with(**port: Any) -> Container:
    return parse.listed_container(LISTED | {"Ports": [PORT | port]})


def inspected_with(host_port: Any, address: Any, inside: str = "80/tcp") -> Container:
    ports = {inside: [{"HostPort": host_port, "HostIp": address}]}
    return parse.inspected_container({"Id": "1", "NetworkSettings": {"Ports": ports}})


ADDRESSES = ["evil.example/x?", "evil.example", "::1%@evil.example/x", "127.0.0.1@evil", 5, True, ["127.0.0.1"], " "]


@pytest.mark.parametrize("port", ["80@evil", "32768", True, 0, -1, 65536, 1e4, None, [80]])
def test_what_is_no_port_is_no_binding(port: Any) -> None:
    assert listed_with(PublicPort=port).bindings == ()
    assert listed_with(PrivatePort=port).bindings == ()


@pytest.mark.parametrize("port", ["80@evil", "0", "65536", "", " 80", "8_0", "\u0668\u0660", 80, True, None])
def test_what_is_no_number_of_a_port_is_no_binding(port: Any) -> None:
    assert inspected_with(port, "127.0.0.1").bindings == ()
    assert inspected_with("80", "127.0.0.1", f"{port}/tcp" if port not in (80, "") else "x/tcp").bindings == ()


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_no_address_is_no_binding(address: Any) -> None:
    assert listed_with(IP=address).bindings == ()
    assert inspected_with("80", address).bindings == ()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "fe80::1", ""])  # noqa: S104 - nothing listens
def test_addresses_are_taken_as_they_are(address: str) -> None:
    assert listed_with(IP=address).bindings == (Binding(80, address, 32768),)
    assert inspected_with("32768", address).bindings == (Binding(80, address, 32768),)


def test_a_range_of_exposed_ports_is_left_out() -> None:
    image = {"Id": "1", "Config": {"ExposedPorts": {"8000-8010/tcp": {}, "80/tcp": {}, "53/udp": {}, "0/tcp": {}}}}
    assert parse.inspected_image(image).ports == (80,)


@pytest.mark.parametrize(
    "read", [parse.listed_container, parse.inspected_container, parse.listed_image, parse.inspected_image]
)
@pytest.mark.parametrize(
    "answer", [None, [], "x", 5, {}, [None], {"Id": 5}, {"Id": "1", "Labels": [1], "Config": {"Labels": [1]}},
               {"Id": "1", "Labels": 7, "Config": 7}, {"Id": "1", "Labels": {"a": 1}, "Config": {"Labels": {"a": 1}}}]
)  # fmt: skip
def test_what_is_no_answer_of_an_engine_is_refused(read: Callable[[Any], object], answer: Any) -> None:
    with pytest.raises(UnreachableError, match="not a Docker engine"):
        read(answer)


@pytest.mark.parametrize("created", [1e30, -1e30, float("nan"), "x", [], {"a": 1}])
def test_a_time_that_no_clock_shows_is_refused(created: Any) -> None:
    if created:
        with pytest.raises(UnreachableError):
            parse.listed_container({"Id": "1", "Created": created})


@pytest.mark.parametrize("answer", [None, {}, "x", 5, [None], [{}], ["x"]])
def test_a_list_of_something_else_is_refused(answer: Any) -> None:
    with pytest.raises(UnreachableError):
        parse.listed(answer, parse.listed_container)


def test_a_list_is_read() -> None:
    assert [container.id for container in parse.listed([LISTED], parse.listed_container)] == ["1"]


@pytest.mark.parametrize("answer", [None, [], {}, "x", {"Version": 5}])
def test_a_field_that_is_missing_is_refused(answer: Any) -> None:
    with pytest.raises(UnreachableError):
        parse.field(answer, "Version")


@pytest.mark.parametrize("event", [[], None, {"progressDetail": 5}, {"id": 5}, {"progressDetail": {"total": "x"}}])
def test_a_step_of_a_pull_that_is_none_is_refused(event: Any) -> None:
    with pytest.raises(UnreachableError):
        parse.pull_progress(event)
    assert parse.pull_progress({"status": "Pulling"}) == Progress("Pulling", None, None, None)


def cpu(total: Any, system: Any, **more: Any) -> dict[str, Any]:
    return {"cpu_usage": {"total_usage": total}, "system_cpu_usage": system, **more}


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        (cpu(300, 4000, online_cpus=4), cpu(100, 2000), 40.0),  # a tenth of four cores
        ({**cpu(300, 4000), "cpu_usage": {"total_usage": 300, "percpu_usage": [1, 1]}}, cpu(100, 2000), 20.0),
        (cpu(300, 4000), cpu(100, 2000), 10.0),
        (cpu(100, 4000, online_cpus=4), cpu(100, 2000), 0.0),
        (cpu(50, 1000, online_cpus=4), cpu(100, 2000), 0.0),  # a clock that went back
        (cpu(10**18, 4000, online_cpus=2), cpu(0, 3999), 200.0),  # more than there is
        (cpu(300, 4000, online_cpus=4), {"cpu_usage": {"total_usage": 0}}, None),  # the first line
        ({}, {}, None),
    ],
)
def test_the_processor_is_told_as_docker_stats_does(now: Any, before: Any, percent: float | None) -> None:
    assert parse.usage("c", {"cpu_stats": now, "precpu_stats": before}).cpu == percent


@pytest.mark.parametrize(
    ("stats", "used"),
    [({"total_inactive_file": 30, "inactive_file": 1}, 70), ({"inactive_file": 30}, 70), ({"inactive_file": 200}, 100),
     ({}, 100), (None, 100)],
)  # fmt: skip
def test_memory_is_told_as_docker_stats_does(stats: Any, used: int) -> None:
    found = parse.usage("c", {"memory_stats": {"usage": 100, "limit": 500, "stats": stats}})
    assert (found.memory, found.limit) == (used, 500)


@pytest.mark.parametrize(
    "line",
    [None, [], "x", {"cpu_stats": 5}, {"cpu_stats": cpu("1", 2), "precpu_stats": cpu(1, 1)}, {"memory_stats": []},
     {"memory_stats": {"usage": -1}}, {"memory_stats": {"usage": 1e9}}, {"memory_stats": {"usage": True}},
     {"memory_stats": {"usage": 2**64}}, {"memory_stats": {"usage": 5, "stats": {"inactive_file": "x"}}},
     {"cpu_stats": cpu(2, 2, online_cpus=10**9), "precpu_stats": cpu(1, 1)}],
)  # fmt: skip
def test_stats_that_are_none_are_refused(line: Any) -> None:
    with pytest.raises(UnreachableError, match="not a Docker engine"):
        parse.usage("c", line)


@pytest.mark.parametrize("answer", [None, [], {}, {"ServerVersion": 5}, {"ServerVersion": "1", "NCPU": -1},
                                    {"ServerVersion": "1", "MemTotal": "x"}])  # fmt: skip
def test_what_is_no_machine_is_refused(answer: Any) -> None:
    with pytest.raises(UnreachableError):
        parse.engine_info(answer)
