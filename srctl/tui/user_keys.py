"""The SSH public keys of one user, in front of the list of users."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from srctl import text_files
from srctl.accounting import Accounting
from srctl.errors import SrctlError, UsageError
from srctl.models import PublicKey
from srctl.outcome import Outcome
from srctl.tui.columns import Column, Row
from srctl.tui.fields import Field, Form, Values
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Said
from srctl.tui.office import OfficePane, checked
from srctl.tui.pane import Fact
from srctl.tui.state import State
from srctl.tui.words import age, day, failure, plainly, second
from srctl.tui.work import Work


class KeysPane(OfficePane):
    """The keys of a user."""

    NAME = "Keys"
    EMPTY = "There is no key yet: n adds one"
    COLUMNS = (
        Column("TYPE", drop=1),
        Column("FINGERPRINT", flexible=True),
        Column("COMMENT", drop=2, flexible=True),
        Column("LAST USED", drop=3),
        Column("ADDED", drop=4),
    )
    KEYS = (
        Key("enter,n", "choose", "add", "Add keys", changes=True),
        Key("x", "remove", "remove", "Remove the key; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, state: State, name: str) -> None:
        super().__init__(state)
        self._user = name
        self._found: Sequence[PublicKey] | None = None
        self._error: SrctlError | None = None

    def again(self) -> None:
        """Ask for the keys."""
        name = self._user
        self.want(
            Work(
                "Reading keys",
                self.state.office_host,
                lambda context, _tell: context.accounting.keys(name),
                self._read,
                quiet=True,
                failed=self._lost,
            )
        )

    def _read(self, found: Sequence[PublicKey]) -> None:
        self._found, self._error = found, None
        self.show()

    def _lost(self, error: SrctlError) -> None:
        self._found, self._error = (), error
        self.show()

    def heading(self) -> str:
        """Return whose keys they are."""
        return plainly(f"{super().heading()} · {self._user}")

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each key."""
        return None if self._found is None else [_row(each) for each in self._found]

    def reasons(self) -> Sequence[str]:
        """Return why they are not known."""
        return () if self._error is None else (failure(self._error),)

    @property
    def selected(self) -> PublicKey | None:
        """The key under the cursor."""
        return next((each for each in self._found or () if each.fingerprint == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the key under the cursor."""
        if (key := self.selected) is None:
            return ()
        used = "never, through a gateway" if key.last_used is None else second(key.last_used)
        facts = [("", f"Key of {self._user}"), ("type", key.type), ("key", key.fingerprint)]
        facts += [("comment", key.comment or "-"), ("last used", used)]
        if key.added is not None:
            facts.append(("added", second(key.added)))
        return facts

    def command(self) -> str:
        """Return what adds a key."""
        return self.office_command("user", "key", "add", self._user, "FILE")

    # -- what the keys do

    def action_choose(self) -> None:
        """Add keys."""
        fields = (Field("key", hint="paste a line like ssh-ed25519 AAAA..."), Field("or file", hint="~/ann.pub"))
        name = self._user
        self.administer_with(
            Form(f"Add keys of {name}", fields, "Add", self._adding),
            "Adding keys",
            lambda context, values: _add(context.accounting, name, values),
            self._added,
        )

    def _adding(self, values: Values) -> str:
        return self.office_command("user", "key", "add", self._user, values.get("or file", "-"))

    def _added(self, outcome: Outcome[PublicKey]) -> None:
        self.tell("Added", outcome, lambda key: str(key.fingerprint))
        self.again()

    def action_remove(self) -> None:
        """Remove the key."""
        if (key := self.selected) is None:
            return
        name, print_ = self._user, key.fingerprint
        comment = f" ({key.comment})" if key.comment else ""
        self.ask(
            f"Remove the key {print_}{comment} of {name}? Connections that were made with it end",
            self.office_command("user", "key", "remove", name, print_),
            lambda: self.administer(
                f"Removing a key of {name}",
                lambda context: context.accounting.remove_key(name, print_),
                lambda _: self._removed(print_),
            ),
        )

    def _removed(self, print_: str) -> None:
        self.post_message(Said(f"Removed {print_}"))
        self.again()


def _add(accounting: Accounting, name: str, values: Values) -> Outcome[PublicKey]:
    """Add what was pasted and what is in the file. Raises `UsageError` where there is neither."""
    texts = [values["key"]] if "key" in values else []
    if "or file" in values:
        texts.append(text_files.read(values["or file"], errors="replace"))
    if not texts:
        raise UsageError("There is no key", "Paste one, or give the path of a file like ~/.ssh/id_ed25519.pub")
    return checked(accounting.add_keys(name, "\n".join(texts)))


def _row(key: PublicKey) -> Row:
    cells = (
        plainly(key.type),
        plainly(key.fingerprint),
        plainly(key.comment) or "-",
        "never" if key.last_used is None else f"{age(key.last_used)} ago",
        "-" if key.added is None else day(key.added),
    )
    used = None if key.last_used is None else -key.last_used.timestamp()
    return Row(key.fingerprint, cells, (*(cell.lower() for cell in cells[:3]), used, cells[4]))
