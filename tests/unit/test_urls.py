"""From a plan to labels, to a session, to the URL that a browser opens: nothing is lost and nobody is led away."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from srctl import labels, planning, policy
from srctl.models import Application, Binding, Container, Grant, Image, Policy, Session, StartRequest, User

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TYPE = "eu.simphony-project.docker.type"

anything = st.text(max_size=30) | st.text("/\\@:?#%.[]& \n\t\x1bevil", max_size=30)


def session(marks: dict[str, str]) -> Session | None:
    binding = Binding(8888, "127.0.0.1", 32768)
    container = Container("c" * 64, "srctl-x", "web:latest", "sha256:1", "running", marks, NOW, (binding,))
    return labels.session(container, host="local", direct=True, granted=True)


@given(
    st.from_regex(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,30}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.sampled_from(["vncapp", "webapp", None]),
)
def test_a_plan_comes_back_as_the_session_that_was_meant(user: str, session_id: str, kind: str | None) -> None:
    image = Image("sha256:1", labels={TYPE: kind} if kind else {})
    application = Application("web:latest", 1, title="Page", path="/lab" if kind is None else None)
    grant = Grant("a" * 32, user, application, Policy(), NOW)
    order = planning.Order(User(3, user, NOW), grant, image, StartRequest("web"), "lab", session_id)
    found = session({**image.labels, **planning.plan(order).labels})
    assert found is not None
    assert (found.id, found.grant_id, found.user, found.realm) == (session_id, "a" * 32, user, "lab")
    assert (found.image, found.title, found.status) == ("web:latest", "Page", "running")
    path = "/lab" if kind is None else f"/user/{policy.slug(user)}/containers/{session_id}/"
    assert found.url == f"http://127.0.0.1:32768{path}"


@given(anything, st.none() | anything, st.none() | anything)
def test_no_label_leads_a_browser_away_from_the_session(url_path: str, path: str | None, scheme: str | None) -> None:
    marks = {labels.RUNINFO + "url_id": "b" * 32, labels.RUNINFO + "urlpath": url_path}
    marks |= {labels.EXTRA + name: value for name, value in (("path", path), ("scheme", scheme)) if value is not None}
    found = session(marks)
    assert found is not None
    assert found.url is not None
    parts = urlsplit(found.url)
    assert parts.scheme in ("http", "https")
    assert parts.netloc == "127.0.0.1:32768"
    assert re.fullmatch(r"[!-~]+", found.url)
    assert "\\" not in found.url


@given(st.dictionaries(st.sampled_from(["url_id", "user", "realm", "mapping_id", "urlpath"]), anything))
def test_whatever_labels_hold_they_can_be_read(values: dict[str, str]) -> None:
    marks = {labels.RUNINFO + name: value for name, value in values.items()}
    found = session(marks)
    assert found is None or re.fullmatch("[0-9a-f]{32}", found.id)
