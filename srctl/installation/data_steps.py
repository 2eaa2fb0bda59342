"""The steps about what the service account owns: done and looked at as that account, never as root.

So no link that the account might put there leads root astray, and what is made shows that the account can do its work.
"""

import json
import os
from dataclasses import dataclass

from srctl.installation import system
from srctl.installation.layout import DATABASE, LOGINS
from srctl.installation.steps import Folder, Standing, Undo, required
from srctl.installation.system import must, run


@dataclass(frozen=True, slots=True)
class Logins:
    """The folder of the record of logins, in the account's home: made and looked at as the account."""

    account: str

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The record of logins: {LOGINS}"

    @property
    def content(self) -> str | None:
        """Nothing is written."""
        return None

    def standing(self) -> Standing:
        """Compare owner and mode."""
        found = system.account(self.account)
        folder = Folder(LOGINS, 0o700, self.account)
        return folder.standing() if found else Standing.MISSING

    def make(self) -> Undo:
        """Make the folder, or give it the mode."""
        account = required(self.account)
        missing = self.standing() is Standing.MISSING
        must("mkdir", "-p", "-m", "700", LOGINS, account=account)
        must("chmod", "700", LOGINS, account=account)
        return lambda: run("rmdir", LOGINS, account=account) if missing else None

    def remove(self) -> bool:
        """It goes with the home."""
        return False


@dataclass(frozen=True, slots=True)
class Database:
    """The database, made and upgraded as the account, which also shows that the account can run this srctl."""

    account: str
    python: str

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The database {DATABASE}, ready for this srctl"

    @property
    def content(self) -> str | None:
        """The command."""
        return f"(as {self.account}) {' '.join(self._srctl('init'))}\n"

    def standing(self) -> Standing:
        """Ask the database, as the account."""
        account = system.account(self.account)
        if account is None or not os.path.lexists(DATABASE):
            return Standing.MISSING
        done = run(*self._srctl("status", "-o", "json"), account=account)
        return Standing.DONE if done.code == 0 and json.loads(done.out)["pending"] == [] else Standing.DIFFERENT

    def make(self) -> Undo:
        """Make or upgrade it; an upgrade is not taken back, the older program's database may stay upgraded."""
        missing = not os.path.lexists(DATABASE)
        must(*self._srctl("init"), account=required(self.account))
        return self._drop if missing else lambda: None

    def remove(self) -> bool:
        """It goes with the home."""
        return False

    def _drop(self) -> None:
        for ending in ("", "-wal", "-shm", "-journal"):
            system.remove_file(f"{DATABASE}{ending}")

    def _srctl(self, *words: str) -> tuple[str, ...]:
        return (self.python, "-I", "-m", "srctl", "--config", os.devnull, "--db", DATABASE, "db", *words)
