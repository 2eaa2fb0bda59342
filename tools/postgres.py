"""A private PostgreSQL server in a temporary folder, on a port of 127.0.0.1: it trusts all who come, and offers TLS."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import psycopg.sql

from tools import certificates, debian, ports, processes
from tools.certificates import Certificates
from tools.lab import Lab

OWNER = "srctl"
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path
    port: int
    programs: Path
    numbers: count[int]
    certificates: Certificates

    def url(self, database: str) -> str:
        """Return a database's SQLAlchemy URL."""
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database; return its SQLAlchemy URL."""
        name = f"test{next(self.numbers)}"
        command = [str(self.programs / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, name]
        subprocess.run(command, check=True, capture_output=True)
        return self.url(name)


@contextlib.contextmanager
def private_postgres(lab: Lab) -> Iterator[Postgres]:
    """Start a server; end it and remove its data afterwards."""
    debian.ensure([program for program in debian.TESTS if program.name == "initdb"])
    programs = Path(str(next(program.find() for program in debian.TESTS if program.name == "initdb"))).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix=f"{lab.id}-postgres-"))
    try:
        prefix = as_other_account(folder)
        initdb = [
            *prefix,
            str(programs / "initdb"),
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "-D",
            f"{folder}/data",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        tls = certificates.make(folder / "tls")
        give(tls.server, folder)
        process, port = listen([*prefix, str(programs / "postgres"), "-D", f"{folder}/data"], folder, lab.id)
        try:
            yield Postgres(folder, port, programs, count(1), tls)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: what would be written is removed anyway
            processes.stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_other_account(folder: Path) -> list[str]:
    """Return what to put before a command so that it does not run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return []
    account = next((entry for entry in pwd.getpwall() if entry.pw_name == "postgres"), pwd.getpwnam("nobody"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--pdeathsig=INT",
        "--",
    ]


def give(tls: Path, folder: Path) -> None:
    """Let the server's own account read its key, and nobody else."""
    owner = folder.stat().st_uid
    for path in (tls, *tls.iterdir()):
        os.chown(path, owner, -1)


def listen(command: list[str], folder: Path, mark: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a port that it could bind itself; return it with that port."""
    log = folder / "log"

    def start(port: int) -> subprocess.Popen[bytes]:
        settings = SETTINGS | {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "ssl": "on",
            "ssl_cert_file": f"{folder}/tls/server/cert.pem",
            "ssl_key_file": f"{folder}/tls/server/key.pem",
            "ssl_ca_file": f"{folder}/tls/server/ca.pem",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = processes.start([*command, *options], log, mark)
        wait_for(process, log)
        return process

    return ports.listening(start, log)


def wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server's log says that it accepts connections."""
    processes.wait_until(lambda: "ready to accept connections" in log.read_text(), "PostgreSQL", process)


@contextlib.contextmanager
def emptied(url: str) -> Iterator[psycopg.Connection]:
    """Lend a connection to a database without its settings and without anybody else in it, to be emptied."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        name = psycopg.sql.Identifier(admin.info.dbname)
        admin.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET ALL").format(name))
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        for (pid,) in admin.execute(others).fetchall():
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        yield admin
