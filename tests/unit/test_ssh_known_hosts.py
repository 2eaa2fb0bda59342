import base64
import stat
import subprocess
from pathlib import Path

import pytest

from srctl.tunnel.known_hosts import KnownHosts, Verdict, fingerprint, host_name, key_type, remember


def blob(kind: str, content: bytes) -> bytes:
    name = kind.encode()
    return len(name).to_bytes(4, "big") + name + len(content).to_bytes(4, "big") + content


ED, OTHER_ED, RSA = blob("ssh-ed25519", b"a" * 32), blob("ssh-ed25519", b"b" * 32), blob("ssh-rsa", b"c" * 64)


def line(names: str, key: bytes, marker: str = "") -> str:
    return f"{marker} {names} {key_type(key)} {base64.b64encode(key).decode()} comment".strip() + "\n"


def known(tmp_path: Path, *lines: str) -> KnownHosts:
    path = tmp_path / "known_hosts"
    path.write_text("# comment\n\n" + "".join(lines))
    return KnownHosts([path, tmp_path / "absent"])


def test_a_key_that_is_listed_is_known(tmp_path: Path) -> None:
    verdict, found = known(tmp_path, line("other", RSA), line("box,10.0.0.1", ED)).check("10.0.0.1", ED)
    assert verdict is Verdict.KNOWN
    assert found is not None
    assert found.where == f"{tmp_path / 'known_hosts'}:4"


def test_another_key_of_the_same_type_is_a_change(tmp_path: Path) -> None:
    assert known(tmp_path, line("box", ED)).check("box", OTHER_ED)[0] is Verdict.CHANGED


def test_one_of_several_keys_of_a_type_is_enough(tmp_path: Path) -> None:
    assert known(tmp_path, line("box", ED), line("box", OTHER_ED)).check("box", OTHER_ED)[0] is Verdict.KNOWN


def test_a_key_of_another_type_is_a_change_too_and_the_known_one_is_named(tmp_path: Path) -> None:
    verdict, found = known(tmp_path, line("box", RSA)).check("box", ED)
    assert verdict is Verdict.CHANGED
    assert found is not None
    assert found.blob == RSA


def test_a_revoked_key_is_revoked_even_where_it_is_also_listed(tmp_path: Path) -> None:
    assert known(tmp_path, line("box", ED), line("*", ED, "@revoked")).check("box", ED)[0] is Verdict.REVOKED


def test_certificate_authorities_are_told_apart_from_keys_of_hosts(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("*.example.org", ED, "@cert-authority"))
    assert [found.blob for found in hosts.authorities("a.example.org")] == [ED]
    assert hosts.authorities("a.example.net") == []
    assert hosts.check("a.example.org", ED)[0] is Verdict.UNKNOWN


def test_patterns_match_and_negations_win(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("*.Lab,!bad.lab,10.0.0.?", ED))
    assert hosts.check("good.LAB", ED)[0] is Verdict.KNOWN
    assert hosts.check("bad.lab", ED)[0] is Verdict.UNKNOWN
    assert hosts.check("10.0.0.7", ED)[0] is Verdict.KNOWN
    assert hosts.check("10.0.0.77", ED)[0] is Verdict.UNKNOWN


def test_a_bracketed_name_is_no_character_class(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("[box]:2222", ED))
    assert hosts.check("[box]:2222", ED)[0] is Verdict.KNOWN
    assert hosts.check("b:2222", ED)[0] is Verdict.UNKNOWN


def test_what_is_remembered_hashed_is_found_by_us_and_by_ssh_keygen(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "known_hosts"
    remember(path, "[box]:2222", ED, hashed=True)
    remember(path, "plain", OTHER_ED, hashed=False)
    assert "box" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KnownHosts([path]).check("[box]:2222", ED)[0] is Verdict.KNOWN
    found = subprocess.run(["ssh-keygen", "-F", "[box]:2222", "-f", path], capture_output=True, text=True, check=True)
    assert "found: line 1" in found.stdout


def test_remembering_keeps_a_last_line_without_newline_whole(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("box", ED).rstrip())
    remember(path, "new", OTHER_ED, hashed=False)
    hosts = KnownHosts([path])
    assert hosts.check("box", ED)[0] is hosts.check("new", OTHER_ED)[0] is Verdict.KNOWN


@pytest.mark.parametrize(
    "text",
    ["box\n", "box ssh-ed25519\n", "box ssh-ed25519 !!!\n", "@odd box ssh-ed25519 AAAA\n", "|1|x box y\n", "\0\n"],
)
def test_damaged_lines_are_passed_over(tmp_path: Path, text: str) -> None:
    assert known(tmp_path, text, line("box", ED)).check("box", ED)[0] is Verdict.KNOWN


def test_the_name_of_a_host_carries_an_unusual_port_but_an_alias_does_not() -> None:
    assert host_name("Box", 22, None) == "box"
    assert host_name("Box", 2222, None) == "[box]:2222"
    assert host_name("Box", 2222, "Alias") == "alias"


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", path], check=True)
    key = base64.b64decode(path.with_suffix(".pub").read_text().split()[1])
    shown = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
    assert fingerprint(key) in shown
