"""sshd's keys command as a process of its own: who gets in, how far, and that nothing else is ever printed."""

import ast
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srctl.db.store import open_store
from srctl.gateway import keys
from srctl.public_keys import parse_keys
from tests.integration.gateway.keys_parts import (
    ACCOUNT,
    PYTHON,
    SCRIPT,
    Key,
    Place,
    key,
    make_place,
    own,
    permits,
)

ALICE, BOB, NOBODY = key("alice"), key("bob"), key("nobody")
LINE = re.compile(
    rb"restrict(?:,port-forwarding"
    rb'(?:,permitopen="127\.83\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])'
    rb':(?:2000[1-9]|200[12]\d|2003[0-2])"){1,1056})?'
    rb" (?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    rb" [A-Za-z0-9+/]{1,4096}={0,2}\n"
)
SPITEFUL = [
    'x" ssh-rsa AAAA\nssh-ed25519 AAAA',
    'permitopen="*:*",command="sh" ',
    "\n\nno-restrict ssh-ed25519 AAAA",
    "$(id) `id` ; id %u \\ ' \0 \r\n",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{SNOWMAN}",
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A gateway with alice and bob, who have a key each."""
    made = make_place(tmp_path / "gateway")
    made.add_key(made.add_user("alice"), ALICE)
    made.add_key(made.add_user("bob"), BOB)
    return made


def later(**by: float) -> str:
    """A time as the database holds it."""
    return (datetime.now(UTC) + timedelta(**by)).strftime("%Y-%m-%d %H:%M:%S.%f")


class TestWhoGetsIn:
    def test_a_user_reaches_his_own_slots_and_nothing_else(self, place: Place) -> None:
        answer = place.ask(BOB)
        assert permits(answer.out) == own(2)
        assert answer.out.decode().split(" ", 1)[1] == f"{BOB.type} {BOB.blob}\n"
        assert (answer.code, answer.err) == (0, b"")

    def test_keys_that_srctl_has_stored_are_found(self, place: Place, tmp_path: Path) -> None:
        for kind in (["ed25519"], ["rsa", "-b", "2048"], ["ecdsa", "-b", "384"]):
            path = tmp_path / kind[0]
            keygen = ["ssh-keygen", "-q", "-N", "", "-C", SPITEFUL[1], "-f", str(path), "-t", *kind]
            subprocess.run(keygen, check=True)
            (read,) = parse_keys(path.with_suffix(".pub").read_text())
            with open_store(str(place.path)) as store:
                store.add_key("alice", read)
            answer = place.ask(Key(read.type, read.blob, read.fingerprint))
            assert permits(answer.out) == own(1)

    def test_nobody_has_an_unknown_key(self, place: Place) -> None:
        answer = place.ask(NOBODY)
        assert (answer.code, answer.out, answer.err) == (0, b"", b"")
        assert not place.logins.exists()

    def test_a_disabled_user_is_refused(self, place: Place) -> None:
        with open_store(str(place.path)) as store:
            store.set_disabled("alice", True)
        refused(place, ALICE, b"user 1 is disabled")
        assert permits(place.ask(BOB).out) == own(2)

    @pytest.mark.parametrize("value", [2, -1, "no", "", b"\0", 0.0, 0.5], ids=repr)
    def test_a_user_of_whom_it_is_not_clear_is_refused(self, place: Place, value: object) -> None:
        place.run("UPDATE users SET disabled = ? WHERE id = 1", value)
        if value != 0.0:  # SQLite itself makes that the integer
            refused(place, ALICE, b"user 1 is disabled")

    def test_a_removed_key_is_nobodys(self, place: Place) -> None:
        with open_store(str(place.path)) as store:
            store.remove_key("alice", ALICE.fingerprint)
        assert place.ask(ALICE).nothing

    def test_a_key_whose_user_has_gone_is_nobodys(self, place: Place) -> None:
        place.run("DELETE FROM users WHERE id = 1")  # without foreign keys, as another program would
        assert place.ask(ALICE).nothing

    @pytest.mark.parametrize("user_id", [65535, 65536, 2**33, -1])
    def test_a_user_whose_id_has_no_address_is_refused(self, place: Place, user_id: int) -> None:
        place.add_user("late", user_id=user_id)
        place.add_key(user_id, NOBODY)
        refused(place, NOBODY, b"no address")

    def test_the_last_id_with_an_address_gets_in(self, place: Place) -> None:
        place.add_user("last", user_id=65534)
        place.add_key(65534, NOBODY)
        assert permits(place.ask(NOBODY).out) == own(65534)

    @pytest.mark.parametrize(
        "change",
        [
            ("type", "ssh-rsa"),
            ("type", b"ssh-ed25519"),
            ("blob", BOB.blob),
            ("blob", ALICE.blob + "\n"),
            ("blob", ALICE.blob.encode()),
            ("blob", ""),
        ],
        ids=repr,
    )
    def test_another_key_of_the_same_fingerprint_is_refused(self, place: Place, change: tuple[str, object]) -> None:
        column, value = change
        place.run(f"UPDATE user_keys SET {column} = ? WHERE user_id = 1", value)  # noqa: S608 - ours
        refused(place, ALICE, b"another key")

    def test_the_same_body_offered_as_another_type_is_refused(self, place: Place) -> None:
        refused(place, Key("ssh-rsa", ALICE.blob, ALICE.fingerprint), b"another key")

    def test_the_names_of_people_and_keys_are_never_printed(self, place: Place) -> None:
        for number, text in enumerate(SPITEFUL):
            user_id = place.add_user(text)
            place.add_key(user_id, key(text), comment=SPITEFUL[-number])
            answer = place.ask(key(text))
            assert LINE.fullmatch(answer.out)
            assert permits(answer.out) == own(user_id)


class TestShares:
    def test_a_share_adds_its_slot_alone(self, place: Place) -> None:
        place.add_share(1, 2, 20005)
        assert permits(place.ask(BOB).out) == own(2) | {"127.83.0.1:20005"}
        assert permits(place.ask(ALICE).out) == own(1)

    def test_a_share_ends_with_its_time(self, place: Place) -> None:
        place.add_share(1, 2, 20005, later(seconds=-1))
        place.add_share(1, 2, 20006, later(hours=2))
        assert permits(place.ask(BOB).out) == own(2) | {"127.83.0.1:20006"}

    @pytest.mark.parametrize("expires", ["never", "zzzz-99-99", "9999", b"\xff", ""], ids=repr)
    def test_a_share_of_an_unclear_time_has_ended(self, place: Place, expires: object) -> None:
        place.add_share(1, 2, 20005, expires)
        assert permits(place.ask(BOB).out) == own(2)

    def test_a_disabled_owner_shares_nothing(self, place: Place) -> None:
        place.add_share(1, 2, 20005)
        place.run("UPDATE users SET disabled = 1 WHERE id = 1")
        assert permits(place.ask(BOB).out) == own(2)

    @pytest.mark.parametrize("slot", [22, 20000, 20033, -1, "20005;*", b"20005", 20005.5, 2**40], ids=repr)
    def test_what_is_no_slot_is_not_shared(self, place: Place, slot: object) -> None:
        place.add_share(1, 2, slot)
        assert permits(place.ask(BOB).out) == own(2)

    def test_what_belongs_to_an_id_without_an_address_is_not_shared(self, place: Place) -> None:
        place.add_user("late", user_id=65536)
        place.add_share(65536, 2, 20005)
        assert permits(place.ask(BOB).out) == own(2)

    def test_of_too_many_shares_the_newest_count(self, place: Place) -> None:
        with place.changing() as connection:
            people = [(number, f"u{number}", f"u{number}") for number in range(3, 2003)]
            connection.executemany("INSERT INTO users VALUES (?, ?, ?, 0, 0, '2026-01-01')", people)
            connection.executemany(
                "INSERT INTO shares (session_id, grant_id, owner_id, guest_id, slot, created)"
                " VALUES (?, '', ?, 2, 20001, '2026-01-01')",
                [(str(number), number) for number, *_ in people],
            )
        answer = place.ask(BOB)
        assert len(permits(answer.out)) == 32 + keys.MAX_SHARES
        assert "127.83.7.210:20001" in permits(answer.out)
        assert LINE.fullmatch(answer.out)


class TestClosedSlots:
    def test_a_closed_slot_is_not_permitted(self, place: Place) -> None:
        place.close(1, 20003)
        assert permits(place.ask(ALICE).out) == own(1) - {"127.83.0.1:20003"}
        assert permits(place.ask(BOB).out) == own(2)

    def test_guests_are_not_permitted_it_either(self, place: Place) -> None:
        place.add_share(1, 2, 20003)
        place.add_share(1, 2, 20004)
        place.close(1, 20003)
        assert permits(place.ask(BOB).out) == own(2) | {"127.83.0.1:20004"}

    def test_what_srctl_closes_is_closed(self, place: Place) -> None:
        with open_store(str(place.path)) as store:
            store.book.close_slots("alice", [20001, 20032])
        assert permits(place.ask(ALICE).out) == own(1) - {"127.83.0.1:20001", "127.83.0.1:20032"}

    def test_with_all_slots_closed_there_is_no_forwarding_at_all(self, place: Place) -> None:
        for slot in keys.SLOTS:
            place.close(1, slot)
        assert place.ask(ALICE).out.decode() == f"restrict {ALICE.type} {ALICE.blob}\n"

    def test_what_is_shared_with_one_whose_own_are_closed_stays(self, place: Place) -> None:
        for slot in keys.SLOTS:
            place.close(1, slot)
        place.add_share(2, 1, 20007)
        assert permits(place.ask(ALICE).out) == {"127.83.0.2:20007"}


class TestRecords:
    def test_who_called_is_written_down_before_the_answer(self, place: Place) -> None:
        place.add_share(1, 2, 20005)
        place.ask(BOB)
        record = place.logins / str(os.getpid())
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        assert record.read_text() == f"{started} 2 {BOB.fingerprint} 1:20005\n"
        assert record.stat().st_mode & 0o777 == 0o600
        assert place.logins.stat().st_mode & 0o777 == 0o700

    def test_the_last_key_counts(self, place: Place) -> None:
        place.ask(ALICE)
        place.ask(BOB)
        place.ask(NOBODY)
        (record,) = place.logins.iterdir()
        assert record.read_text().split() == [record.read_text().split()[0], "2", BOB.fingerprint]

    def test_what_can_not_be_written_down_leaves_no_older_record(self, place: Place) -> None:
        place.ask(ALICE)
        script = f'ulimit -f 0; exec {" ".join(PYTHON)} {SCRIPT} "$@"'  # as on a full disk
        with open_store(str(place.path)) as store:  # keeps the files that SQLite needs beside the database
            store.users()
            command = ["sh", "-c", script, "sh", str(place.path), *words(BOB)]
            done = subprocess.run(command, capture_output=True, check=False)
        assert permits(done.stdout) == own(2)
        assert b"could not be recorded" in done.stderr
        assert list(place.logins.iterdir()) == []

    @pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
    def test_a_folder_that_others_may_enter_refuses_everybody(self, place: Place, mode: int) -> None:
        place.logins.mkdir()
        place.logins.chmod(mode)
        refused(place, ALICE, b"not the account's alone")

    def test_a_link_in_place_of_the_folder_refuses_everybody(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.logins.symlink_to(tmp_path / "elsewhere")
        refused(place, ALICE, b"not the account's alone")

    def test_a_link_in_place_of_a_record_is_replaced(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("precious")
        place.logins.mkdir(mode=0o700)
        (place.logins / str(os.getpid())).symlink_to(tmp_path / "precious")
        assert not place.ask(ALICE).nothing
        assert (tmp_path / "precious").read_text() == "precious"


class TestDatabases:
    def test_a_missing_database_refuses_and_is_not_made(self, tmp_path: Path) -> None:
        missing = Place(tmp_path / "missing.db")
        refused(missing, ALICE, b"FileNotFoundError")
        assert not missing.path.exists()

    @pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 8192], ids=len)
    def test_a_file_that_is_no_database_refuses(self, place: Place, content: bytes) -> None:
        place.path.write_bytes(content)
        refused(place, ALICE, b"database can't be read")

    def test_a_database_with_torn_pages_refuses(self, place: Place) -> None:
        content = bytearray(place.path.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        place.path.write_bytes(content)
        assert place.ask(ALICE).nothing

    @pytest.mark.parametrize("revision", ["srctl_0002", "srctl_9999", "", "srctl_0003 "], ids=repr)
    def test_another_revision_refuses(self, place: Place, revision: str) -> None:
        place.run("UPDATE alembic_version SET version_num = ?", revision)
        refused(place, ALICE, b"another version")

    def test_a_locked_database_refuses_soon(self, place: Place) -> None:
        with closing(sqlite3.connect(place.path, isolation_level=None)) as holder:
            holder.execute("PRAGMA locking_mode=EXCLUSIVE")
            holder.execute("BEGIN EXCLUSIVE")
            holder.execute("UPDATE users SET admin = 1")
            refused(place, ALICE, b"database can't be read: OperationalError")

    def test_one_who_writes_keeps_nobody_out(self, place: Place) -> None:
        with closing(sqlite3.connect(place.path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE users SET disabled = 1")
            assert permits(place.ask(ALICE).out) == own(1)
            writer.execute("COMMIT")
            refused(place, ALICE, b"disabled")

    def test_a_path_is_taken_as_it_is(self, place: Place, tmp_path: Path) -> None:
        odd = tmp_path / "a?mode=rwc&x#%41 '\N{SNOWMAN}"
        shutil.copytree(place.path.parent, odd)
        assert permits(Place(odd / "srctl.db").ask(ALICE).out) == own(1)
        assert permits(place.call(os.fsencode(odd / "srctl.db"), *words(ALICE)).out) == own(1)

    @pytest.mark.parametrize(
        "path", ["srctl.db", "", ":memory:", "postgresql://h/d", "file:/x?mode=rwc", "/", "/dev/null"]
    )
    def test_what_is_no_file_refuses(self, place: Place, path: str) -> None:
        answer = place.call(path, *words(ALICE))
        assert answer.nothing
        assert answer.code == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_it_answers_only_as_the_account_that_owns_the_database(self, place: Place) -> None:
        os.chown(place.path, 1, 1)
        refused(place, ALICE, b"another account")


class TestQuestions:
    @pytest.mark.parametrize("login", ["daemon", "nosuchaccount", "", "root\n", ACCOUNT + " ", "\udcff"], ids=repr)
    def test_no_other_account_is_opened(self, place: Place, login: str) -> None:
        refused(place, ALICE, b"asked for a login", login=login)

    @pytest.mark.parametrize(
        "changed",
        [
            Key("ssh-dss", ALICE.blob, ALICE.fingerprint),
            Key("ssh-ed25519-cert-v01@openssh.com", ALICE.blob, ALICE.fingerprint),
            Key("", ALICE.blob, ALICE.fingerprint),
            Key("ssh-ed25519\n", ALICE.blob, ALICE.fingerprint),
            Key(ALICE.type, ALICE.blob + "\n", ALICE.fingerprint),
            Key(ALICE.type, "====", ALICE.fingerprint),
            Key(ALICE.type, "A" * 4097, ALICE.fingerprint),
            Key(ALICE.type, ALICE.blob + ' x"', ALICE.fingerprint),
            Key(ALICE.type, ALICE.blob, "MD5:00:11"),
            Key(ALICE.type, ALICE.blob, ALICE.fingerprint + "="),
            Key(ALICE.type, ALICE.blob, ALICE.fingerprint.lower()),
            Key(ALICE.type, ALICE.blob, "SHA256:" + "%" * 43),
        ],
        ids=repr,
    )
    def test_what_is_no_key_refuses(self, place: Place, changed: Key) -> None:
        answer = place.ask(changed)
        assert answer.nothing
        assert answer.code == 1

    @pytest.mark.parametrize("count", [0, 1, 4, 6])
    def test_other_numbers_of_words_refuse(self, place: Place, count: int) -> None:
        answer = place.call(*[str(place.path), *words(ALICE), "more"][:count])
        assert answer.nothing
        assert b"wrong usage" in answer.err


class TestOldRecords:
    """Each login leaves a record, and most of the connections are never ended by us."""

    def test_those_of_processes_that_have_gone_are_swept_away(self, tmp_path: Path) -> None:
        ended = subprocess.Popen(["true"])
        ended.wait()
        there, gone = str(os.getpid()), str(ended.pid)
        for name in (there, f".{there}", gone, f".{gone}", "seats", "x1"):
            (tmp_path / name).touch()
        keys.sweep(str(tmp_path))
        assert {path.name for path in tmp_path.iterdir()} == {there, f".{there}", "seats", "x1"}

    def test_they_do_not_pile_up(self, place: Place) -> None:
        place.ask(ALICE)
        for number in range(300):
            (place.logins / str(5_000_000 + number)).touch()
        for _ in range(500):
            place.ask(ALICE)
            if len(list(place.logins.iterdir())) < 10:
                return
        pytest.fail("They are all there")


class TestWhatItTakes:
    @pytest.mark.parametrize(
        "query", [keys.KEY_QUERY, keys.CLOSED_QUERY, keys.SHARES_QUERY], ids=["key", "closed", "shares"]
    )
    def test_queries_search_and_never_scan(self, place: Place, query: str) -> None:
        values = [""] * query.count("?")
        with place.changing() as connection:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        assert plan
        assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step]

    def test_the_work_does_not_grow_with_the_people(self, place: Place) -> None:
        place.add_share(1, 2, 20005)
        place.close(2, 20032)
        few = steps(place)
        with place.changing() as connection:
            people = [(number, f"u{number}", f"u{number}") for number in range(3, 5003)]
            connection.executemany("INSERT INTO users VALUES (?, ?, ?, 0, 0, '2026-01-01')", people)
            connection.executemany(
                "INSERT INTO user_keys (user_id, fingerprint, type, blob, comment, added)"
                " VALUES (?, ?, '', '', '', '')",
                [(number, f"SHA256:{number}-{each}") for number, *_ in people for each in range(2)],
            )
            connection.executemany(
                "INSERT INTO shares (session_id, grant_id, owner_id, guest_id, slot, created)"
                " VALUES (?, '', 1, ?, 20001, '')",
                [(str(number), number) for number, *_ in people],
            )
        assert steps(place) == few

    def test_it_imports_little(self) -> None:
        done = subprocess.run([*PYTHON, "-X", "importtime", SCRIPT], capture_output=True, text=True, check=False)
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time" in line}
        assert "sqlite3" in loaded
        assert not loaded & {
            "re",
            "typing",
            "json",
            "pathlib",
            "argparse",
            "contextlib",
            "subprocess",
            "logging",
            "site",
        }

    def test_it_is_python_of_the_oldest_system(self) -> None:
        ast.parse(SCRIPT.read_text(), feature_version=(3, 9))

    def test_it_runs_as_a_program_of_its_own(self, place: Place, tmp_path: Path) -> None:
        assert SCRIPT.read_text().splitlines()[0] == "#!/usr/bin/python3 -ISE"
        copy = tmp_path / "srctl-keys"
        shutil.copy(SCRIPT, copy)
        copy.chmod(0o755)
        done = subprocess.run([str(copy), str(place.path), *words(ALICE)], capture_output=True, check=False, cwd="/")
        assert permits(done.stdout) == own(1)

    def test_a_reader_that_has_gone_is_a_failure(self, place: Place) -> None:
        command = [*PYTHON, str(SCRIPT), str(place.path), *words(ALICE)]
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as stream:
            assert subprocess.run(command, stdout=stream, stderr=subprocess.DEVNULL, check=False).returncode == 1


ANYTHING = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary() | st.sampled_from(SPITEFUL)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.binary().map(
    lambda value: value.replace(b"\0", b"")
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """A gateway whose database takes anything, made anew from a copy."""
    made = make_place(tmp_path_factory.mktemp("fuzz") / "gateway")
    made.add_user("alice")
    made.add_user("bob")
    made.add_key(1, ALICE)
    with made.changing() as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    original = made.path.read_bytes()

    def fresh() -> Place:
        for path in made.path.parent.glob("srctl.db*"):
            path.unlink()
        made.path.touch(0o600)
        made.path.write_bytes(original)
        return made

    return fresh


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_whatever_the_database_holds_the_answer_is_nothing_or_one_line(
    fuzzed: Callable[[], Place], data: st.DataObject
) -> None:
    place = fuzzed()
    columns = st.sampled_from(["user_id", "fingerprint", "type", "blob", "comment"])
    for column, value in data.draw(st.dictionaries(columns, ANYTHING, max_size=2)).items():
        place.run(f"UPDATE OR IGNORE user_keys SET {column} = ? WHERE id = 1", value)  # noqa: S608 - ours
    sql = "UPDATE OR IGNORE users SET name = ?, disabled = ? WHERE id = 1"
    place.run(sql, data.draw(ANYTHING), data.draw(st.just(0) | ANYTHING))
    shares = st.tuples(st.just(2) | ANYTHING, st.just(20003) | ANYTHING, st.none() | ANYTHING)
    sql = "INSERT OR IGNORE INTO shares (session_id, grant_id, guest_id, owner_id, slot, expires) VALUES (?,'',1,?,?,?)"
    for slot in data.draw(st.lists(st.integers(20001, 20003) | ANYTHING, max_size=2)):
        place.run("INSERT OR IGNORE INTO closed_slots (owner_id, slot) VALUES (1, ?)", slot)
    for number, share in enumerate(data.draw(st.lists(shares, max_size=3))):
        place.run(sql, str(number), *share)
    checked(place.ask(ALICE).out)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.integers(0, 5), WORDS, max_size=3))
def test_whatever_is_asked_the_answer_is_nothing_or_one_line(
    fuzzed: Callable[[], Place], changes: dict[int, str | bytes]
) -> None:
    place = fuzzed()
    asked: list[str | bytes] = [str(place.path), *words(ALICE)]
    for index, value in changes.items():
        asked[index:] = [value, *asked[index + 1 :]]
    checked(place.call(*asked).out)


def checked(out: bytes) -> None:
    assert out == b"" or LINE.fullmatch(out)


def refused(place: Place, key: Key, why: bytes, *, login: str = ACCOUNT) -> None:
    answer = place.ask(key, login=login)
    assert (answer.code, answer.out) == (1, b"")
    assert why in answer.err
    assert answer.err.count(b"\n") == 1
    assert not place.logins.is_dir() or not [each for each in place.logins.iterdir() if each.name.startswith(".")]


def words(key: Key) -> list[str]:
    return [ACCOUNT, key.fingerprint, key.type, key.blob]


def steps(place: Place) -> int:
    """Count the instructions of SQLite's machine for the queries about one key."""
    counted: list[None] = []
    with place.changing() as connection:
        connection.set_progress_handler(lambda: counted.append(None), 1)
        assert connection.execute(keys.KEY_QUERY, (BOB.type, BOB.blob, BOB.fingerprint)).fetchall() == [(1, 2, 0)]
        assert connection.execute(keys.CLOSED_QUERY, (2, 20001, 20032)).fetchall() == [(20032,)]
        assert connection.execute(keys.SHARES_QUERY, (2, keys.MAX_SHARES)).fetchall() == [(1, 20005)]
        connection.set_progress_handler(None, 1)
    return len(counted)
