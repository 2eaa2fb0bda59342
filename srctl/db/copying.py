"""All rows of a database, put into another one of the same schema, whatever kind either is.

Ids go along. The counters that new ids come from never go back: an id that was given away may live on in a session, a
home or an address, and must not become somebody else's.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, text

from srctl.db.schema import metadata

_AT_ONCE = 5_000
_COUNTED = tuple(table.name for table in metadata.sorted_tables if getattr(table.c.get("id"), "identity", None))


def copy_rows(source: Connection, target: Connection) -> None:
    """Put all rows of `source` in the place of those of `target`, in the transactions that both are in."""
    lock_tables(target)
    before = counters(target)
    for table in reversed(metadata.sorted_tables):
        target.execute(delete(table))
    for table in metadata.sorted_tables:
        found = source.execute(select(table).order_by(*table.primary_key.columns))
        for batch in found.mappings().partitions(_AT_ONCE):
            target.execute(insert(table), [dict(row) for row in batch])
    there = counters(source)
    advance(target, {name: max(before[name], there[name]) for name in _COUNTED})


def lock_tables(connection: Connection) -> None:
    """Let nobody else write until the end of the transaction: on SQLite nobody can, since it began with the lock."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


def counters(connection: Connection) -> dict[str, int]:
    """Return the last id that was given in each table."""
    if connection.dialect.name == "sqlite":
        found = {row[0]: int(row[1]) for row in connection.execute(text("SELECT name, seq FROM sqlite_sequence"))}
        return {name: found.get(name, 0) for name in _COUNTED}
    return {name: _last(connection, name) for name in _COUNTED}


def _last(connection: Connection, table: str) -> int:
    """Return the last id of a table on PostgreSQL, where a sequence counts."""
    query = "SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)"
    return int(connection.scalar(text(query), {"name": table}) or 0)


def advance(connection: Connection, last: Mapping[str, int]) -> None:
    """Let the next ids follow these, or those that were given already."""
    given = counters(connection)
    for name, number in last.items():
        if number <= given[name]:
            continue
        values = {"name": name, "number": number}
        if connection.dialect.name == "sqlite":
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values)
        else:
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :number)"), values)
