"""What is compared with what. Every figure includes the start of the process, as a person feels it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bench.measure import Case, Run, timed
from bench.stage import REALM, USER, Stage, database, fill_with_sessions
from tools.clean_home import PROGRAM

LABELS = "eu.simphony-project.docker.runinfo."
FILTERS = [f"label={LABELS}realm={REALM}", f"label={LABELS}user={USER}"]
POLL = 0.02
"""Seconds between two tries of whoever polls with curl."""


def short(stage: Stage) -> Iterator[Case]:
    """Compare commands that do little: their start is what one waits for."""
    env = stage.home.env
    yield Case("`srctl --help`", timed([str(PROGRAM), "--help"], env), _python("import typer, rich.table"), 1.5, 15)
    users = database(stage.folder / "users.db", 1000, 1000)
    listing = timed([str(PROGRAM), "--db", str(users), "user", "list", "-o", "json"], env)
    yield Case("`user list`, 1,000 users", listing, _python("import typer, sqlalchemy.orm"), 1.3, 15)


def large_database(stage: Stage) -> Iterator[Case]:
    """Compare a large accounting database with a small one, and with the imports alone."""
    listings = {}
    for people, granted in ((100, 1_000), (10_000, 100_000)):
        path = database(stage.folder / f"{people}.db", people, granted)
        command = [str(PROGRAM), "--db", str(path), "grant", "list", "--user", "user42", "-o", "json"]
        listings[people] = timed(command, stage.home.env)
    yield Case("`grant list --user`, 100,000 grants / 1,000", listings[10_000], listings[100], 1.5)
    yield Case(
        "`grant list --user`, 100,000 grants / imports", listings[10_000], _python("import typer, sqlalchemy.orm"), 1.5
    )


def local_start(stage: Stage) -> Iterator[Case]:
    """Compare a local start until the page answers with `docker run` and polling."""
    ours = _started(stage)
    imports = _python("import typer, docker, sqlalchemy.orm")
    alone = _docker_run(stage)
    yield Case("local `start` until HTTP 200 / imports + `docker run`", ours, lambda: imports() + alone(), 1.2)
    yield Case("local `start` until HTTP 200 / `docker run` alone", ours, alone, 2.0)


def listing(stage: Stage) -> Iterator[Case]:
    """Compare listing 200 sessions, past the slow link and over it."""
    fill_with_sessions(stage.slow.host.engine)
    script = (
        "import sqlalchemy, docker; "
        f"docker.from_env().containers.list(filters={{'label': {[text.removeprefix('label=') for text in FILTERS]!r}}})"
    )
    env = stage.home.env
    here = env | {"DOCKER_HOST": stage.slow.host.engine.url}
    yield Case("`ps`, 200 sessions, local", timed([str(PROGRAM), "ps", "-q"], here), _python(script, here), 1.0)
    ours = timed([str(PROGRAM), "--host", stage.slow.url, "ps", "-q"], env)
    filters = [part for text in FILTERS for part in ("--filter", text)]
    yield Case(
        "`ps`, 200 sessions, SSH at 50 ms", ours, timed(_docker(stage, "ps", "-q", *filters), _ssh_env(stage)), 1.0
    )


def remote_open(stage: Stage) -> Iterator[Case]:
    """Compare `open` over a slow link until the first byte with docker's commands, `ssh -L` and polling."""
    yield Case("`open` over SSH at 50 ms until the first byte", _opened(stage), _by_hand(stage), 0.45, 7)


GROUPS = {
    "short": short,
    "database": large_database,
    "start": local_start,
    "open": remote_open,
    "ps": listing,
}


def _python(code: str, env: dict[str, str] | None = None) -> Run:
    return timed([sys.executable, "-c", code], env)


