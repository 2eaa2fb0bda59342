"""PostgreSQL that cannot be reached, refuses, or goes away: one clear line each, and never a password."""

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, make_url

import srctl.db.engine
from srctl.db import rows
from srctl.db.grants import _held_by
from srctl.db.location import parse
from srctl.db.setup import initialise, status
from srctl.db.store import open_store
from srctl.errors import ConflictError, NotFoundError, SrctlError, UnreachableError, UsageError
from srctl.models import Application, Policy
from tools.delay_proxy import delayed
from tools.ports import refusing_port
from tools.postgres import Postgres


@pytest.fixture
def ready(postgres_location: str) -> str:
    return postgres_location


def plain(location: str) -> str:
    return location.replace("postgresql+psycopg:", "postgresql:")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_each_way_to_write_the_url_means_the_same_driver(ready: str, scheme: str) -> None:
    open_store(ready.replace("postgresql+psycopg", scheme)).close()


def test_a_server_that_is_not_there_is_unreachable() -> None:
    for call in (open_store, initialise, status):
        with refusing_port() as port, pytest.raises(UnreachableError) as caught:
            call(f"postgresql://me:sesame@127.0.0.1:{port}/db?sslpassword=sesame")
        assert "\n" not in caught.value.message
        assert "sesame" not in caught.value.message


def test_a_wrong_login_is_unreachable(ready: str) -> None:
    with pytest.raises(UnreachableError, match="nobody-here"):
        open_store(make_url(ready).set(username="nobody-here").render_as_string())


def test_a_database_that_the_server_does_not_have_is_not_found(postgres: str) -> None:
    with pytest.raises(NotFoundError):
        open_store(make_url(postgres).set(database="nothing").render_as_string(hide_password=False))


