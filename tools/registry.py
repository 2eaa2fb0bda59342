"""A private image registry on loopback, to which an engine on this machine may talk without TLS."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import debian, ports, processes
from tools.debian import SetupError
from tools.lab import Lab


@dataclass(frozen=True)
class Login:
    """The one account that a registry lets in."""

    user: str
    password: str


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    port: int
    login: Login | None = None

    @property
    def address(self) -> str:
        """What the names of its images begin with."""
        return f"127.0.0.1:{self.port}"

    def docker_config(self) -> dict[str, Any]:
        """Return what `docker login` writes into ~/.docker/config.json."""
        if self.login is None:
            return {}
        secret = base64.b64encode(f"{self.login.user}:{self.login.password}".encode()).decode()
        return {"auths": {self.address: {"auth": secret}}}

    def push(self, client: Any, image: str, name: str) -> str:
        """Bring an image that the engine has to the registry under a name with tag; return its reference there.

        The engine itself does not know that reference afterwards.
        """
        repository, _, tag = name.partition(":")
        detour = f"localhost:{self.port}/{repository}"
        client.tag(image, detour, tag)
        account = {"username": self.login.user, "password": self.login.password} if self.login else None
        told = client.push(detour, tag, auth_config=account, stream=True, decode=True)
        failures = [event["error"] for event in told if "error" in event]
        client.remove_image(f"{detour}:{tag}")
        if failures:
            raise SetupError(f"The registry did not take {name}: {failures[0]}")
        return f"{self.address}/{repository}:{tag}"


@contextlib.contextmanager
def private_registry(lab: Lab, name: str = "registry", login: Login | None = None) -> Iterator[Registry]:
    """Start a registry on a free port of 127.0.0.1, with `login` only for that account; end it afterwards."""
    program = next(each for each in debian.TESTS if each.name == "docker-registry")
    debian.ensure([program])
    folder = lab.make(name)

    def start(port: int) -> subprocess.Popen[bytes]:
        command = [str(program.find()), "serve", str(write_config(folder, port, login))]
        process = processes.start(command, folder / "log", lab.id)
        processes.wait_until(lambda: "listening on" in (folder / "log").read_text(), "The registry", process)
        return process

    process, port = ports.listening(start, folder / "log")
    try:
        yield Registry(port, login)
    finally:
        processes.stop(process)


def write_config(folder: Path, port: int, login: Login | None) -> Path:
    """Write the registry's configuration into its folder; JSON is YAML too."""
    settings: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True},
    }
    if login is not None:
        settings["auth"] = {"htpasswd": {"realm": "srctl lab", "path": str(write_password(folder, login))}}
    path = folder / "config.yml"
    path.write_text(json.dumps(settings))
    return path


def write_password(folder: Path, login: Login) -> Path:
    """Write the account's line, with the one kind of digest that the registry takes."""
    import bcrypt

    path = folder / "htpasswd"
    path.write_text(f"{login.user}:{bcrypt.hashpw(login.password.encode(), bcrypt.gensalt(4)).decode()}\n")
    return path
