"""A gateway's stand-ins have what faces use, ask for what they are asked, and believe nothing unchecked."""

from __future__ import annotations

import ast
import base64
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import srctl
from srctl import pieces
from srctl.calls import BY_METHOD, CALLS
from srctl.errands import Errand
from srctl.errors import InterruptedByUserError, NotAllowedError, NotFoundError, SrctlError, UnreachableError
from srctl.models import (
    Application,
    Endpoint,
    Policy,
    Progress,
    Session,
    Started,
    StartRequest,
    Usage,
    User,
    Volume,
)
from srctl.outcome import Outcome
from srctl.standins import RemoteJoiner, RemoteLeftovers, RemoteParts, RemoteSessions
from srctl.tunnel.errors import ConnectionLostError
from srctl.tunnel.plain import to_plain
from tests.remote_parts import HELLO, FakeLink, FarEnd, answering, gateway, line

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SESSION = Session(
    "5" * 32, "6" * 32, "ann", "web:latest", "Web", "engine", "srctl", "running", "127.83.0.7", 20001, "/x",
    "http://127.83.0.7:20001/x/", "7" * 64, "srctl-web", "sha256:1", False, True, NOW,
)  # fmt: skip
STARTED = Started(SESSION, Endpoint("127.83.0.7", 20001), fresh=True)
OWN = {"sessions": RemoteSessions, "leftovers": RemoteLeftovers, "joiner": RemoteJoiner}


def plain(value: Any) -> Any:
    """Return a model as JSON has it."""
    return to_plain(asdict(value))


def parts(result: Any, **hello: Any) -> tuple[RemoteParts, FakeLink]:
    """Return the use cases of a gateway that answers all with one result."""
    link = answering(lambda _: [{"result": result}], HELLO | hello)
    return RemoteParts(gateway(link)), link


def asked(link: FakeLink) -> dict[str, Any]:
    """Return the last request."""
    found = dict(link.channels[-1].told[-1])
    found.pop("id")
    return found


