"""What a configuration leads to, with `ssh` as the oracle: the same connection or a refusal, never another one.

Each case is tried three times: by ssh, by us with `ssh -G`, and by us on a machine without ssh. Compared are the
server, the account, the key that was accepted there, and what was written into known_hosts.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.integration.ssh_oracle import Case, Stage, agents
from tools.clean_home import Home
from tools.lab import Lab
from tools.sshd import Options, Sshd

ONLY_SSH = "only ssh itself can judge"

CASES = {
    # names and patterns
    "an alias": Case(),
    "a port in the address": Case("Host box\n Port {plain.port}\n", "ssh://box:{second.port}"),
    "an account in the address": Case("Host box\n User root\n", "ssh://{account}@box"),
    "an account in the configuration": Case("Host box\n User {account}\n"),
    "a host name with a token": Case("Host 127.0\n HostName %h.0.1\n", "ssh://127.0"),
    "a host name instead of an address": Case(
        "Host box\n HostName LOCALHOST\n", known="[localhost]:{plain.port} {plain.key}"
    ),
    "the first value wins": Case("Host box\n Port {second.port}\nHost *\n Port 1\n"),
    "a negated pattern": Case("Host * !box\n Port {second.port}\n"),
    "a pattern that fits": Case("Host ?ox\n Port {second.port}\n"),
    "brackets are no pattern": Case("Host b[o]x\n Port {second.port}\n"),
    "quotes and equals signs": Case('Host="box"\n Port = "{second.port}"\n'),
    # other files and conditions
    "an included file": Case("Include {home}/part\n", files={"part": "Port {second.port}\n"}),
    "a file included for one host": Case(
        "Host other\n Include {home}/part\nHost box\n User {account}\n", files={"part": "Port {second.port}\n"}
    ),
    "an included block ends with its file": Case(
        "Host box\n Include {home}/part\n Port {second.port}\n", files={"part": "Host other\n Port 1\n"}
    ),
    "files included by pattern": Case("Include {home}/p*t {home}/none\n", files={"part": "Port {second.port}\n"}),
    "match host": Case("Match host box\n Port {second.port}\n"),
    "match the name connected to": Case("HostName 127.0.0.1\nMatch host 127.*,!127.9.*\n Port {second.port}\n"),
    "match the original name": Case("HostName 127.0.0.1\nMatch originalhost box\n Port {second.port}\n"),
    "match an account of the address": Case("Match user {account}\n Port {second.port}\n", "ssh://{account}@box"),
    "match an account that it is not": Case("Match user {account}\n Port {second.port}\n"),
    "match the local account": Case("Match localuser root\n Port {second.port}\n"),
    "match a command that succeeds": Case('Match exec "test %n = box -a %h = box"\n Port {second.port}\n'),
    "match a command that fails": Case("Match exec false\n Port {second.port}\n"),
    "match unless a command fails": Case('Match host box !exec "exit 1"\n Port {second.port}\n'),
    "match in the final pass": Case(
        "Match final host 127.0.0.1\n ProxyJump gate\nHost gate\n HostName localhost\n Port {second.port}\n",
        known="{plain.line}\n[localhost]:{second.port} {second.key}",
    ),
    "match a network": Case("Match localnetwork 127.0.0.0/8\n Port {second.port}\n", refused_alone=ONLY_SSH),
    "canonical names": Case(
        "CanonicalizeHostname yes\nCanonicalDomains invalid\nHost box\n Port {second.port}\n", refused_alone=ONLY_SSH
    ),
    "an option that nobody knows": Case("NoSuchOption yes\n"),
    "an option to be ignored": Case("IgnoreUnknown NoSuch*\nNoSuchOption yes\nPort {second.port}\n"),
    "a port that is no number": Case("Port ssh-but-not-quite\n"),
    # keys
    "another key": Case("Host box\n IdentityFile {two}\n", identity=False),
    "several keys, the second fits": Case(
        "IdentityFile {stranger}\nIdentityFile {two}\nIdentityFile {one}\n", identity=False
    ),
    "a key whose file is missing": Case("IdentityFile {home}/none\nIdentityFile {two}\n", identity=False),
    "no key that fits": Case("IdentityFile {stranger}\n", identity=False),
    "no key": Case("IdentityFile none\n", identity=False),
    "a key with tokens": Case(
        "IdentityFile {home}/%r-%n-%p\n", identity=False, files={"{plain.user}-box-{plain.port}": "{two_private}"}
    ),
    "a key of the agent": Case("IdentityFile none\n", identity=False, agent="stranger two"),
    "the agent's key before one in a file": Case("IdentityFile {one}\n", identity=False, agent="two"),
    "the named key of the agent first": Case("IdentityFile {one}\n", identity=False, agent="two one"),
    "named keys of the agent in its order": Case(
        "IdentityFile {one}\nIdentityFile {two}\n", identity=False, agent="two one"
    ),
    "only the named keys": Case("IdentitiesOnly yes\nIdentityFile {one}\n", identity=False, agent="two"),
    "only the named key, which the agent holds": Case(
        "IdentitiesOnly yes\nIdentityFile {home}/k\n",
        identity=False,
        agent="one two",
        files={"k.pub": "{two_key}\n"},
    ),
    "no agent": Case("IdentityAgent none\nIdentityFile {one}\n", identity=False, agent="two"),
    "another agent": Case("IdentityAgent {agent_two}\nIdentityFile none\n", identity=False, agent="stranger"),
    "an agent by a variable": Case(
        "IdentityAgent $SSH_AUTH_SOCK\nIdentityFile none\n", identity=False, agent="stranger two"
    ),
    "a certificate beside its key": Case("IdentityFile {certified_user}\n", identity=False),
    "a certificate by name": Case(
        "CertificateFile {certified_user}-cert.pub\nIdentityFile {home}/k\n",
        identity=False,
        agent="certified_user",
        files={"k.pub": "{certified_user_key}\n"},
    ),
    "an agent with certificates": Case("IdentityFile none\n", identity=False, agent="certified_user"),
    "an agent with six keys, the last fits": Case(
        "IdentityFile none\n", identity=False, agent="spare0 spare1 spare2 spare3 spare4 two"
    ),
    "an agent with ten keys and a named one": Case(
        agent="spare0 spare1 spare2 spare3 spare4 spare5 spare6 spare7 spare8", surpassed=True
    ),
    "keys, certificates and an agent": Case(
        "IdentityFile {stranger}\nIdentityFile {certified_user}\nIdentityFile {two}\n", agent="spare0 one"
    ),
    "public keys are forbidden": Case("PubkeyAuthentication no\n"),
    "public keys unbound to the host": Case("PubkeyAuthentication unbound\n"),
    "another method preferred": Case("PreferredAuthentications password\n"),
    "keys of that type are not accepted": Case("PubkeyAcceptedAlgorithms rsa-sha2-512\n"),
    # ways
    "one jump": Case("Host box\n ProxyJump gate\nHost gate\n Port {second.port}\n"),
    "two jumps": Case(
        "Host box\n ProxyJump gate,inner\nHost gate\n Port {second.port}\nHost inner\n Port {many.port}\n"
        " StrictHostKeyChecking yes\n",
        known="{plain.line}\n{second.line}\n{many.line}",
    ),
    "a jump with an account and a port": Case("Host box\n ProxyJump {account}@gate:{second.port}\n"),
    "a jump host behind another": Case(
        "Host box\n ProxyJump gate\nHost gate\n Port {second.port}\n ProxyJump outer\nHost outer\n Port {many.port}\n",
        known="{plain.line}\n{second.line}\n{many.line}",
    ),
    "a jump host that is not known": Case(
        "Host box\n ProxyJump gate\nHost gate\n Port {second.port}\n", known="{plain.line}"
    ),
    "no jump": Case("Host box\n ProxyJump none\nHost *\n ProxyJump gate\n"),
    "a proxy command": Case(
        "Host box\n ProxyCommand /bin/sh -c 'exec {relay} %h {second.port}'\n Port 1\n",
        known="[127.0.0.1]:1 {second.key}",
    ),
    "a proxy command before a jump": Case(
        "Host box\n ProxyCommand {relay} %h {second.port}\n ProxyJump gate\n",
        known="[127.0.0.1]:{plain.port} {second.key}",
    ),
    "a jump before a proxy command": Case(
        "Host box\n ProxyJump gate\n ProxyCommand {relay} %h 1\nHost gate\n Port {second.port}\n"
    ),
    "a proxy command none": Case("Host box\n ProxyCommand none\nHost *\n ProxyCommand false\n"),
    "a proxy command that hands a descriptor over": Case(
        "Host box\n ProxyCommand {relay} -F %h %p\n ProxyUseFdpass yes\n", refused="proxyusefdpass"
    ),
    "a patient connection": Case(
        "ConnectTimeout 5\nServerAliveInterval 3\nServerAliveCountMax 2\nPort {second.port}\n"
    ),
    "an address family that is not there": Case("AddressFamily inet6\n"),
    "an address to connect from": Case("BindAddress 127.0.0.1\n"),
    "a cipher that is too much to ask": Case("Ciphers chacha20-poly1305@openssh.com\n", refused="Ciphers"),
    "a cipher": Case("Ciphers aes256-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\n"),
    # host keys
    "an unknown key": Case(known=""),
    "an unknown key, strictly": Case("StrictHostKeyChecking yes\n", known=""),
    "an unknown key, to be accepted": Case("StrictHostKeyChecking accept-new\n", known=""),
    "an unknown key, to be accepted and hashed": Case(
        "StrictHostKeyChecking accept-new\nHost box\n HashKnownHosts yes\n", known=""
    ),
    "an unknown key, unchecked": Case("StrictHostKeyChecking no\n", known="", refused="StrictHostKeyChecking"),
    "an unknown key of a jump host, to be accepted": Case(
        "StrictHostKeyChecking accept-new\nHost box\n ProxyJump gate\nHost gate\n Port {second.port}\n", known=""
    ),
    "an unknown key of an alias, to be accepted": Case(
        "StrictHostKeyChecking accept-new\nHostKeyAlias Lab\n", known=""
    ),
    "an unknown key, accepted and forgotten": Case(
        "StrictHostKeyChecking accept-new\nUserKnownHostsFile /dev/null\n", known=""
    ),
    "an unknown key, accepted and kept nowhere": Case(
        "StrictHostKeyChecking accept-new\nUserKnownHostsFile none\n", known=""
    ),
    "a hashed name": Case(known="{second.hashed}\n{plain.hashed}"),
    "a hashed name of another host": Case(known="{second.hashed}"),
    "a changed key": Case("StrictHostKeyChecking accept-new\n", known="[127.0.0.1]:{plain.port} {second.key}"),
    "a key of another type": Case(
        "StrictHostKeyChecking accept-new\n", known="[127.0.0.1]:{plain.port} {host_rsa_key}"
    ),
    "one known key of several, the ed25519": Case("Port {many.port}\n", known="{many.line}"),
    "one known key of several, the rsa": Case(
        "Port {many.port}\nStrictHostKeyChecking yes\n", known="[127.0.0.1]:{many.port} {host_rsa_key}"
    ),
    "one known key of several, the ecdsa": Case(
        "Port {many.port}\nStrictHostKeyChecking yes\n", known="[127.0.0.1]:{many.port} {host_ecdsa_key}"
    ),
    "a type of host key that is not known": Case(
        "Port {many.port}\nHostKeyAlgorithms rsa-sha2-512\n", known="{many.line}"
    ),
    "the key is known without the port": Case(known="127.0.0.1 {plain.key}"),
    "the key is known under another port": Case(known="[127.0.0.1]:{second.port} {plain.key}"),
    "a pattern of hosts": Case(known="[127.0.0.*]:{plain.port} {plain.key}"),
    "a pattern with an exception": Case(known="[127.0.0.*]:*,![127.0.0.1]:* {plain.key}"),
    "an alias for the key": Case("HostKeyAlias Lab\n", known="lab {plain.key}"),
    "an alias without a known key": Case("HostKeyAlias lab\n"),
    "several files of known hosts": Case(
        "UserKnownHostsFile {home}/none {home}/more\n", known="", files={"more": "{plain.line}\n"}
    ),
    "a key known to the system": Case("GlobalKnownHostsFile {home}/more\n", known="", files={"more": "{plain.line}\n"}),
    "an accepted key goes into the first file": Case(
        "StrictHostKeyChecking accept-new\nUserKnownHostsFile {home}/known {home}/global\n", known=""
    ),
    "known hosts with tokens": Case(
        "UserKnownHostsFile {home}/%n-%h\n", known="", files={"box-127.0.0.1": "{plain.line}\n"}
    ),
    "a revoked key": Case(known="{plain.line}\n@revoked * {plain.key}"),
    "a revoked key of another host": Case(known="{plain.line}\n@revoked elsewhere {plain.key}"),
    "damaged lines": Case(known="[127.0.0.1]:{plain.port} ssh-ed25519 !!\n@odd * {plain.key}\n{plain.line}"),
    "a command for known hosts": Case(
        'KnownHostsCommand /bin/echo "{plain.line}"\n', known="", refused="knownhostscommand"
    ),
    "keys of hosts from the DNS": Case("VerifyHostKeyDNS yes\n", refused="verifyhostkeydns"),
    "a file of revoked keys": Case(
        "RevokedHostKeys {home}/revoked\n", files={"revoked": "{second.key}\n"}, refused="revokedhostkeys"
    ),
    # certificates of hosts
    "a certificate": Case(
        "Port {certified.port}\nStrictHostKeyChecking yes\n", known="@cert-authority * {host_ca_key}"
    ),
    "a certificate, for host and port": Case(
        "Port {certified.port}\n", known="@cert-authority [127.0.0.1]:{certified.port} {host_ca_key}"
    ),
    "a certificate, for the host without port": Case(
        "Port {certified.port}\n", known="@cert-authority 127.0.0.1 {host_ca_key}"
    ),
    "a certificate of an authority for others": Case(
        "Port {certified.port}\n", known="@cert-authority *.lab {host_ca_key}"
    ),
    "a certificate of another authority": Case("Port {certified.port}\n", known="@cert-authority * {other_ca_key}"),
    "a certificate for an alias": Case(
        "Port {certified.port}\nHostKeyAlias box.lab\n", known="@cert-authority *.lab {host_ca_key}"
    ),
    "a certificate for another alias": Case(
        "Port {certified.port}\nHostKeyAlias fox.lab\n", known="@cert-authority *.lab {host_ca_key}"
    ),
    "a certificate with another name": Case("Port {misnamed.port}\n", known="@cert-authority * {host_ca_key}"),
    "an expired certificate": Case("Port {expired.port}\n", known="@cert-authority * {host_ca_key}"),
    "an expired certificate of a known key": Case(
        "Port {expired.port}\n",
        known="@cert-authority * {host_ca_key}\n[127.0.0.1]:{expired.port} {expired_key}",
    ),
    "an expired certificate, keys accepted": Case(
        "Port {expired.port}\nStrictHostKeyChecking accept-new\n", known="@cert-authority * {host_ca_key}"
    ),
    "a certificate of a revoked authority": Case(
        "Port {certified.port}\n", known="@cert-authority * {host_ca_key}\n@revoked * {host_ca_key}"
    ),
    "a certificate of a revoked key": Case(
        "Port {certified.port}\n", known="@cert-authority * {host_ca_key}\n@revoked * {certified_key}"
    ),
    "an authority that may not sign so": Case(
        "Port {certified.port}\nCASignatureAlgorithms rsa-sha2-512\n", known="@cert-authority * {host_ca_key}"
    ),
    "an authority for a host with a key alone": Case(known="@cert-authority * {host_ca_key}\n{plain.line}"),
}


@pytest.fixture(scope="module")
def stage(lab: Lab, make_sshd: Callable[[str, Options], Sshd]) -> Iterator[Stage]:
    folder = lab.make("oracle")
    with agents(folder) as serve:
        yield Stage(folder, make_sshd, serve)


@pytest.mark.parametrize("name", CASES)
def test_the_same_connection_as_by_ssh_or_a_refusal(
    stage: Stage, home: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    theirs = stage.by_ssh(case, home.path)
    search = home.env["PATH"]
    for path, refused in ((search, case.refused), (str(home.path / "empty"), case.refused or case.refused_alone)):
        monkeypatch.setenv("PATH", path)
        ours, said = stage.by_us(case, home.path, len(theirs.logins))
        if refused:
            assert refused.lower() in said.lower()
            assert not ours.logins
        elif case.surpassed:
            assert [login[:2] for login in ours.logins] == [("plain", stage.servers["plain"].user)]
            assert not theirs.logins
        else:
            assert (ours, said if theirs.logins else "") == (theirs, "")
            assert bool(said) != bool(theirs.logins)
