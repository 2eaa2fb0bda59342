#!/usr/bin/python3 -ISE
"""sshd's AuthorizedKeysCommand: may this key log in to the gateway's account, and which ports may it reach?

Runs alone, as a copy, before anybody has proved anything: standard library of Python 3.9 and newer, few imports since
each login pays for them. It prints one line or nothing: integers from the database, and the type and body that sshd
itself gave; nothing that a person chose is ever printed. Whatever is not as it should be refuses the key. Before it
answers it writes down for whom, so that the connection can be ended when its rights are (`srctl.logins`).

    AuthorizedKeysCommand /opt/srctl/bin/srctl-keys DATABASE %u %f %t %k
"""

from __future__ import annotations

import os
import pwd
import sqlite3
import stat
import sys
import syslog

if False:  # the types are for those who check them; importing typing would cost each login
    from typing import TypeGuard

    Permits = list[tuple[int, int]]

REVISION = "srctl_0003"
"""The database's revision that this program was written for; with any other it lets nobody in."""

SLOTS = range(20001, 20033)
MAX_USER = 65534
MAX_SHARES = 1024
"""The shares that one login can have, the newest; sshd takes up to 4096 permits of a key."""

SWEEP_IN = 64
"""Every so many logins one removes the records of processes that have gone: no login removes its own."""

SWEPT = 1000
"""The entries that are looked at then."""

BUSY_SECONDS = 0.5
NO_ROOM = "disk I/O error"  # what SQLite says on a full disk; Python before 3.11 does not give its codes
MAX_BLOB = 4096

TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

REVISION_QUERY = "SELECT version_num FROM alembic_version LIMIT 2"
KEY_QUERY = (
    "SELECT k.type IS ? AND k.blob IS ?, k.user_id, u.disabled FROM user_keys AS k JOIN users AS u ON u.id = k.user_id"
    " WHERE k.fingerprint = ? LIMIT 2"
)
CLOSED_QUERY = "SELECT slot FROM closed_slots WHERE owner_id = ? AND slot BETWEEN ? AND ?"
SHARES_QUERY = (
    "SELECT s.owner_id, s.slot FROM shares AS s JOIN users AS o ON o.id = s.owner_id"
    " WHERE s.guest_id = ? AND o.disabled = 0 AND (s.expires IS NULL OR julianday(s.expires) > julianday('now'))"
    " AND NOT EXISTS (SELECT 1 FROM closed_slots AS c WHERE c.owner_id = s.owner_id AND c.slot = s.slot)"
    " ORDER BY s.id DESC LIMIT ?"
)


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """Why the key is refused, in words that hold nothing from outside."""


def main(words: list[str]) -> int:
    """Answer sshd. The exit code is 0 as well when nobody has the key: an agent offers many."""
    try:
        line = answer(words)
        if line:
            write(1, line.encode("ascii"))
    except Refusal as refusal:
        return report(syslog.LOG_NOTICE, str(refusal))
    except sqlite3.Error as error:
        return report(syslog.LOG_ERR, f"the database can't be read: {type(error).__name__}")
    except Exception as error:  # whatever it is, the key is refused and nothing of it is printed
        return report(syslog.LOG_ERR, f"failed: {type(error).__name__}")
    return 0


def answer(words: list[str]) -> str:
    """Return the line of authorized_keys for what sshd asks, or nothing. Raises Refusal, `OSError`, `sqlite3.Error`."""
    if len(words) != 5:
        raise Refusal("wrong usage; expected DATABASE LOGIN FINGERPRINT TYPE BLOB")
    database, login, fingerprint, kind, blob = words
    check_question(fingerprint, kind, blob)
    check_place(database, login)
    found = look_up(database, fingerprint, kind, blob)
    if found is None:
        return ""
    user, own, shares = found
    record(os.path.join(os.path.dirname(database), "logins"), user, fingerprint, shares)
    return f"{options(own + shares)} {kind} {blob}\n"


