"""Ending tunnels of other processes, and starting them again.

A process is sent a signal only while the tunnel's lock is held, and where the system can tell, only if it is that
process which has the lock open: what stands in a state file alone ends nobody.
"""

import os
import signal
from dataclasses import replace
from pathlib import Path

from srctl.clock import Closing, unhindered
from srctl.errors import ConflictError, SrctlError
from srctl.shared_files import replace_file
from srctl.tunnel.background import Child
from srctl.tunnel.ports import bind_local
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.registry import Record, Registry

PATIENCE = 3.0
"""Seconds that a process has to end by itself."""


def close(registry: Registry, record: Record) -> None:
    """End a tunnel and leave nothing of it. Raises `SrctlError` where its process can't be ended."""
    _end(registry, record)
    registry.forget(record.plan.id)


def restart(registry: Registry, record: Record, prompter: Prompter | None, closing: Closing = unhindered) -> None:
    """End a tunnel and start it in the background, with the same id and port.

    Raises `SrctlError` where its log is not to be trusted, `ConflictError` for one that a terminal holds, or whose
    port is taken, and what its new process meets; its row then says so.
    """
    plan = replace(record.plan, background=True)
    if record.alive and not record.plan.background:
        raise ConflictError(
            f"The tunnel {plan.id} is held by `srctl open` in a terminal (process {record.pid})",
            "End it there, or: srctl tunnel close",
        )
    with registry.opening(plan.host.url, plan.session_id):
        log = registry.log(plan.id)
        _end(registry, record)
        replace_file(registry.log_of(plan.id), log)
        try:
            Child().hold(plan, bind_local(plan.local_port), prompter, locate=True, closing=closing)
        except SrctlError as error:
            last = replace(record.standing, state="down", cause=error.message, last_error=error.message)
            registry.write(plan, last)
            raise


def _end(registry: Registry, record: Record) -> None:
    """End the process that holds a tunnel, if one does."""
    if not registry.is_held(record.plan.id):
        return
    if not _holds(record.pid, registry.lock_of(record.plan.id)):
        raise SrctlError(
            f"The tunnel {record.plan.id} is held by another process than its state says, which is left alone",
            f"Look at who has {registry.lock_of(record.plan.id)} open, and end it",
        )
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            os.kill(record.pid, number)
        except ProcessLookupError:
            pass
        except OSError as error:
            raise SrctlError(f"Process {record.pid} can't be ended: {error.strerror}") from error
        if registry.await_end(record.plan.id, PATIENCE):
            return
    raise SrctlError(f"Process {record.pid} does not end", f"The tunnel {record.plan.id} is still there")


def _holds(pid: int, lock: Path) -> bool:
    """Tell whether a process has a file open; where the system does not show that, it is taken for granted."""
    folder = Path("/proc") / str(pid) / "fd"
    if not Path("/proc/self/fd").is_dir():
        return True
    try:
        wanted = lock.stat()
        return any(_same(each, wanted) for each in folder.iterdir())
    except OSError:
        return False


def _same(path: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), wanted)
    except OSError:
        return False
