"""Inputs that make sense, and changes to them that make less."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

_ID = "0123456789abcdef" * 2
_START = {
    "app": "srctl/web",
    "settings": {"resolution": "1024x768"},
    "env": {"MODE": "ok"},
    "pull": "missing",
    "timeout": 60.5,
    "replace": True,
}
_POLICY = {
    "allow_home": True,
    "allow_view": False,
    "allow_startup_data": True,
    "license": "FLEX=1",
    "volumes": [{"source": "/srv/data", "target": "/data", "mode": "ro"}],
}
_REQUESTS: list[tuple[str, Any]] = [
    ("session.list", {"stopped": True, "all_users": False}),
    ("session.available", {}),
    ("session.show", {"prefix": _ID[:8]}),
    ("session.container", {"container_id": _ID * 2}),
    ("session.stop", {"prefix": _ID}),
    ("session.share", {"prefix": _ID, "guest": "bob", "seconds": 3600.0}),
    ("session.unshare", {"prefix": _ID, "guest": None}),
    ("session.logs", {"prefix": _ID, "tail": 100, "follow": True}),
    ("session.start", {"request": _START}),
    ("session.open", {"request": {"app": _ID}}),
    ("session.clear", {"prefix": _ID}),
    ("host.version", {}),
    ("user.add", {"names": ["ann", "bob@lab"], "admin": True}),
    ("user.key.add", {"user": "ann", "text": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ann@laptop"}),
    ("user.key.remove", {"user": "ann", "fingerprint": "SHA256:abc"}),
    ("app.add", {"image": "srctl/web:latest", "title": "A page", "port": 8888}),
    ("grant.add", {"image": "srctl/web", "user": "ann", "permits": _POLICY}),
    ("grant.remove", {"ids": [_ID], "stop": True}),
    ("audit.list", {"user": "ann", "since": "2030-01-02T03:04:05Z"}),
]
REQUEST_LINES = [
    json.dumps({"id": number, "call": call, "with": given}).encode() for number, (call, given) in enumerate(_REQUESTS)
]
COMMAND_LINES = [
    b"ps -a -o json",
    b"available",
    b"start srctl/web --set resolution=1024x768 --env MODE=ok --replace",
    b"open srctl/web:latest",
    b"stop 0123 4567 89ab",
    b"logs 0123 -n 20 -f",
    b"share 0123 bob --for 2h",
    b"unshare 0123 bob",
    b"whoami --output=csv",
    b"help",
    b'start \'an "app"\' --set "name=a value" --env=A=1',
]
_PIECES = [
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\x1b[2J",
        b"\xff",
        b"\xc0\x80",
        "\u202e".encode(),
        "\ud800".encode("utf-8", "surrogatepass"),
    ),
    *(
        b"'",
        b'"',
        b"\\",
        b"$(id)",
        b"`id`",
        b"; id",
        b"| sh",
        b"&&",
        b">/tmp/x",
        b"../../",
        b"--",
        b"-",
        b"--help",
        b"=",
        b" ",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"null",
        b"true",
        b"1e999",
        b"-1",
        b"NaN",
        b"Infinity",
        b"\\u0000",
        b"\\ud800",
    ),
    *(
        b"9" * 30,
        b"9" * 5000,
        b"[" * 2000,
        b'{"a":' * 500,
        b"A" * 9000,
        b'permitopen="*:*"',
        b',command="id"',
        b"ssh-rsa",
    ),
    *(
        b'"id": 1,',
        b'"call": "user.add",',
        b'"with": [],',
        b"__class__",
        b"%s%n",
        b"\\N{DIGIT ONE}",
        "\u0661\u0662".encode(),
    ),
]
_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**63,
        10**400,
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "\0",
        "\ud800",
    ),
    *(
        "\u202e",
        "9" * 5000,
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"b": {"c": []}}},
        "2030-01-01T00:00:00Z",
        "-1s",
        "1e9",
    ),
    *(
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        ["a"] * 100,
        {"app": "x"},
        {"$ne": 1},
        "../../etc",
        _ID,
    ),
]


def changed(random: Random, seed: bytes) -> bytes:
    """Return bytes that differ in up to four places."""
    data = bytearray(seed)
    for _ in range(random.randint(0, 4)):
        spot = random.randint(0, len(data))
        match random.randrange(6):
            case 0:
                data[spot:spot] = random.choice(_PIECES)
            case 1:
                del data[spot : spot + random.randint(1, 8)]
            case 2:
                data[spot : spot + 1] = bytes([random.randrange(256)])
            case 3:
                data[spot:spot] = data[random.randint(0, len(data)) :][:20]
            case 4:
                data[spot : spot + random.randint(1, 8)] = random.choice(_PIECES)
            case _:
                data[spot:spot] = random.randbytes(random.randint(1, 4))
    return bytes(data)


def change_value(random: Random, value: Any) -> None:
    """Change something in an array or object that has anything in it, in place."""
    while True:
        spots = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not spots:
            return
        spot = random.choice(spots)
        inner = value[spot]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.3:
            break
        value = inner
    kind = random.randrange(4)
    if kind == 0 and isinstance(value, dict):
        value[random.choice(["", "user", "realm", "__class__", "id", "\0", "app", "self"])] = deepcopy(
            random.choice(_VALUES)
        )
    elif kind == 1:
        del value[spot]
    else:
        value[spot] = deepcopy(random.choice(_VALUES))
