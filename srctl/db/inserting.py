"""Insert what may be there already: the unique keys of the database decide, in one statement."""

from typing import Any

from sqlalchemy import Connection, CursorResult, Insert, Table


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert unless a unique key forbids it; tell whether it was."""
    result: CursorResult[Any] = connection.execute(
        _insert_ignoring(connection.dialect.name, table).values(values).inline(),
        execution_options={"preserve_rowcount": True},
    )
    return result.rowcount == 1


def _insert_ignoring(dialect: str, table: Table) -> Insert:
    if dialect == "postgresql":  # a large module, loaded with its dialect only
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()
