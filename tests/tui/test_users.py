"""The pane of users and their keys, by its keys."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from textual.events import Key

from srctl.db.ledger import Ledger
from tests.integration.gateway.gatehouse import new_key
from tests.tui.stage import Seat, Stage


def users(stage: Stage) -> dict[str, Any]:
    """Return the users of the accounting database by name."""
    return {each["name"]: each for each in stage.lab.json("user", "list", "--grants")}


def test_users_of_the_accounting_database_are_listed_and_kept_up_to_date(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("Users 2", "● active", "grant     srctl/web:latest: default", "no keys")
        stage.lab.json("user", "add", "berta")
        await seat.see("Users 3", "berta")

    stage.play(story)


def test_without_an_accounting_database_there_are_no_panes_of_administrators(stage: Stage) -> None:
    stage.lab.database.unlink()

    async def story(seat: Seat) -> None:
        await seat.see("● up")
        assert not {"Users", "Images", "Overview", "Audit"} & set(seat.panes)

    stage.play(story)


def test_several_users_are_added_at_once_and_those_who_can_t_be_are_all_told(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("Users 2")
        await seat.press("n")
        await seat.type("carl, dora")
        await seat.press("down", "space")
        await seat.see("◂ administrator ▸", "$ srctl user add carl dora --admin")
        await seat.press("enter")
        await seat.hear("Added carl, dora")
        await seat.see("Users 4")
        assert all(users(stage)[name]["admin"] for name in ("carl", "dora"))
        await seat.press("n")
        await seat.type("erin ANN .x")
        await seat.press("enter")
        await seat.see(
            "✓ Added erin", "✗ User ANN differs only in case from ann", "✗ Not a user name: '.x'", "Use 1 to 64 letters"
        )
        await seat.press("q")
        await seat.see("Users 5", "erin")

    stage.play(story)


def test_a_form_that_was_refused_comes_back_with_what_was_typed(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("Users 2")
        await seat.press("n")
        await seat.type("ann,bob")
        await seat.press("enter")
        await seat.see("✗ User ann exists. See `srctl user show ann`; User bob exists", "$ srctl user add ann bob")
        await seat.type("boby")
        await seat.press("enter")
        await seat.hear("Added boby")
        await seat.press("n", "escape")
        await seat.see("Users 3")

    stage.play(story)


def test_a_user_is_disabled_once_that_was_asked_and_enabled_again(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("d")
        await seat.see("Disable ann? Their connections end", "$ srctl user disable ann")
        await seat.press("y")
        await seat.hear("Disabled ann")
        await seat.see("✗ disabled")
        assert users(stage)["ann"]["disabled"]
        await seat.press("d")
        await seat.hear("Enabled ann")
        await seat.miss("✗ disabled")

    stage.play(story)


def test_removing_a_user_says_what_goes_with_it(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("x")
        await seat.see("Remove ann with 1 grant and no keys?", "$ srctl user remove ann")
        await seat.press("n")
        await seat.press("x", "y")
        await seat.hear("Removed ann")
        await seat.see("Users 1", "▸ bob")
        assert list(users(stage)) == ["bob"]

    stage.play(story)


def test_what_another_process_has_removed_meanwhile_is_told(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("x")
        stage.lab.ok("user", "remove", "ann", "--yes")
        await seat.press("y")
        await seat.hear("There is no user ann")
        await seat.see("Users 1")

    stage.play(story)


def test_keys_of_a_user_are_shown_added_and_removed(stage: Stage) -> None:
    first, second = new_key(), new_key()
    file = stage.lab.home / "ann.pub"
    file.write_text(f"{second} laptop\n")

    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann", "$ srctl user key list ann")
        await seat.press("enter")
        await seat.see("Keys 0 · ann", "There is no key yet", "$ srctl user key add ann FILE")
        await seat.press("n")
        await seat.paste(f"{first} [b]desk[/b]\n")
        await seat.press("enter")
        await seat.hear("Added SHA256:")
        await seat.see("Keys 1 · ann", "[b]desk[/b]", "never")
        await seat.press("n", "down")
        await seat.paste(str(file))
        await seat.see("$ srctl user key add ann")
        await seat.until(lambda: seat.screen.count(str(file)[:10]) == 2)  # in the field, and in the command line
        await seat.press("enter")
        await seat.see("Keys 2 · ann", "laptop")
        [desk, laptop] = stage.lab.json("user", "key", "list", "ann")
        await seat.press("x")
        await seat.see(f"Remove the key {desk['fingerprint']}", "([b]desk[/b]) of ann?", "made with it end")
        await seat.press("y")
        await seat.see("Keys 1 · ann", laptop["fingerprint"][:12])
        assert stage.lab.json("user", "key", "list", "ann") == [laptop]
        await seat.press("q")
        await seat.see("Users 2", "1 key, known since")

    stage.play(story, size=(110, 30))


def test_what_is_no_key_is_refused_in_the_form_and_never_shown(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("enter")
        await seat.press("n", "enter")
        await seat.see("✗ There is no key. Paste one")
        await seat.press("down")
        await seat.paste("~/none.pub")
        await seat.press("enter")
        await seat.see("✗ There is no file ~/none.pub")
        await seat.paste("-----BEGIN OPENSSH PRIVATE KEY-----")
        await seat.press("down", "backspace", "enter")
        await seat.see("✗ This is a private key; it must never leave its owner")
        await seat.press("escape")
        await seat.see("Keys 0 · ann")
        await seat.press("slash", "a", "escape")
        await seat.see("Keys 0 · ann")
        await seat.press("escape")
        await seat.see("Users 2")

    stage.play(story)


def test_when_a_key_was_used_last_is_shown(stage: Stage) -> None:
    file = stage.lab.home / "ann.pub"
    file.write_text(new_key())
    [key] = stage.lab.json("user", "key", "add", "ann", str(file))
    with closing(Ledger(stage.lab.database)) as ledger:
        ledger.note_use(key["fingerprint"])

    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("enter")
        await seat.see("s ago", f"{datetime.now(UTC).astimezone():%Y-%m-%d %H:}")

    stage.play(story, size=(120, 30))


def test_only_looking_changes_no_user_and_no_key(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann", "⏎ keys")
        await seat.press("n", "d", "x")
        await seat.press("enter")
        await seat.see("Keys 0 · ann")
        await seat.press("n", "x", "enter")
        await seat.press("question_mark")
        await seat.see("Everywhere")
        assert "Add keys" not in seat.screen
        await seat.press("q", "q")
        await seat.see("Users 2")

    stage.play(story, readonly=True)


def test_a_form_is_given_once_however_often_enter_is_pressed(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ ann")
        await seat.press("n")
        await seat.paste("carl")
        for _ in range(2):
            seat.app.post_message(Key("enter", "\r"))
        await seat.hear("Added carl")
        await seat.see("Users 3")

    stage.play(story)
