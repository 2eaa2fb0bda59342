"""The order in which keys are offered, without a server."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from srctl.tunnel.candidates import MOST_TRIES, candidates
from srctl.tunnel.keys import Identity, public_part
from srctl.tunnel.settings import Settings

BASE = Settings("box", "box", 22, "me")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files with public keys beside them."""
    paths = [tmp_path / f"key{number}" for number in range(3)]
    for path in paths:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return paths


def held(name: str, *, locked: bool = False) -> Identity:
    return Identity(name, name.encode(), lambda data, _: data, locked)


def load(path: Path) -> Identity | None:
    blob = public_part(path)
    return Identity(path.name, blob, lambda data, _: data, locked=path.name == "key1") if blob else None


def offered(settings: Settings, *agent: Identity) -> list[str]:
    return [identity.label for identity in candidates(settings, agent, load)]


def test_keys_of_the_agent_come_before_files_and_locked_ones_last(files: list[Path]) -> None:
    settings = replace(BASE, identity_files=tuple(files))
    agent = (held("touch", locked=True), held("a"), held("b"))
    assert offered(settings, *agent) == ["a", "b", "key0", "key2", "touch", "key1"]


def test_named_keys_that_the_agent_holds_come_first_in_its_order(files: list[Path]) -> None:
    settings = replace(BASE, identity_files=(files[0], files[2]))
    agent = [held("a"), *(Identity(f"agent {n}", public_part(files[n]) or b"", held("x").sign) for n in (2, 0))]
    assert offered(settings, *agent) == ["agent 2", "agent 0", "a"]
    assert offered(replace(settings, identities_only=True), *agent) == ["agent 2", "agent 0"]


@pytest.mark.parametrize("count", range(12))
def test_a_named_file_is_offered_within_the_tries_of_a_server(files: list[Path], count: int) -> None:
    settings = replace(BASE, identity_files=(files[0],))
    order = offered(settings, *(held(f"agent{number}") for number in range(count)))
    assert order.index("key0") == min(count, MOST_TRIES - 1)
    assert len(order) == len(set(order)) == count + 1


def test_the_certificate_beside_a_key_comes_after_it_and_named_ones_replace_it(files: list[Path]) -> None:
    for path in files[1:]:
        sign = ["ssh-keygen", "-q", "-s", str(files[0]), "-I", "id", f"{path}.pub"]
        subprocess.run(sign, check=True)
    settings = replace(BASE, identity_files=(files[2], files[0]))
    assert offered(settings) == ["key2", "key2 (certificate)", "key0"]
    named = replace(settings, certificate_files=(Path(f"{files[2]}-cert.pub"),))
    assert offered(named) == ["key2", "key0", "key2 (certificate)"]
    foreign = replace(settings, certificate_files=(Path(f"{files[1]}-cert.pub"),))
    assert offered(foreign) == ["key2", "key0"], "nobody can sign for it"


def test_files_are_read_when_their_turn_has_come(files: list[Path]) -> None:
    read: list[Path] = []

    def loading(path: Path) -> Identity | None:
        read.append(path)
        return load(path)

    order = candidates(replace(BASE, identity_files=tuple(files)), [held("a")], loading)
    assert next(order).label == "a"
    assert not read
    assert next(order).label == "key0"
    assert read == [files[0]]