def options(permits: Permits) -> str:
    """Return what a login may do: forward to these slots. Without any it must not say port-forwarding, which is all."""
    if not permits:
        return "restrict"
    return "restrict,port-forwarding" + "".join(f',permitopen="{address(owner)}:{slot}"' for owner, slot in permits)


def check_question(fingerprint: str, kind: str, blob: str) -> None:
    """Refuse what is no key in sshd's own spelling, or of a type that srctl does not take."""
    prefix, _, digest = fingerprint.partition(":")
    if prefix != "SHA256" or len(digest) != 43 or not BASE64.issuperset(digest):
        raise Refusal("sshd gave no SHA256 fingerprint; is there a FingerprintHash in its configuration?")
    if kind not in TYPES:
        raise Refusal("a key of a type that is not accepted")
    body = blob.rstrip("=")
    if not body or len(blob) > MAX_BLOB or len(blob) - len(body) > 2 or not BASE64.issuperset(body):
        raise Refusal("sshd gave no key")


def check_place(database: str, login: str) -> None:
    """Refuse to answer for any login but the account that owns the database, as which this must run."""
    if not os.path.isabs(database):
        raise Refusal("the database is not named by an absolute path")
    found = os.stat(database)
    if not stat.S_ISREG(found.st_mode):
        raise Refusal("the database is no file")
    if found.st_uid != os.geteuid():
        raise Refusal("the database belongs to another account than AuthorizedKeysCommandUser")
    try:
        account = pwd.getpwnam(login)
    except (KeyError, ValueError):
        raise Refusal("asked for a login that is no account") from None
    if account.pw_uid != found.st_uid:
        raise Refusal("asked for a login that is not the gateway's account")


def look_up(database: str, fingerprint: str, kind: str, blob: str) -> tuple[int, Permits, Permits] | None:
    """Return whose key it is, with his own slots and those shared with him; None when it is nobody's.

    On a full disk SQLite can't make the file that its readers share; where nobody writes they can do without it.
    Raises Refusal, `sqlite3.Error`.
    """
    try:
        return read(uri(database), fingerprint, kind, blob)
    except sqlite3.OperationalError as error:
        if str(error) != NO_ROOM or (before := unchanging(database)) is None:
            raise
    found = read(uri(database) + "&immutable=1", fingerprint, kind, blob)
    if unchanging(database) != before:
        raise Refusal("the database has changed while it was read")
    return found


def unchanging(database: str) -> tuple[int, int, int] | None:
    """Return what tells a change of the file; None while part of the database is in the file beside it."""
    if os.path.exists(f"{database}-wal") and os.stat(f"{database}-wal").st_size:
        return None
    found = os.stat(database)
    return found.st_ino, found.st_size, found.st_mtime_ns


