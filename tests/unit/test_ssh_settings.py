from pathlib import Path

import pytest

from srctl.errors import UsageError
from srctl.tunnel.options import Options
from srctl.tunnel.settings import Settings, settings_from
from srctl.tunnel.target import SSHTarget


def settings(**options: str) -> Settings:
    values = {"user": ["me"], "hostname": ["box.lab"], "port": ["22"]}
    values |= {name: value.split("|") for name, value in options.items()}
    return settings_from(SSHTarget("box"), Options(values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("knownhostscommand", "/bin/keys"),
        ("verifyhostkeydns", "yes"),
        ("pkcs11provider", "/lib/p11.so"),
        ("revokedhostkeys", "/etc/revoked"),
        ("proxyusefdpass", "yes"),
        ("bindinterface", "eth0"),
        ("stricthostkeychecking", "no"),
        ("stricthostkeychecking", "false"),
        ("stricthostkeychecking", "off"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(**{name: value})
    assert name in caught.value.message.lower()


def test_the_values_that_do_nothing_are_not_refused() -> None:
    harmless = {"pkcs11provider": "none", "proxyusefdpass": "no", "verifyhostkeydns": "false", "controlmaster": "auto"}
    assert settings(**harmless).hostname == "box.lab"


@pytest.mark.parametrize(("said", "meant"), [("true", "yes"), ("ask", "ask"), ("accept-new", "accept-new")])
def test_strictness_is_understood_in_the_words_of_ssh(said: str, meant: str) -> None:
    assert settings(stricthostkeychecking=said).strict == meant


def test_jump_hosts_come_in_order_and_none_means_none() -> None:
    assert settings(proxyjump="me@a:2200,b").proxy_jump == (SSHTarget("a", "me", 2200), SSHTarget("b"))
    assert settings(proxyjump="none").proxy_jump == ()


def test_a_proxy_command_gets_its_tokens() -> None:
    assert settings(proxycommand="nc -X 5 %h %p # %r %n 100%%").proxy_command == "nc -X 5 box.lab 22 # me box 100%"
    with pytest.raises(UsageError):
        settings(proxycommand="nc %Z")


def test_files_get_home_folder_and_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KEYS", "/keys")
    found = settings(identityfile="~/.ssh/id_%h|${KEYS}/%n|none", userknownhostsfile="~/.ssh/kh /etc/kh")
    assert found.identity_files == (tmp_path / ".ssh" / "id_box.lab", Path("/keys/box"))
    assert found.known_hosts == (tmp_path / ".ssh" / "kh", Path("/etc/kh"))
    assert not found.default_identities


def test_default_identities_are_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings(identityfile="~/.ssh/id_rsa|~/.ssh/id_ed25519").default_identities


def test_methods_follow_the_preferences_and_the_switches() -> None:
    assert settings().methods == ("publickey", "keyboard-interactive", "password")
    assert settings(passwordauthentication="no").methods == ("publickey", "keyboard-interactive")
    assert settings(preferredauthentications="gssapi-with-mic,password").methods == ("password",)


def test_the_agent_is_the_usual_one_another_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_AGENT", "/run/agent")
    assert settings().identity_agent is None
    assert settings(identityagent="SSH_AUTH_SOCK").identity_agent is None
    assert settings(identityagent="none").identity_agent == "none"
    assert settings(identityagent="$MY_AGENT").identity_agent == "/run/agent"
    assert settings(identityagent="/run/other").identity_agent == "/run/other"
