import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.errors import UsageError
from srctl.tunnel.target import SSHTarget, parse_hop, parse_target

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)
ports = st.integers(1, 65535)
paths = st.from_regex(r"(/[A-Za-z0-9._-]{1,12}){1,4}", fullmatch=True)


@given(names, st.none() | names, st.none() | ports, st.none() | paths)
def test_an_address_comes_apart_into_what_it_was_made_of(
    alias: str, user: str | None, port: int | None, path: str | None
) -> None:
    url = "ssh://" + (f"{user}@" if user else "") + alias + (f":{port}" if port else "") + (path or "")
    assert parse_target(url) == SSHTarget(alias, user, port, path)


@given(st.text(max_size=60))
def test_whatever_is_written_gives_an_inert_target_or_a_usage_error(text: str) -> None:
    try:
        target = parse_target("ssh://" + text)
    except UsageError:
        return
    for part in (target.alias, target.user or "x"):
        assert not part.startswith("-")
        assert not set(part) & set(" \t\n\r\"'`$;&<>|(){}*?!#")
        assert part.isprintable()
    assert target.port is None or 1 <= target.port <= 65535
    assert target.socket_path is None or target.socket_path.startswith("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://user:secret@host",
        "ssh://host:0",
        "ssh://host:65536",
        "ssh://host:22x",
        "ssh://host:",
        "ssh://host\n",
        "ssh://ho st",
        "ssh://$(id)",
        "ssh://-l@host",
        "ssh://host/a\0b",
        "ssh://host/" + "x" * 200,
        "ssh://%0ahost@host/%0a",
        "ssh://host:٢٢",
    ],
)
def test_a_hostile_or_broken_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse_target(url)


@pytest.mark.parametrize("text", ["ssh://ann:HIDDEN@host", "ssh://ann:HIDDEN@host:99999", "ssh://ann:HIDDEN@ho$st"])
def test_a_refused_password_is_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert "HIDDEN" not in caught.value.message + caught.value.hint


def test_ipv6_addresses_stand_in_brackets() -> None:
    assert parse_target("ssh://me@[fe80::1%25eth0]:2222") == SSHTarget("fe80::1%25eth0", "me", 2222)
    assert str(SSHTarget("::1", "me", 22)) == "me@[::1]:22"


def test_a_hop_is_written_with_or_without_the_scheme() -> None:
    assert parse_hop("me@jump:2200") == parse_hop("ssh://me@jump:2200") == SSHTarget("jump", "me", 2200)
    with pytest.raises(UsageError):
        parse_hop("jump/var/run/docker.sock")