def test_an_empty_database_is_not_found(postgres: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        open_store(postgres)
    assert "srctl db init" in caught.value.hint


def test_no_password_is_ever_shown() -> None:
    location = parse("postgresql://me:sesame@server/db?password=sesame&sslpassword=sesame&sslmode=require")
    assert "sesame" not in location.label
    assert "sesame" not in repr(location)
    assert "sslmode=require" in location.label


def test_a_password_with_an_at_sign_is_not_taken_for_a_server() -> None:
    with pytest.raises(UsageError, match="malformed") as caught:
        parse("postgresql://me:open@sesame@server/db")
    assert "%40" in caught.value.hint
    assert "sesame" not in str(caught.value)


def test_status_hides_the_password(ready: str) -> None:
    found = status(make_url(ready).set(password="sesame").render_as_string(hide_password=False))
    assert "sesame" not in found.url


def test_a_missing_driver_names_the_extra() -> None:
    program = """
import sys
sys.modules["psycopg"] = None
from srctl.db.store import open_store
from srctl.errors import SrctlError
try:
    open_store("postgresql://server/db")
except SrctlError as error:
    print(error.exit_code, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "2 pip install 'srctl[postgres]'\n"


def test_a_locked_table_is_a_conflict(ready: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srctl.db.engine, "BUSY_SECONDS", 0.2)
    with open_store(ready) as store, psycopg.connect(plain(ready)) as holder:
        holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ConflictError, match="locked"):
            store.add_user("alice")


def test_a_lost_connection_is_replaced(ready: str) -> None:
    with open_store(ready) as store, psycopg.connect(plain(ready), autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        assert (True,) in ended  # that of the store; earlier ones may be about to go
        assert store.users() == []


def test_a_read_only_database_is_told_so(ready: str) -> None:
    database = make_url(ready).database
    with psycopg.connect(plain(ready), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    with open_store(ready) as store, pytest.raises(SrctlError, match="read-only") as caught:
        store.add_user("alice")
    assert caught.value.exit_code == 1


def test_text_that_the_server_cannot_hold_is_refused(ready: str) -> None:
    with open_store(ready) as store, pytest.raises(UsageError):
        store.user("a\0b")


def test_no_rights_on_the_tables_is_told_so(ready: str) -> None:
    with psycopg.connect(plain(ready), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(SrctlError) as caught:
        open_store(make_url(ready).set(username="guest").render_as_string(hide_password=False))
    assert (caught.value.exit_code, "refused this login" in caught.value.message) == (1, True)


def test_grants_of_a_user_are_found_by_the_index(ready: str) -> None:
    with psycopg.connect(plain(ready), autocommit=True) as admin:
        admin.execute(
            "INSERT INTO users (name, name_folded, admin, disabled, created)"
            " SELECT 'u' || n, 'u' || n, false, false, now() FROM generate_series(1, 2000) n"
        )
        admin.execute("INSERT INTO applications (image, created) SELECT 'i' || n, now() FROM generate_series(1, 50) n")
        admin.execute(
            "INSERT INTO grants SELECT md5(u.id || '-' || a.id), u.id, a.id, '{}', 'd', now()"
            " FROM users u, applications a WHERE a.id <= 10"
        )
        admin.execute("INSERT INTO groups (name, name_folded, created) VALUES ('lab', 'lab', now())")
        admin.execute("INSERT INTO group_members SELECT groups.id, users.id, now() FROM groups, users")
        admin.execute("ANALYZE")
        asked = rows.GRANTS.where(_held_by("u77")).compile(
            dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
            compile_kwargs={"literal_binds": True},
        )
        plan = admin.execute(f"EXPLAIN {asked}".encode()).fetchall()
    assert "Seq Scan on grants" not in str(plan)


def test_the_folder_of_migrations_is_part_of_the_package() -> None:
    folder = Path(srctl.db.engine.__file__).parent / "migrations"
    assert {"env.py", "script.py.mako", "versions"} <= {path.name for path in folder.iterdir()}


class TestTls:
    """What a URL says of TLS is what libpq does."""

    def test_a_server_is_checked_by_its_authority_and_its_name(self, ready: str, postgres_server: Postgres) -> None:
        tls = postgres_server.certificates
        url = make_url(ready).update_query_dict({"sslmode": "verify-full", "sslrootcert": str(tls.server / "ca.pem")})
        with open_store(shown(url)) as store, store._database.reading() as connection:
            assert connection.exec_driver_sql(_TLS).one() == (True, None)
        for wrong in (url.set(host="localhost"), url.update_query_dict({"sslrootcert": str(tls.client / "cert.pem")})):
            with pytest.raises(UnreachableError, match="cannot be reached") as caught:
                open_store(shown(wrong))
            assert "\n" not in caught.value.message

    def test_a_client_shows_its_certificate(self, ready: str, postgres_server: Postgres) -> None:
        files = {"sslcert": "cert.pem", "sslkey": "key.pem"}
        own = {name: str(postgres_server.certificates.client / file) for name, file in files.items()}
        with (
            open_store(shown(make_url(ready).update_query_dict(own))) as store,
            store._database.reading() as connection,
        ):
            assert connection.exec_driver_sql(_TLS).one() == (True, "/CN=srctl lab client")

    def test_a_missing_certificate_is_told_and_nothing_is_sent_in_the_clear(self, ready: str) -> None:
        url = make_url(ready).update_query_dict({"sslmode": "verify-full", "sslrootcert": "/nowhere/ca.pem"})
        with pytest.raises(UnreachableError, match=r"ca\.pem"):
            open_store(shown(url))


_TLS = "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def test_a_server_that_goes_away_is_unreachable(ready: str) -> None:
    url = make_url(ready)
    with ExitStack() as link:
        through = link.enter_context(delayed("127.0.0.1", int(url.port or 0), 0))
        store = link.enter_context(open_store(shown(url.set(port=through.port))))
        assert store.users() == []
        link.pop_all().close()
        for call in (store.users, lambda: store.add_user("alice"), store.archive.contents):
            with pytest.raises(UnreachableError):
                call()


def test_a_connection_that_is_lost_in_the_middle_is_unreachable_and_nothing_is_done(ready: str) -> None:
    lost: list[Exception] = []

    def add() -> None:
        try:
            store.add_user("alice")
        except UnreachableError as error:
            lost.append(error)

    with open_store(ready) as store, psycopg.connect(plain(ready), autocommit=True) as admin:
        with psycopg.connect(plain(ready)) as holder:
            holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            writer = threading.Thread(target=add)
            writer.start()
            while not admin.execute(_WAITING).fetchall():
                time.sleep(0.02)
            writer.join(10)
        assert [type(error) for error in lost] == [UnreachableError]
        assert store.users() == []


_WAITING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'"
)


def test_twenty_writers_at_once_lose_nothing(ready: str) -> None:
    failures: list[Exception] = []
    with open_store(ready) as store:
        store.add_application(Application("web:1"))
        store.add_user("shared")

    def write(number: int) -> None:
        try:
            with open_store(ready) as own:
                own.add_user(f"u{number}")
                for each in range(5):
                    own.add_grant("web:1", f"u{number}", Policy(license=str(each)))
                    own.add_grant("web:1", "shared", Policy(license=str(each)))
                own.set_disabled("shared", bool(number % 2))
                own.remove_grant(own.grants(user=f"u{number}")[0].id)
        except SrctlError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with open_store(ready) as store:
        assert len(store.users()) == 21
        assert len(store.grants()) == 20 * 4 + 5
        assert all(finding.ok for finding in store.archive.findings())