def _started(stage: Stage) -> Run:
    env = stage.home.env | {"DOCKER_HOST": stage.engine.url}

    def run() -> float:
        start = time.perf_counter()
        done = subprocess.run(
            [PROGRAM, "start", "srctl/web", "-o", "json"], env=env, capture_output=True, text=True, check=True
        )
        session = json.loads(done.stdout)
        assert _answers(session["url"]), "ready means that it answers"
        taken = time.perf_counter() - start
        subprocess.run([PROGRAM, "stop", session["id"]], env=env, capture_output=True, check=True)
        return taken

    return run


def _docker_run(stage: Stage) -> Run:
    docker = ["docker", "-H", stage.engine.url]
    variables = {"JPY_USER": USER, "USER": USER, "JPY_BASE_USER_URL": f"/user/{USER}", "URL_ID": "0" * 32}
    options = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    command = [*docker, "run", "-d", "--init", "-p", "127.0.0.1::8888", *options, "srctl/web"]

    def run() -> float:
        start = time.perf_counter()
        container = _output(command)
        port = _output([*docker, "port", container, "8888"]).rsplit(":", 1)[1]
        _poll(f"http://127.0.0.1:{port}/user/{USER}/containers/{'0' * 32}/")
        taken = time.perf_counter() - start
        subprocess.run([*docker, "rm", "-f", container], capture_output=True, check=True)
        return taken

    return run


def _opened(stage: Stage) -> Run:
    command = [str(PROGRAM), "--host", stage.slow.url, "open", "srctl/web", "--no-browser"]

    def run() -> float:
        start = time.perf_counter()
        with subprocess.Popen(command, env=stage.home.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert _answers(url)
            taken = time.perf_counter() - start
            process.terminate()
        _clear(stage)
        return taken

    return run


def _by_hand(stage: Stage) -> Run:
    """What a person types: docker's commands over SSH, then `ssh -L`, then curl until it answers."""
    env = _ssh_env(stage)
    variables = {"JPY_USER": USER, "USER": USER, "JPY_BASE_USER_URL": f"/user/{USER}", "URL_ID": "0" * 32}
    options = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    options += ["--label", f"{LABELS}realm={REALM}"]

    def run() -> float:
        start = time.perf_counter()
        _output(_docker(stage, "ps", "-q", "--filter", FILTERS[0]), env)
        container = _output(_docker(stage, "create", "--init", "-p", "127.0.0.1::8888", *options, "srctl/web"), env)
        _output(_docker(stage, "start", container), env)
        found = json.loads(_output(_docker(stage, "inspect", container), env))
        port = found[0]["NetworkSettings"]["Ports"]["8888/tcp"][0]["HostPort"]
        forward = [str(stage.slow.wrapped_ssh / "ssh"), "-N", "-L", f"127.0.0.1:18888:127.0.0.1:{port}", "slow"]
        with subprocess.Popen(forward, env=env) as ssh:
            _poll(f"http://127.0.0.1:18888/user/{USER}/containers/{'0' * 32}/")
            taken = time.perf_counter() - start
            ssh.terminate()
        _clear(stage)
        return taken

    return run


def _clear(stage: Stage) -> None:
    """Remove the sessions on the slow host, past the slow link."""
    with stage.slow.host.engine.client() as client:
        for each in client.containers(all=True, filters={"label": [f"{LABELS}realm={REALM}"]}):
            client.remove_container(each["Id"], force=True)


def _ssh_env(stage: Stage) -> dict[str, str]:
    return stage.home.env | {"PATH": f"{stage.slow.wrapped_ssh}:{stage.home.env['PATH']}"}


def _docker(stage: Stage, *arguments: str) -> list[str]:
    return ["docker", "-H", stage.slow.url, *arguments]


def _output(command: Sequence[object], env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _answers(url: str) -> bool:
    with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.status == 200)
    return False


def _poll(url: str) -> None:
    """Ask as a shell loop with curl does, until the page is there."""
    limit = time.monotonic() + 30
    while subprocess.run(["curl", "-sf", "-o", "/dev/null", url], check=False).returncode:
        assert time.monotonic() < limit, f"{url} never answered"
        time.sleep(POLL)
