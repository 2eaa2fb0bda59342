"""CSV of SimPhoNy-Remote: taken to the character, or refused with line and column."""

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.db import policy_json
from srctl.db.csv_file import parse
from srctl.errors import SeveralErrors, UsageError
from srctl.legacy import OldGrant, derived_id, parse_renames, resolve
from srctl.models import Policy, Volume

HEADER = (
    "user.name,application.image,policy.allow_home,policy.allow_view,policy.allow_common,policy.volume_source,"
    "policy.volume_target,policy.volume_mode"
)
NEWER = f"{HEADER},policy.app_license,policy.allow_startup_data"
ROW = "ada,paraview:5,1,0,0,,,"


def problem(text: str | bytes) -> str:
    """Read what must be refused, and return all that is said about it."""
    with pytest.raises((UsageError, SeveralErrors)) as caught:
        resolve(parse(text.encode() if isinstance(text, str) else text))
    return caught.value.message


def accepted(text: str | bytes) -> list[tuple[str | None, str, Policy]]:
    found = resolve(parse(text.encode() if isinstance(text, str) else text))
    assert found.skipped == ()
    return [(each.grant.user, each.grant.image, each.grant.policy) for each in found.grants]


ADA = [("ada", "paraview:5", Policy(allow_home=True))]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\n{ROW}",
        f"\n\n{HEADER}\n\n{ROW}\n\n",
        f"{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\r{ROW}\r",
        f"\ufeff{HEADER}\n{ROW}\n",
        f'{HEADER}\n"ada","paraview:5","1","0","0","","",""\n',
        f"{HEADER}\n{ROW},,,\n",
        f'{HEADER},note,mail\n{ROW},"a\0b\n;\'=1+1",x\n',
        f"note,{HEADER},mail\nx,{ROW}\n",
        ",".join(reversed(HEADER.split(","))) + "\n" + ",".join(reversed(ROW.split(","))) + "\n",
    ],
    ids=range(11),
)
def test_each_way_to_write_the_same_file_means_the_same(text: str) -> None:
    assert accepted(text) == ADA


def test_one_is_true_and_everything_else_is_false() -> None:
    rows = "\n".join(f"u{number},i,{cell},,,,," for number, cell in enumerate(["1", "0", "", "true", "01", "1 "]))
    assert [permits.allow_home for _, _, permits in accepted(f"{HEADER}\n{rows}\n")] == [True] + [False] * 5


def test_a_volume_counts_when_it_is_whole_whatever_allow_common_says() -> None:
    rows = "a,i,,,0,/s,/t,ro\nb,i,,,1,,/t,ro\nc,i,,,1,/s,,\n"
    volumes = [permits.volumes for _, _, permits in accepted(f"{HEADER}\n{rows}")]
    assert volumes == [(Volume("/s", "/t", "ro"),), (), ()]


def test_what_version_2_1_added_is_read_where_it_is() -> None:
    assert accepted(f'{NEWER}\nada,i,,,,,,,"27000@lic\n2",1\n')[0][2] == Policy(
        allow_startup_data=True, license="27000@lic\n2"
    )
    assert accepted(f"{HEADER},policy.app_license\nada,i,,,,,,,=1+1\n")[0][2] == Policy(license="=1+1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: there is no column user.name, application.image"),
        (HEADER.replace("user.name", "User.Name") + "\n", "line 1: there is no column user.name"),
        (HEADER.replace(",", ";") + "\n", "line 1: there is no column"),
        (f"{HEADER},user.name\n{ROW},bob\n", "line 1: there are several columns user.name"),
        (f"{HEADER}\n{ROW}\nbob,i,0,0\n", "line 3: the row ends before the column policy.allow_common"),
        (f"note,{HEADER}\nx,{ROW[:-1]}\n", "line 2: the row ends before the column policy.volume_mode"),
        (f"{HEADER}\n{ROW},surplus\n", "line 2, column 9: the row has more cells than the header"),
        (f'{HEADER}\n\n"ada\n",i,,,,,,\n', "line 3, column user.name: Not a user name: 'ada\\n'"),
        (f"{HEADER}\nada\0,i,,,,,,\n", "line 2, column user.name"),
        (f"{HEADER}\n,i,,,,,,\n", "line 2, column user.name: Not a user name: ''"),
        (f"{HEADER}\n ada,i,,,,,,\n", "line 2, column user.name: Not a user name: ' ada'"),
        (f"{HEADER}\n{ROW}\nAda,i,,,,,,\n", "line 3, column user.name: 'Ada' differs only in case from 'ada'"),
        (f"{HEADER}\nada,I,,,,,,\n", "line 2, column application.image"),
        (f"{HEADER}\nada,,,,,,,\n", "line 2, column application.image"),
        (f"{HEADER}\nada,i,,,,s,/t,ro\n", "line 2, column policy.volume_source: Volume source 's'"),
        (f"{HEADER}\nada,i,,,,/s,/,ro\n", "line 2, column policy.volume_target: Volume target '/'"),
        (f"{HEADER}\nada,i,1,,,/s,/workspace,ro\n", "line 2, column policy.volume_target: A volume at /workspace"),
        (f"{HEADER}\nada,i,,,,/s,/t,rx\n", "line 2, column policy.volume_mode: Volume mode 'rx'"),
        (f"{NEWER}\nada,i,,,,,,,a\0b,\n", "line 2, column policy.app_license"),
        (f"{NEWER}\nada,i,,,,,,,{'L' * 66_000},\n", "line 2, column policy.app_license: The licence text is longer"),
        (f"{HEADER}\n{ROW}\nbob,{'i' * 2**20},,,,,,\n", "line 3, column application.image: the cell has more than"),
        (f'{HEADER}\n{ROW}\n"bob",i,"1,,,,,\n{ROW}\n', "line 3, column policy.allow_home: the quote is never closed"),
        (f'{HEADER}\n\n"bob"x,i,1,,,,,\n', "line 3, column user.name: something stands after the closing quote"),
        (f'{HEADER}\n{ROW},"a\nb",\n"bob",i,"" ",,,,,\n', "line 4, column policy.allow_home"),
    ],
    ids=range(24),
)
def test_what_is_not_clear_is_refused_with_its_place(text: str, said: str) -> None:
    assert problem(text).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{HEADER}\nad".encode() + b"\xe4,i,,,,,,\n", "line 2, byte 3: this is not UTF-8"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "line 1, byte 1: this is not UTF-8"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16-le"), "line 1: there is no column"),
        (f"{HEADER}\n".encode() + b"ada,\xed\xa0\x80,,,,,,\n", "line 2, byte 5: this is not UTF-8"),
    ],
)
def test_another_encoding_is_refused(content: bytes, said: str) -> None:
    assert problem(content).startswith(said)