def uses() -> Iterator[tuple[str, str]]:
    """Yield the parts and methods that faces use, read off their code."""
    root = Path(srctl.__file__).parent
    names = {"sessions", "sharing", "accounting", "leftovers", "audit"}
    for path in [*root.glob("commands/*.py"), *root.glob("tui/**/*.py"), root / "revoking.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute):
                continue
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in names and not (isinstance(owner, ast.Name) and path.name == "sessions.py"):
                yield name, node.attr


def test_faces_use_only_what_a_gateway_has_too() -> None:
    found = set(uses())
    assert ("accounting", "add_users") in found
    assert ("sharing", "share") in found
    for name, method in found:
        part = "sessions" if name == "sharing" else name
        assert (part, method) in BY_METHOD or hasattr(OWN.get(part), method), f"{part}.{method}"


def test_what_is_not_in_the_table_is_not_to_be_had() -> None:
    use_cases, _ = parts(None)
    with pytest.raises(AttributeError):
        use_cases.sessions.end  # noqa: B018 - looked for


def test_arguments_are_sent_by_name() -> None:
    use_cases, link = parts([])
    use_cases.sessions.find(stopped=True)
    assert asked(link) == {"call": "session.list", "with": {"stopped": True}}
    use_cases.audit.entries("ann", NOW)
    assert asked(link) == {"call": "audit.list", "with": {"user": "ann", "since": "2030-01-01T00:00:00Z"}}


def test_models_are_sent_whole() -> None:
    grant = {"id": "6" * 32, "user": "ann", "application": plain(Application("web:latest")), "created": NOW.isoformat()}
    use_cases, link = parts(grant | {"policy": plain(Policy())})
    permits = Policy(allow_view=True, license="text", volumes=(Volume("/a", "/b", "ro"),))
    assert use_cases.accounting.add_grant("web", "ann", permits).application.image == "web:latest"
    sent = asked(link)["with"]
    assert sent["permits"]["volumes"] == [{"source": "/a", "target": "/b", "mode": "ro"}]
    use_cases, link = parts(plain(STARTED))
    use_cases.launcher(lambda _: None).start(StartRequest("web", {"resolution": "800x600"}, timeout=5))
    assert asked(link)["with"]["request"]["settings"] == {"resolution": "800x600"}


def test_several_names_may_come_in_a_tuple() -> None:
    use_cases, link = parts({"done": ["ann"], "errors": []})
    assert use_cases.accounting.remove_users(("ann",)) == Outcome(("ann",))
    assert asked(link)["with"] == {"names": ["ann"]}


def test_outcomes_come_back_with_their_errors() -> None:
    said = {"kind": "NotFoundError", "code": "not-found", "message": "There is no user eve", "hint": ""}
    use_cases, _ = parts({"done": [plain(User(1, "ann", NOW))], "errors": [said]})
    outcome = use_cases.accounting.add_users(["ann", "eve"])
    assert [user.name for user in outcome.done] == ["ann"]
    with pytest.raises(NotFoundError, match="eve"):
        outcome.check()


def test_sessions_are_shown_by_our_name_of_the_host() -> None:
    use_cases, _ = parts([plain(SESSION)])
    assert use_cases.sessions.find() == [replace(SESSION, host="lab", url=None)]
    use_cases, _ = parts(plain(STARTED))
    assert use_cases.joiner(lambda _: None).bring(StartRequest("web")).session.host == "lab"


def test_progress_reaches_the_face() -> None:
    step = {"step": "Pulling", "item": None, "current": 1, "total": 2}
    link = answering(lambda _: [{"progress": step}, {"result": plain(STARTED)}])
    seen: list[Progress] = []
    RemoteParts(gateway(link)).launcher(seen.append).start(StartRequest("web"))
    assert seen == [Progress("Pulling", None, 1, 2)]


@dataclass
class Silent(FarEnd):
    """A far end that greets, and answers no request before the channel is closed."""

    over: threading.Event = field(default_factory=threading.Event)

    def recv(self, count: int) -> bytes:
        if self.said:
            return super().recv(count)
        assert self.over.wait(10)
        return b""

    def close(self) -> None:
        super().close()
        self.over.set()


@pytest.mark.parametrize("call", ["start", "bring"])
def test_what_is_given_up_here_closes_its_channel(call: str) -> None:
    link, errand = FakeLink(lambda: Silent(line(HELLO))), Errand()
    use_cases = RemoteParts(gateway(link))
    make = use_cases.launcher if call == "start" else use_cases.joiner
    threading.Timer(0.1, errand.give_up).start()
    with pytest.raises(InterruptedByUserError):
        getattr(make(errand, errand.clock), call)(StartRequest("web"))
    assert [channel.closed for channel in link.channels] == [True]
    assert link.channels[-1].told[-1]["call"] in ("session.start", "session.open")


def test_leftovers_are_cleared_by_id() -> None:
    use_cases, link = parts(True)
    assert use_cases.leftovers.remove(SESSION)
    assert asked(link) == {"call": "session.clear", "with": {"session_id": SESSION.id}}
    assert use_cases.leftovers.remove(replace(SESSION, user="bob"))
    assert asked(link) == {"call": "session.clear", "with": {"session_id": SESSION.id, "all_users": True}}


def test_logs_come_as_bytes_and_end_when_nobody_reads() -> None:
    said = [{"data": base64.b64encode(piece).decode()} for piece in (b"a\xff", b"b")]
    link = answering(lambda _: [*said, {"result": None}])
    use_cases = RemoteParts(gateway(link))
    assert list(use_cases.sessions.logs("5", tail=2)) == [b"a\xff", b"b"]
    reading = use_cases.sessions.logs("5")
    next(reading)
    reading.close()
    assert link.channels[-1].closed


def test_what_sessions_take_comes_as_numbers() -> None:
    said = Usage(SESSION.container_id, 12.5, 100, None)
    link = answering(lambda _: [{"data": pieces.dump(said)}, {"result": None}])
    sessions = RemoteParts(gateway(link)).sessions
    assert list(sessions.stats([SESSION.container_id])) == [said]
    assert asked(link)["with"] == {"container_ids": [SESSION.container_id], "all_users": False}


@pytest.mark.parametrize(
    "said",
    ["", "x", "[]", "[" * 100_000, '{"container_id": "c"}', '{"container_id": 1, "cpu": 1, "memory": 1, "limit": 1}',
     *(f'{{"container_id": "c", "cpu": {value}, "memory": 1, "limit": 1}}'
       for value in ("NaN", "-1", "Infinity", "true", '"1"', "1e999", "9" * 30))],
)  # fmt: skip
def test_a_number_that_is_none_is_an_error(said: str) -> None:
    link = answering(lambda _: [{"data": said}])
    with pytest.raises(UnreachableError):
        list(RemoteParts(gateway(link)).sessions.stats([SESSION.container_id]))


def test_a_log_that_is_no_base64_is_an_error() -> None:
    link = answering(lambda _: [{"data": "***"}])
    with pytest.raises(UnreachableError):
        list(RemoteParts(gateway(link)).sessions.logs("5"))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc"},
        {"container_id": "x"},
        {"created": "yesterday"},
        {"port": "20001x"},
    ],
    ids=str,
)
def test_a_session_that_is_none_is_an_error(change: dict[str, Any]) -> None:
    use_cases, _ = parts([plain(SESSION) | change])
    with pytest.raises(UnreachableError):
        use_cases.sessions.find()


