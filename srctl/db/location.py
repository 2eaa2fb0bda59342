"""Where the database is: what a person wrote after `--db`, read into a path or a server's URL.

Passwords never leave a location but towards the driver: `label` is what messages and listings show.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from srctl.errors import UnsupportedError, UsageError

_POSTGRES = ("postgres", "postgresql")
_SECRET_OPTIONS = ("password", "sslpassword")
_URL_HINT = "Give a path, or a URL like postgresql://user@server/database"


@dataclass(frozen=True, slots=True)
class Location:
    """A SQLite file (`path`) or a database on a server (`url`); exactly one of them is set."""

    label: str
    path: Path | None = None
    url: URL | None = field(default=None, repr=False)


def parse(text: str) -> Location:
    """Read a path (`~` works, relative ones become absolute) or a SQLAlchemy URL.

    Raises UsageError for what is neither, UnsupportedError for what srctl cannot use as its database.
    """
    if "\0" in text or not text.strip():
        raise UsageError(f"Not a database: {text!r}", _URL_HINT)
    if "://" not in text:
        return _file(text)
    if text.startswith("csv://"):
        raise UnsupportedError("A CSV file is only read: there is nothing to be made ready in it", "Use it as it is")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UsageError("The database URL is malformed", _URL_HINT) from error
    if "@" in (url.host or ""):  # the rest of a password, which nobody should see
        raise UsageError("The database URL is malformed", "Write @ as %40 in the user and the password of a URL")
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        return _sqlite(url)
    if dialect in _POSTGRES:
        return Location(_hidden(url), url=_with_driver(url))
    raise UsageError(f"No database of srctl can be at {dialect}://", _URL_HINT)


def _file(text: str) -> Location:
    try:
        text.encode()
        path = Path(text).expanduser().absolute()
    except UnicodeError as error:
        raise UsageError(f"Not a path of UTF-8: {text!r}", "Give the database another name") from error
    except RuntimeError as error:
        raise UsageError(f"There is no home directory for {text!r}", "Give an absolute path") from error
    except OSError as error:
        raise UsageError(f"There is no current folder for {text!r}", "Give an absolute path") from error
    return Location(str(path), path=path)


def _sqlite(url: URL) -> Location:
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.query or not url.database or url.host:
        raise UsageError(f"The database URL {_hidden(url)} does not name a file", "Give the plain path of the file")
    if url.database == ":memory:":
        raise UsageError("A database in memory would be gone at once", "Give the path of a file")
    return _file(url.database)


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in _POSTGRES else url


def _hidden(url: URL) -> str:
    secrets = {name: "***" for name in _SECRET_OPTIONS if name in url.query}
    return url.update_query_dict(secrets).render_as_string(hide_password=True)
