"""References of images, and what labels say."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl import images
from srctl.errors import UsageError
from srctl.models import Application, Image, Policy

PREFIX = "eu.simphony-project.docker."
SHA = "sha256:" + "a1" * 32

component = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}", fullmatch=True)
registry = st.sampled_from(
    [
        "",
        "docker.io/",
        "index.docker.io/",
        "localhost/",
        "localhost:5000/",
        "r.example/",
        "Reg/",
        "[::1]:5000/",
        "127.0.0.1/",
    ]
)
path = st.lists(st.one_of(component, st.just("library")), min_size=1, max_size=3).map("/".join)
tag = st.one_of(st.just(""), st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True))
references = st.tuples(registry, path, tag).map("".join)


class TestReferences:
    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            ("web", "web:latest"), ("web:1.0", "web:1.0"), ("library/web", "web:latest"),
            ("docker.io/web", "web:latest"),
            ("docker.io/library/web:2", "web:2"), ("index.docker.io/me/web", "me/web:latest"),
            ("me/web", "me/web:latest"),
            ("quay.io/library/web", "quay.io/library/web:latest"), ("localhost/web", "localhost/web:latest"),
            ("localhost:5000/web", "localhost:5000/web:latest"), ("library/a/b", "library/a/b:latest"),
            (f"web@{SHA}", f"web@{SHA}"), (f"web:1@{SHA}", f"web:1@{SHA}"), ("Reg/web", "Reg/web:latest"),
            ("docker.io/r.example/web", "docker.io/r.example/web:latest"), ("a__b/c-d.e", "a__b/c-d.e:latest"),
        ],
    )  # fmt: skip
    def test_one_image_has_one_form(self, written: str, canonical: str) -> None:
        assert images.canonical(written) == canonical

    @pytest.mark.parametrize(
        "wrong",
        [
            "", "Web", "web:", ":1", "web:.1", "-web", "web-", "a//b", "/web", "web/", "we b", "web\n", "http://r/web",
            "web@sha256:abc", f"web@{SHA.upper()}", "a" * 256, "a" * 64, SHA,
            "web:" + "t" * 129, "a___b", "a..b", "wéb",
        ],
    )  # fmt: skip
    def test_what_docker_refuses_is_refused(self, wrong: str) -> None:
        with pytest.raises(UsageError):
            images.canonical(wrong)

    @given(references)
    def test_the_canonical_form_is_its_own(self, reference: str) -> None:
        canonical = images.canonical(reference)
        assert images.canonical(canonical) == canonical
        assert ":" in canonical.rpartition("/")[2]

    @given(st.text(max_size=30))
    def test_any_text_is_a_reference_or_wrong_usage(self, text: str) -> None:
        with contextlib.suppress(UsageError):
            assert images.canonical(text).isprintable()


class TestResolutions:
    @given(st.integers(1, 16384), st.integers(1, 16384))
    def test_a_resolution_is_read_as_it_is_written(self, width: int, height: int) -> None:
        assert images.parse_resolution(f"{width}x{height}") == (width, height)

    @given(st.one_of(st.text(max_size=12), st.text("0123456789x+-_ .eX", max_size=12)))
    def test_nothing_else_is_one(self, text: str) -> None:
        try:
            width, height = images.parse_resolution(text)
        except UsageError:
            return
        assert text == f"{width}x{height}"
        assert 1 <= min(width, height) <= max(width, height) <= 16384

    @pytest.mark.parametrize(
        "text", ["0x1", "1x0", "16385x1", "1x16385", "1280X800", "1280x800x16", "٣x٤", " 1x1", "1x1\n"]
    )
    def test_edges_are_refused(self, text: str) -> None:
        with pytest.raises(UsageError):
            images.parse_resolution(text)


class TestLabels:
    @given(
        st.dictionaries(st.one_of(st.text(max_size=20), st.text(max_size=8).map((PREFIX + "env.").__add__)), st.text())
    )
    def test_whatever_labels_hold_they_can_be_read(self, labels: dict[str, str]) -> None:
        assert images.title(labels, "web:latest")
        assert images.kind(labels) in (None, *images.TYPES)
        assert images.profile(labels) in ("strict", "standard")
        assert set(images.configurables(labels, Policy(allow_startup_data=True))) <= {"resolution", "startup-data"}

    def test_names_of_variables_outside_the_kebab_case_are_skipped(self) -> None:
        labels = {f"{PREFIX}env.{name}": "" for name in ("x11-width", "X11-HEIGHT", "a b", "", "a\n", "ok")}
        assert images.understood(labels) == {"x11-width", "ok"}

    @pytest.mark.parametrize("title", ["", "  ", "\n"])
    def test_an_empty_title_is_the_image_s_name(self, title: str) -> None:
        assert images.title({PREFIX + "ui_name": title}, "web:latest") == "web:latest"


@pytest.mark.parametrize(
    ("application", "labels", "ports", "port"),
    [
        (Application("w:1", port=80), {PREFIX + "type": "vncapp"}, (6080,), 80),
        (Application("w:1"), {PREFIX + "type": "vncapp"}, (6080,), 8888),
        (Application("w:1"), {}, (6080,), 6080),
        (Application("w:1"), {}, (80, 443), 8888),
        (Application("w:1"), {PREFIX + "type": "other"}, (), 8888),
    ],
)
def test_the_container_port_is_told_by_application_protocol_or_image(
    application: Application, labels: dict[str, str], ports: tuple[int, ...], port: int
) -> None:
    assert images.container_port(application, Image("i", labels=labels, ports=ports)) == port


def test_an_image_is_called_by_its_tags_and_by_digests_where_it_has_none() -> None:
    digest = "web@sha256:" + "0" * 64
    assert images.names(Image("i", ("web:1", digest, "web:latest"))) == ("web:1", "web:latest")
    assert images.names(Image("i", (digest,))) == (digest,)


def test_labels_that_are_very_long_are_cut_and_the_others_left_as_they_are() -> None:
    labels = {PREFIX + "icon_128": "A" * 30_000, PREFIX + "ui_name": "Web"}
    cut = images.without_long_labels(Image("i", labels=labels))
    assert cut.labels == {PREFIX + "icon_128": "A" * images.LONGEST_LABEL + "…", PREFIX + "ui_name": "Web"}