@pytest.mark.parametrize(
    "change",
    [
        {"path": "@evil.example/"},
        {"path": "/\n"},
        {"path": ""},
        {"scheme": "javascript"},
        {"port": 0},
        {"port": 70000},
    ],
    ids=str,
)
def test_an_address_that_a_browser_must_not_see_is_an_error(change: dict[str, Any]) -> None:
    said = plain(STARTED)
    said["endpoint"] |= change
    use_cases, _ = parts(said)
    with pytest.raises(UnreachableError):
        use_cases.joiner(lambda _: None).bring(StartRequest("web"))


def dying_once() -> RemoteParts:
    """Return the use cases of a gateway whose first channel ends in the middle of a request."""
    ends = iter([FarEnd(line(HELLO)), FarEnd(line(HELLO), lambda _: [{"result": []}])])
    return RemoteParts(gateway(FakeLink(lambda: next(ends))))


def test_what_changes_nothing_is_asked_again_after_a_loss() -> None:
    assert dying_once().sessions.find() == []


def test_after_the_loss_of_a_change_nobody_knows_and_nothing_is_repeated() -> None:
    with pytest.raises(ConnectionLostError) as caught:
        dying_once().sessions.stop("5555")
    assert "may have been carried out" in caught.value.hint


def led(*refusals: str, user: str = "bob", fresh: bool = False) -> tuple[FakeLink, RemoteParts]:
    """Open a session of `user` where forwards are refused at first."""
    started = replace(STARTED, session=replace(SESSION, user=user), fresh=fresh)
    use_cases, link = parts(plain(started))
    link.refusals.extend(refusals)
    use_cases.joiner(lambda _: None).bring(StartRequest("web"))
    return link, use_cases


@pytest.mark.parametrize(("user", "fresh"), [("bob", False), ("ann", True)])
def test_a_login_that_is_older_than_the_leave_is_made_again(user: str, fresh: bool) -> None:
    link, use_cases = led("prohibited", user=user, fresh=fresh)
    [second] = link.logins
    assert use_cases.gateway.link is cast("object", second)
    assert (link.alive, second.alive) == (False, True)


def test_a_session_of_one_s_own_that_runs_needs_no_look() -> None:
    link, _ = led("prohibited", user="ann")
    assert link.logins == []


def test_an_application_that_does_not_listen_is_permitted_all_the_same() -> None:
    link, _ = led("failed")
    assert link.logins == []


def test_what_a_new_login_may_not_do_either_is_not_allowed() -> None:
    with pytest.raises(NotAllowedError, match="does not lead you"):
        led("prohibited", "prohibited")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLAIN_CALLS = sorted(name for name, call in CALLS.items() if not call.streams)


@given(st.sampled_from(PLAIN_CALLS), VALUES)
def test_results_of_any_kind_are_taken_for_what_they_should_be_or_refused(name: str, said: Any) -> None:
    call = CALLS[name]
    link = answering(lambda _: [{"result": said}])
    try:
        gateway(link).remote.request(name, {})
        call.signature.load(said)
    except SrctlError as error:
        assert isinstance(error, UnreachableError)  # noqa: PT017 - what is raised is the point