def test_separators_that_are_none_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        parse(HEADER.replace(",", ";").encode())
    assert "semicolons" in caught.value.hint


licences = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t\"',;=+@"), min_size=1)


@given(
    st.lists(licences, min_size=1, max_size=5, unique=True),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.permutations(NEWER.split(",")),
)
def test_every_licence_is_taken_to_the_character(texts: list[str], end: str, quoting: int, heads: list[str]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, heads, restval="", lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows({"user.name": "ada", "application.image": "i", "policy.app_license": text} for text in texts)
    found = [permits.license for _, _, permits in accepted(stream.getvalue())]
    assert found == texts


@given(st.binary(max_size=200))
def test_no_content_is_a_failure_that_nobody_foresaw(content: bytes) -> None:
    for text in (content, HEADER.encode() + b"\n" + content):
        with contextlib.suppress(UsageError, SeveralErrors):
            resolve(parse(text))


class TestIds:
    """The ids of grants that have none of their own."""

    def test_they_follow_from_the_row_alone(self) -> None:
        rows = ["ada,i:1,1,0,0,,,", "bob,i:1,0,0,1,/s/,/t,ro"]
        other = f"note,{HEADER}\nx,{rows[1].replace('/s/', '/s').replace(',1,/s', ',0,/s')}\ny,{rows[0]}\nz,cyd,j,,,,,,"
        first = {
            each.grant.id: each.grant.user for each in resolve(parse(f"{HEADER}\n{rows[0]}\n{rows[1]}".encode())).grants
        }
        second = {each.grant.id: each.grant.user for each in resolve(parse(other.encode())).grants}
        assert first.items() < second.items()

    def test_they_are_these_for_ever(self) -> None:
        assert derived_id("ada", "i:1", Policy()) == "a77399cf7af4282753ca95a6fa22f6b1"
        permits = Policy(True, True, True, "text", (Volume("/s", "/t", "ro"),))
        assert derived_id("ada", "i:1", permits) == "99c3845566508dc560abb7de98f6564d"

    def test_an_image_without_its_tag_is_the_same(self) -> None:
        [(_, grant)] = resolve(parse(f"{HEADER}\nada,i,,,,,,".encode())).grants
        assert grant.id == derived_id("ada", "i:latest", Policy())

    def test_the_same_row_again_is_skipped_with_its_place(self) -> None:
        found = resolve(parse(f"{HEADER}\n{ROW}\nbob,i,,,,,,\nada,paraview:5,1,0,1,,/t,\n".encode()))
        assert len(found.grants) == 2
        assert [tuple(each) for each in found.skipped] == [("line 4", "it grants paraview:5 to ada as line 2 does")]

    @given(st.builds(Policy, st.booleans(), st.booleans(), st.booleans(), st.none() | st.text(min_size=1)))
    def test_policies_are_written_as_the_database_writes_them(self, permits: Policy) -> None:
        import hashlib

        said = f"ada\0i:1\0{policy_json.dump(permits)}".encode("utf-8", "surrogatepass")
        assert derived_id("ada", "i:1", permits) == hashlib.sha256(said).hexdigest()[:32]


def test_grants_are_numbered_by_the_line_that_they_begin_at() -> None:
    old = parse(f'{HEADER},note\n{ROW},"two\nlines"\n\n{ROW},x\n'.encode())
    assert old.grants == (OldGrant(2, None, 0, 0, 0), OldGrant(5, None, 0, 0, 0))


def test_renames_are_split_at_the_last_sign() -> None:
    assert parse_renames(["a=b=c", "=d"]) == {"a=b": "c", "": "d"}
    for wrong in (["ab"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(UsageError):
            parse_renames(wrong)
