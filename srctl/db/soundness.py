"""Whether a database is sound in itself: its file, its links between rows, and what its rows say.

Only looks. Rows that make no sense are named, so that a person can find them; what rules say of names and policies is
checked by who knows the rules.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, and_, exists, func, select

from srctl.db import policy_json
from srctl.db.engine import Database
from srctl.db.schema import grants, metadata, users
from srctl.errors import SrctlError
from srctl.outcome import Finding

_MOST = 10
_RESTORE = "srctl db restore FILE, with a backup from before"


def look_into(database: Database) -> list[Finding]:
    """Return what was found. Raises as a database that fails."""
    with database.reading() as connection:
        return [_file(connection), _links(connection), _policies(connection), _names(connection)]


def _file(connection: Connection) -> Finding:
    """Ask SQLite for what its pages say; a server looks after its own."""
    if connection.dialect.name != "sqlite":
        return Finding("storage")
    found = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})")]
    return Finding("storage") if found == ["ok"] else Finding("storage", f"It is damaged: {'; '.join(found)}", _RESTORE)


def _links(connection: Connection) -> Finding:
    lost = [words for table in metadata.sorted_tables for words in _lost(connection, table)]
    lost.sort(key=lambda words: words.split()[2:])
    return (
        Finding("links", f"Rows refer to what is not there: {', '.join(lost)}", _RESTORE) if lost else Finding("links")
    )


def _lost(connection: Connection, table: Table) -> Iterator[str]:
    for key in table.foreign_keys:
        column, parent = key.parent, key.column
        there = exists().where(parent == column).correlate(table)
        count = connection.scalar(select(func.count()).select_from(table).where(and_(column.is_not(None), ~there)))
        if count:
            yield f"{count} of {table.name} to {parent.table.name}"


def _policies(connection: Connection) -> Finding:
    """Look at each policy once: it must be one, written in the one way, with its own digest."""
    wrong = []
    known: dict[tuple[str, str], bool] = {}
    for own, text, digest in connection.execute(select(grants.c.id, grants.c.policy, grants.c.policy_digest)):
        if (text, digest) not in known:
            known[text, digest] = _is_canonical(text, digest)
        if not known[text, digest]:
            wrong.append(own)
    if not wrong:
        return Finding("policies")
    named = ", ".join(wrong[:_MOST]) + (f" and {len(wrong) - _MOST} more" if len(wrong) > _MOST else "")
    fix = "srctl grant remove ID, and grant it again; or restore a backup"
    return Finding("policies", f"Grants whose policy can't be read or was changed by hand: {named}", fix)


def _is_canonical(text: str, digest: str) -> bool:
    try:
        return policy_json.dump(policy_json.load(text)) == text and policy_json.digest(text) == digest
    except SrctlError:
        return False


def _names(connection: Connection) -> Finding:
    rows = connection.execute(select(users.c.name, users.c.name_folded))
    wrong = [str(name) for name, folded in rows if str(name).casefold() != folded]
    if not wrong:
        return Finding("names")
    return Finding("names", f"Users whose name was changed by hand: {', '.join(wrong[:_MOST])}", _RESTORE)
