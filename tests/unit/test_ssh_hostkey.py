"""What to do about a host key that is not known."""

from __future__ import annotations

import pytest

from srctl.errors import UnreachableError
from srctl.tunnel.hostkey import HostKeyCheck
from srctl.tunnel.settings import Settings

KEY = len(b"ssh-ed25519").to_bytes(4, "big") + b"ssh-ed25519" + (32).to_bytes(4, "big") + b"a" * 32


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings("127.0.0.1", "127.0.0.1", 2222, "ann"), "`ssh -p 2222 ann@127.0.0.1`"),
        (Settings("lab", "lab.example", 22, "ann"), "`ssh ann@lab`"),
        (Settings("lab", "lab.example", 22, "AD\\ann"), "`ssh 'AD\\ann@lab'`"),
    ],
)
def test_the_hint_names_the_command_that_asks_the_same_server(settings: Settings, command: str) -> None:
    with pytest.raises(UnreachableError) as failure:
        HostKeyCheck(settings).approve(KEY, None)
    assert f"then run {command} once" in failure.value.hint
