"""Take over the data of the old system: what is not there yet is added, and nothing is changed or removed.

All of it is added in one transaction or nothing. Who imports again finds that all is there. What the database has
already counts: it may have been changed since, and is left as it is.
"""

from collections.abc import Mapping

from srctl.contents import Archive, Changes, Contents, GrantEntry, Imported, Skipped, UserEntry
from srctl.errors import ConflictError
from srctl.legacy import OldData, Resolved, resolve
from srctl.models import Application
from srctl.outcome import Outcome


def take_over(
    old: OldData, archive: Archive, renames: Mapping[str, str] | None = None, *, dry_run: bool = False
) -> Imported:
    """Add what stands in old data to a database; with `dry_run` only say what that would do.

    Raises as `legacy.resolve`, ConflictError for a name that differs only in case from one that is there, and
    UnsupportedError for a database that is only read. Nothing is added then.
    """
    if not dry_run:
        archive.require_writable()
    resolved = resolve(old, renames or {})
    intake = _Intake(resolved, archive.contents())
    if intake.changes and not dry_run:
        with archive.revision() as revision:
            intake = _Intake(resolved, revision.contents())  # somebody else may have been faster
            revision.carry_out(intake.changes)
    added = intake.changes.added
    return Imported(
        old.kind,
        dry_run,
        len(added.users),
        len(added.applications),
        len(added.grants),
        intake.present,
        (*resolved.skipped, *intake.skipped),
        tuple(each.id for each in added.grants),
    )


class _Intake:
    """What is missing of the old data in what a database holds."""

    def __init__(self, resolved: Resolved, contents: Contents) -> None:
        self.present = 0
        self.skipped: list[Skipped] = []
        _check_names(resolved.users, contents)
        users = {user.name for user in contents.users}
        images = {application.image for application in contents.applications}
        added = Contents(
            tuple(UserEntry(name) for name in resolved.users if name not in users),
            applications=tuple(Application(image) for image in resolved.images if image not in images),
            grants=tuple(self._missing(resolved, contents)),
        )
        self.changes = Changes(added)

    def _missing(self, resolved: Resolved, contents: Contents) -> list[GrantEntry]:
        ids = {grant.id for grant in contents.grants}
        by_content = {grant[1:]: grant.id for grant in contents.grants}
        missing = []
        for place, grant in resolved.grants:
            same = by_content.get(grant[1:]) if ids else None
            if same == grant.id:
                self.present += 1
            elif same is not None:
                self._skip(place, grant, f"the database grants {grant.image} to {grant.user} already, as {same}")
            elif grant.id in ids:
                self._skip(place, grant, "the database has changed it since")
            else:
                missing.append(grant)
        return missing

    def _skip(self, place: str, grant: GrantEntry, reason: str) -> None:
        self.skipped.append(Skipped(place, f"grant {grant.id}: {reason}"))


def _check_names(names: tuple[str, ...], contents: Contents) -> None:
    there = {user.name.casefold(): user.name for user in contents.users}
    groups = {f"@{group.name}".casefold() for group in contents.groups}
    clashes = [(name, there[name.casefold()]) for name in names if there.get(name.casefold(), name) != name]
    errors = [
        ConflictError(
            f"User {name} differs only in case from {known}, who is there already",
            f"If it is the same person: --rename {name}={known}",
        )
        for name, known in clashes
    ]
    errors += [
        ConflictError(f"User {name} would be how a group is written", f"Give it another name: --rename {name}=NEW")
        for name in names
        if name.casefold() in groups and name not in there.values()
    ]
    Outcome((), tuple(errors)).check()