def read(location: str, fingerprint: str, kind: str, blob: str) -> tuple[int, Permits, Permits] | None:
    """Look it up in one transaction. Raises as `look_up`."""
    connection = sqlite3.connect(location, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    try:
        connection.execute("BEGIN")
        if connection.execute(REVISION_QUERY).fetchall() != [(REVISION,)]:
            raise Refusal("the database is of another version than this program; run `srctl gateway install` again")
        rows = connection.execute(KEY_QUERY, (kind, blob, fingerprint)).fetchall()
        if not rows:
            return None
        user = owner_of(rows)
        return user, own_slots(connection, user), shared_slots(connection, user)
    finally:
        connection.close()


def owner_of(rows: list[tuple[int, object, object]]) -> int:
    """Return the user of the one key that was found. Raises Refusal."""
    if len(rows) != 1:
        raise Refusal("a fingerprint stands in the database more than once")
    same, user, disabled = rows[0]
    if not is_user(user):
        raise Refusal("a key of a user whose id has no address")
    if same != 1:
        raise Refusal(f"another key with the fingerprint of one of user {user}")
    if type(disabled) is not int or disabled != 0:
        raise Refusal(f"user {user} is disabled")
    return user


def own_slots(connection: sqlite3.Connection, user: int) -> Permits:
    """Return the user's slots but for those that lead to a session whose grant is gone."""
    closed = {slot for (slot,) in connection.execute(CLOSED_QUERY, (user, SLOTS[0], SLOTS[-1]))}
    return [(user, slot) for slot in SLOTS if slot not in closed]


def shared_slots(connection: sqlite3.Connection, user: int) -> Permits:
    """Return the slots of others that are shared with the user."""
    found = connection.execute(SHARES_QUERY, (user, MAX_SHARES)).fetchall()
    return [(owner, slot) for owner, slot in found if is_user(owner) and is_slot(slot)]


def is_user(value: object) -> TypeGuard[int]:
    """Tell whether this is the id of a user who has an address. SQLite holds any type in any column."""
    return type(value) is int and 1 <= value <= MAX_USER


def is_slot(value: object) -> bool:
    """Tell whether this is a slot."""
    return type(value) is int and value in SLOTS


def address(user: int) -> str:
    """Return the user's loopback address (`srctl.slots`)."""
    return f"127.83.{user >> 8}.{user & 255}"


def uri(path: str) -> str:
    """Return what makes SQLite open this file for reading only, and never create it."""
    plain = b"/-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "file:" + "".join(chr(byte) if byte in plain else f"%{byte:02x}" for byte in os.fsencode(path)) + "?mode=ro"


def record(folder: str, user: int, fingerprint: str, shares: Permits) -> None:
    """Write down for whom sshd's process of this connection asked last.

    Without a record the connection lives until the next revocation, which ends all that have none. What must not be
    is the record of a key that was asked for earlier: raises `OSError` if that can't be helped, Refusal if others may
    write there.
    """
    make_folder(folder)
    parent = os.getppid()
    path = os.path.join(folder, str(parent))
    permitted = ",".join(f"{owner}:{slot}" for owner, slot in shares)
    try:
        replace(path, f"{start_time(parent)} {user} {fingerprint} {permitted}\n".encode("ascii"))
    except OSError as error:
        report(syslog.LOG_WARNING, f"a login could not be recorded: {error.strerror}")
        remove(path)
    if os.urandom(1)[0] < 256 // SWEEP_IN:
        sweep(folder)


def sweep(folder: str) -> None:
    """Remove records of processes that have gone. Whoever loses his to it ends with the next revocation, no more."""
    try:
        for name in os.listdir(folder)[:SWEPT]:
            number = name[1:] if name.startswith(".") else name
            if number.isascii() and number.isdecimal() and not os.path.exists(f"/proc/{number}"):
                remove(os.path.join(folder, name))
    except OSError as error:
        report(syslog.LOG_WARNING, f"old records of logins could not be removed: {error.strerror}")


def make_folder(folder: str) -> None:
    """Make the folder of the records; one that is not the account's alone is refused."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refusal("the folder of the logins is not the account's alone")


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot: field 22 of proc(5)'s stat, after the name's `)`."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return int(stream.read().rpartition(b")")[2].split()[19])


def replace(path: str, content: bytes) -> None:
    """Put the content where `path` is, in one step and for the account alone. Raises `OSError`."""
    fresh = os.path.join(os.path.dirname(path), f".{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            write(handle, content)
        finally:
            os.close(handle)
        os.replace(fresh, path)
    except OSError:
        remove(fresh)
        raise


def remove(path: str) -> None:
    """Remove a file that may not be there. Raises `OSError`."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def write(handle: int, content: bytes) -> None:
    """Write all of it. Raises `OSError`."""
    while content:
        content = content[os.write(handle, content) :]


def report(priority: int, words: str) -> int:
    """Say what went wrong, for the system's log and for whoever runs this by hand; return the exit code."""
    syslog.openlog("srctl-keys", syslog.LOG_PID, syslog.LOG_AUTH)
    syslog.syslog(priority, words)
    try:
        write(2, f"srctl-keys: {words}\n".encode("ascii", "backslashreplace"))
    except OSError:
        pass
    return 1


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # all is written; taking the interpreter down would cost each login a tenth
