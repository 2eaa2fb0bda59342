"""The client's end of a gateway's api: what is asked, and what it makes of whatever is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.calls import PROTOCOL
from srctl.errors import NotFoundError, SrctlError, UnreachableError, UnsupportedError, UsageError
from srctl.models import Progress
from srctl.tunnel.errors import ConnectionLostError
from srctl.tunnel.lines import DEEPEST, LONGEST_ASKED, is_deeper
from tests.remote_parts import HELLO, FakeLink, FarEnd, answering, line, remote, saying

DONE = [{"result": "done"}]


def test_a_gateway_says_who_we_are() -> None:
    link = answering(lambda _: DONE)
    greeting = remote(link).greet()
    assert (greeting.version, greeting.user, greeting.admin) == ("9.9", "ann", False)
    assert link.channels[0].told == [{"srctl": "1.0", "protocol": PROTOCOL}]


@pytest.mark.parametrize(
    ("protocol", "side"), [(PROTOCOL + 1, "Upgrade srctl on this machine"), (PROTOCOL - 1, "the gateway lab")]
)
def test_a_gateway_of_another_age_says_which_side_to_upgrade(protocol: int, side: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        remote(saying(line(HELLO | {"protocol": protocol}))).greet()
    assert "9.9" in caught.value.message
    assert side in caught.value.hint


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"Welcome to Debian!\nYou have mail.\n",
        b"sh: 1: api: not found\n",
        b"$ ",
        b"[]\n",
        b'"srctl"\n',
        b"null\n",
        b"\xff\xfe\n",
        line({"version": 3}),
        line(HELLO | {"protocol": True}),
        line(HELLO | {"protocol": "1"}),
        line(HELLO | {"srctl": 1}),
    ],
)
def test_what_is_no_gateway_is_named_so(said: bytes) -> None:
    with pytest.raises(UnreachableError) as caught:
        remote(saying(said)).greet()
    assert caught.value.message.startswith("There is no srctl gateway at srctl@lab.example.org")
    assert "ssh://" in caught.value.hint


def test_what_a_program_complained_about_is_told() -> None:
    link = FakeLink(lambda: FarEnd(b"", complaint=b"bash: api: command not found\n"))
    with pytest.raises(UnreachableError, match="command not found"):
        remote(link).greet()


def test_a_refusal_in_place_of_a_greeting_is_raised() -> None:
    said = {"error": {"kind": "NotAllowedError", "code": "not-allowed", "message": "ann is disabled", "hint": ""}}
    with pytest.raises(SrctlError, match="ann is disabled") as caught:
        remote(saying(line(said))).greet()
    assert caught.value.exit_code == 4


def test_requests_go_one_after_another_on_one_channel() -> None:
    link = answering(lambda asked: [{"result": asked["with"]}])
    far = remote(link)
    assert [far.request("session.list", {"n": n}) for n in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    [channel] = link.channels
    assert [told["id"] for told in channel.told[1:]] == [1, 2, 3]


def test_a_request_in_the_middle_of_another_gets_a_channel_of_its_own() -> None:
    link = answering(lambda asked: [*([{"progress": STEP}] if asked["call"] == "outer" else []), *DONE])
    far = remote(link)
    inner: list[Any] = []
    assert far.request("outer", {}, lambda _: inner.append(far.request("inner", {}))) == "done"
    assert inner == ["done"]
    assert len(link.channels) == 2


STEP = {"step": "Pulling", "item": None, "current": 1, "total": 2}


def test_progress_is_told() -> None:
    seen: list[Progress] = []
    link = answering(lambda _: [{"progress": STEP}, *DONE])
    assert remote(link).request("session.start", {}, seen.append) == "done"
    assert seen == [Progress("Pulling", None, 1, 2)]


def test_an_error_is_raised_and_the_channel_used_again() -> None:
    said = {"kind": "NotFoundError", "code": "not-found", "message": "no such session", "hint": "srctl ps"}
    link = answering(lambda _: [{"error": said}])
    far = remote(link)
    for _ in range(2):
        with pytest.raises(NotFoundError, match="no such session"):
            far.request("session.show", {})
    assert len(link.channels) == 1


def test_an_end_in_the_middle_is_a_lost_connection_and_the_next_request_starts_afresh() -> None:
    ends = iter([FarEnd(line(HELLO)), FarEnd(line(HELLO), lambda _: DONE)])
    link = FakeLink(lambda: next(ends))
    far = remote(link)
    with pytest.raises(ConnectionLostError):
        far.request("session.list", {})
    assert far.request("session.list", {}) == "done"


def test_silence_is_not_borne_for_ever() -> None:
    link = answering(lambda _: [])
    with pytest.raises(UnreachableError, match="does not answer"):
        remote(link).request("session.list", {})
    assert link.channels[0].closed


def test_a_request_that_is_interrupted_closes_its_channel() -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    link = answering(lambda _: [{"progress": STEP}, *DONE])
    with pytest.raises(KeyboardInterrupt):
        remote(link).request("session.start", {}, interrupt)
    assert link.channels[0].closed


def test_a_request_that_is_too_long_is_not_sent() -> None:
    link = answering(lambda _: DONE)
    with pytest.raises(UsageError):
        remote(link).request("user.key.add", {"text": "x" * LONGEST_ASKED})
    assert len(link.channels[0].told) == 1


def test_a_stream_gives_pieces_and_ends() -> None:
    link = answering(lambda _: [{"data": "start"}, {"data": "die"}, {"result": None}])
    assert list(remote(link).stream("session.events", {})) == ["start", "die"]
    assert link.channels[0].closed


def test_a_stream_that_is_closed_gives_nothing_more() -> None:
    link = answering(lambda _: [{"data": "start"}, {"data": "die"}])
    pieces = remote(link).stream("session.events", {})
    assert next(pieces) == "start"
    pieces.close()
    assert list(pieces) == []


@pytest.mark.parametrize(
    "said",
    [
        {"id": 2, "result": 1},
        {"id": True, "result": 1},
        {"id": "1", "result": 1},
        {"result": 1},
        {"id": 1},
        {"id": 1, "result": 1, "error": {}},
        {"id": 1, "surprise": 1},
        {"id": 1, "progress": {"step": 1}},
        {"id": 1, "progress": STEP | {"more": 1}},
        {"id": 1, "data": "piece"},
        {"id": 1, "error": "text"},
        {"id": 1, "error": {"errors": [{"errors": [3]}]}},
        [1],
        {"id": 1, "result": json.loads("[" * DEEPEST + "]" * DEEPEST)},
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_is_an_error(said: Any) -> None:
    with pytest.raises(SrctlError):
        remote(saying(line(HELLO), line(said))).request("session.list", {})


@pytest.mark.parametrize("said", [b"[" * 200_000, b'{"a":' * 100_000, b"1" * 10_000, b'{"id": 1, "result": NaN}'])
def test_a_line_that_a_parser_would_choke_on_is_an_error(said: bytes) -> None:
    with pytest.raises(UnreachableError):
        remote(saying(line(HELLO), said + b"\n")).request("session.list", {})


@pytest.mark.parametrize("said", [{"data": 1}, {"data": None}, {"progress": STEP}, {"error": []}], ids=str)
def test_a_piece_that_makes_no_sense_ends_the_stream(said: dict[str, Any]) -> None:
    link = answering(lambda _: [said])
    with pytest.raises(SrctlError):
        next(remote(link).stream("session.logs", {}))
    assert link.channels[0].closed


WORDS = ("id", "result", "error", "progress", "data", "kind", "message", "errors", "log", "step", "srctl", "protocol")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_end_in_an_error_of_ours(said: bytes) -> None:
    for before in (b"", line(HELLO)):
        with pytest.raises(SrctlError):
            remote(saying(before, said)).request("session.list", {})


@given(VALUES)
def test_messages_of_any_kind_end_in_an_error_of_ours_or_are_results(said: Any) -> None:
    try:
        result = remote(saying(line(HELLO), line(said))).request("session.list", {})
    except SrctlError:
        return
    assert said == {"id": 1, "result": result}


def test_the_depth_of_values_is_told() -> None:
    nested: Any = json.loads("[" * 5 + "]" * 5)
    assert not is_deeper(nested, 5)
    assert is_deeper(nested, 4)
    assert is_deeper({"a": [{"b": []}]}, 3)


def test_a_long_list_is_taken_whole() -> None:
    rows = [base64.b64encode(bytes(50)).decode()] * 5000
    link = answering(lambda _: [{"result": rows}])
    assert remote(link).request("audit.list", {}) == rows
