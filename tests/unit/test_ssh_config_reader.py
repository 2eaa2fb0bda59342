"""Our own reading of ssh_config, held to what `ssh -G` says about the same files."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from srctl.errors import UsageError
from srctl.tunnel import options
from srctl.tunnel.options import read_lines, read_options
from srctl.tunnel.target import SSHTarget

_COMPARED = """
    addressfamily bindaddress certificatefile connecttimeout hostkeyalias hostname identitiesonly identityagent
    identityfile kbdinteractiveauthentication numberofpasswordprompts passwordauthentication port
    preferredauthentications proxycommand proxyjump pubkeyauthentication requiredrsasize serveralivecountmax
    serveraliveinterval user
"""
COMPARED = _COMPARED.split()
SAME = {"true": "yes", "false": "no"}

CONFIGURATIONS = {
    "a host": "Host box\n HostName 10.1.2.3\n Port 2222\n User lab\n",
    "first value wins": "Host box\n Port 1\nHost *\n Port 2\n User all\n",
    "negated pattern": "Host * !box\n Port 1\nHost b?x\n Port 2\n",
    "negation alone": "Host !other\n Port 1\n",
    "brackets are no class": "Host b[o]x\n Port 1\n",
    "several patterns": 'Host x "b*" y\n Port 1\n',
    "patterns know case": "Host BOX\n Port 1\n",
    "equals signs and quotes": "Host=box\n Port = 5\n IdentityFile=\"/k/a b\"\n HostKeyAlias 'q' # comment\n",
    "escaped space": "IdentityFile /k/a\\ b\n",
    "comments and blank lines": "\n  # Port 1\n\nPort 3 # Port 4\n",
    "keywords in any case": "hOsT box\n pORT 6\n",
    "several identities": "IdentityFile /a\nIdentityFile ~/b\nHost box\n IdentityFile /a\n CertificateFile /c\n",
    "hostname with tokens": "HostName %h.lab.example\n",
    "hostname in capitals": "HostName LAB\n",
    "match host": "HostName x.lab\nMatch host *.lab,!y.lab\n Port 7\n",
    "match original host": "HostName x.lab\nMatch originalhost box\n Port 7\n",
    "match user of the configuration": "User ann\nMatch user ann,bob\n Port 7\n",
    "match local user": "Match localuser root\n Port 7\nMatch !localuser root\n Port 8\n",
    "match all": "Match all\n Port 7\n",
    "match exec": 'Match exec "test %h = box"\n Port 7\nMatch exec false\n Port 8\n',
    "match not exec": 'Match !exec "test %n = box" host box\n Port 7\nMatch host box !exec false\n User u\n',
    "match several": 'Match host box user ann exec true\n Port 7\nMatch host box exec "exit 0"\n Port 8\n',
    "match final": "Match final host target\n Port 7\nHost box\n HostName target\n",
    "match not final": "Match !final host box\n Port 7\nMatch final all\n User late\n",
    "host in the final pass": "Match final all\n Port 8\nHost target\n Port 9\nHost box\n HostName target\n",
    "canonical without a final pass": "Match canonical all\n Port 7\n",
    "proxy jump before command": "ProxyJump a\nProxyCommand nc %h %p\n",
    "proxy command before jump": "ProxyCommand nc '%h' %p # x\nProxyJump a\n",
    "no proxy command before jump": "ProxyCommand none\nProxyJump a\n",
    "no proxy jump before command": "ProxyJump none\nProxyCommand nc %h %p\n",
    "times": "ConnectTimeout 1m30\nServerAliveInterval 2m\nServerAliveCountMax 4\n",
    "switches": "IdentitiesOnly true\nPasswordAuthentication no\nPubkeyAuthentication unbound\n",
    "old names": "ChallengeResponseAuthentication no\n",
    "unknown and ignored": "IgnoreUnknown Odd*,UseKeychain\nOddThing 1\nUseKeychain yes\nPort 4\n",
    "include": "Include {folder}/part\nPort 1\n",
    "include in a block": "Host box\n Include {folder}/part\n IdentitiesOnly yes\nHost other\n Include {folder}/part\n",
    "include with patterns": "Include {folder}/par* {folder}/absent\n",
    "included block ends with its file": "Host box\n Include {folder}/other\n Port 8\n",
    "agent": "IdentityAgent none\n",
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "part").write_text("User included\nHost box\n HostName from.part\n")
    (tmp_path / "other").write_text("Host other\n Port 7\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setattr(options, "_system_config", lambda: tmp_path / "absent")
    return tmp_path


def write(home: Path, text: str) -> Path:
    path = home / ".ssh" / "config"
    path.write_text(text.replace("{folder}", str(home)))
    return path


def by_ssh(config: Path, target: SSHTarget) -> dict[str, list[str]]:
    more = ["-l", target.user] if target.user else []
    answer = subprocess.run(
        ["ssh", "-G", "-F", config, *more, target.alias], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = {}
    for line in answer.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).append(SAME.get(value, value))
    return found


@pytest.mark.parametrize("target", [SSHTarget("box"), SSHTarget("box", user="ann")], ids=str)
@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_we_read_a_configuration_as_ssh_does(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, target: SSHTarget
) -> None:
    config = write(home, text)
    theirs, defaults = by_ssh(config, target), by_ssh(Path("/dev/null"), target)
    monkeypatch.setenv("PATH", str(home / "empty"))
    ours = read_options(target)
    for name in COMPARED:
        expected = theirs.get(name, [])
        found = [SAME.get(value, value) for value in ours.all(name)]
        if expected != defaults.get(name, []) or name in ("hostname", "user", "port"):
            assert found == expected, name
        elif name != "identityfile":
            assert found in ([], ["none"], expected), name


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Match localnetwork 10.0.0.0/8\n Port 3\n", "Match localnetwork"),
        ("Match tagged lab\n Port 3\n", "Match tagged"),
        ("NoSuchOption yes\n", "nosuchoption"),
        ("CanonicalizeHostname yes\n", "CanonicalizeHostname"),
        ("Ciphers -aes128-ctr\n", "ciphers"),
        ("Include ${{HOME}}/x\n", "HOME"),
        ("IdentitiesOnly perhaps\n", "identitiesonly"),
        ("ConnectTimeout soon\n", "soon"),
        ("Port 22 23\n", "port"),
        ("HostName\n", "hostname"),
        ('IdentityFile "/k\n', "quotes"),
    ],
)
def test_what_only_ssh_can_judge_is_refused_by_name_and_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: str
) -> None:
    write(home, text)
    monkeypatch.setenv("PATH", str(home / "empty"))
    with pytest.raises(UsageError) as caught:
        read_options(SSHTarget("box"))
    assert named in caught.value.message


def test_a_file_that_includes_itself_ends(home: Path) -> None:
    write(home, "Include {folder}/.ssh/config\n")
    with pytest.raises(UsageError, match="too deeply"):
        read_lines(SSHTarget("box"))


@pytest.mark.parametrize("search", ["ssh", "nothing"])
def test_a_file_that_others_can_change_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, search: str) -> None:
    write(home, "Include {folder}/part\n")
    if search == "nothing":
        monkeypatch.setenv("PATH", str(home / "empty"))
    for path in (home / ".ssh" / "config", home / "part"):
        path.chmod(0o666)
        with pytest.raises(UsageError, match=re.escape(str(path))):
            read_options(SSHTarget("box"))
        path.chmod(0o600)
    assert read_options(SSHTarget("box")).one("hostname") == "from.part"


def test_the_lines_that_apply_are_known_by_file_and_number(home: Path) -> None:
    write(home, "Include {folder}/part\n\nHost box\n  Port 5\n")
    found = {line.name: line.where for line in read_lines(SSHTarget("box")).lines}
    part, config = home / "part", home / ".ssh" / "config"
    assert found == {"user": f"{part}:1", "hostname": f"{part}:3", "port": f"{config}:4"}


def test_a_lenient_reading_passes_over_what_only_ssh_can_judge(home: Path) -> None:
    write(home, "Match localnetwork 10.0.0.0/8\n  Port 3\nHost box\n  NewOption 1\n  User lab\n")
    found = read_lines(SSHTarget("box"), lenient=True).lines
    assert [(line.name, line.value) for line in found] == [("user", "lab")]


def test_ssh_is_here_to_compare_with() -> None:
    assert shutil.which("ssh")
