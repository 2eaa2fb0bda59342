"""Sessions behind a gateway: people can let others open a session of theirs, and see those that others let them open.

A share is leave to open, never to stop or to read the log. It goes with the session, with the grant, which must allow
it (`allow_view`), and with either person. What the guest reaches is the application's own port: whoever can open a
session can use all of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from srctl import choosing, labels, policy, recording, slots
from srctl.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from srctl.models import Available, Container, Grant, Policy, Session, Share
from srctl.needs import Engine, Rights, Stream
from srctl.sessions import RUNNING, Sessions

LONGEST = 366 * 86400.0
"""Seconds that a share may last at most, where an end is given."""


class ShareBook(Protocol):
    """What the accounting database knows of shares; those that have expired are not in it."""

    def shares(self, user: str) -> list[Share]:
        """Return the shares of which somebody is the owner or the guest."""

    def add_share(self, share: Share, grant_id: str) -> Share:
        """Keep a share, in place of one of the same session and guest. Raises `NotFoundError`."""

    def remove_shares(self, session_id: str, guest: str | None = None) -> list[Share]:
        """Remove the shares of a session, or its one with a guest; return them."""


class SharedSessions(Sessions):
    """The sessions that `user` has or may open. `end_guests` ends the connections that depend on shares."""

    def __init__(
        self,
        engine: Engine,
        open_rights: Callable[[], Rights | None],
        book: ShareBook,
        end_guests: Callable[[Iterable[Share]], None],
        *,
        user: str,
        realm: str,
    ) -> None:
        super().__init__(engine, open_rights, user=user, realm=realm)
        self._book = book
        self._end_guests = end_guests

    def available(self) -> list[Available]:
        """Return what the user may start; of a licence only that there is one: it is for the application."""
        return [replace(each, policy=policy.without_license(each.policy)) for each in super().available()]

    def grant(self, app: str) -> Grant:
        """Return the user's one grant for an application. Raises as `Sessions.grant`.

        Raises `NotAllowedError` too where a volume lies in a folder that somebody may write to by another grant: a
        link that is put in its place leads anywhere on the host, since the engine follows it as root. Anybody can
        join a group, so that one never counts as administrators.
        """
        found = super().grant(app)
        for other in self.rights.grants() if found.policy.volumes else ():
            for volume in found.policy.volumes:
                outer = policy.writable_parent(other.policy, volume.source)
                if outer is not None and not (other.user and self.rights.user(other.user).admin):
                    raise NotAllowedError(
                        f"The volume {volume.source} is not safe: another grant lets people write to {outer}",
                        "An administrator has to change one of both grants: none may lie in what others may write to",
                    )
        return found

    def find(self, *, stopped: bool = False, all_users: bool = False) -> list[Session]:
        """Return the sessions, oldest first, also those that others share with this user."""
        if all_users:
            return super().find(stopped=stopped, all_users=True)
        shares = self._book.shares(self.user)
        return self._with_seats(self._with_guests(self._visible(shares, stopped=stopped), shares))

    def get(self, prefix: str, *, all_users: bool = False) -> Session:
        """Return the session whose id begins so. Raises `NotFoundError`, and `ConflictError` for several."""
        if all_users:
            return super().get(prefix, all_users=True)
        return self._with_seats([self.describe(self.openable(prefix))])[0]

    def container(self, prefix: str, *, all_users: bool = False) -> Container:
        """Return the container of a session of the user's own. Raises `NotAllowedError` for one that is shared."""
        try:
            return super().container(prefix, all_users=all_users)
        except NotFoundError:
            shared = choosing.container(self._visible(self._book.shares(self.user), stopped=True), prefix)
            if shared is None:
                raise _nothing(prefix) from None
            owner = shared.labels.get(labels.RUNINFO + "user", "")
            said = f"Session {labels.session_id(shared)} belongs to {owner!r}; you may open it only"
            raise NotAllowedError(said) from None

    def openable(self, prefix: str) -> Container:
        """Return the container of a session that the user may open. Raises as `get`."""
        found = choosing.container(self._visible(self._book.shares(self.user), stopped=True), prefix)
        if found is None:
            raise _nothing(prefix)
        return found

    def reachable(self, container_id: str) -> Container:
        """Return the container with exactly this id if it is a session that the user may open now.

        Raises `NotFoundError`, and `NotAllowedError` as `permits`.
        """
        found = super().reachable(container_id)
        self.permits(found)
        return found

    def permits(self, container: Container) -> Policy:
        """Return what the grant of a session permits; a guest may open and set nothing. Raises `NotAllowedError`."""
        owner = container.labels.get(labels.RUNINFO + "user", "")
        if owner == self.user:
            return super().permits(container)
        self.entitled_user()
        if self.rights.user(owner).disabled:
            raise NotAllowedError(f"User {owner!r}, whose session it is, is disabled")
        self._grant_to_share(owner, container)
        return Policy()

    def end(self, container: Container, reason: str = recording.STOPPED) -> bool:
        """Stop and remove a container of ours, and what others were permitted there."""
        was_there = super().end(container, reason)
        self._end_guests(self._book.remove_shares(labels.session_id(container) or ""))
        return was_there

    def share(self, prefix: str, guest: str, seconds: float | None = None) -> Share:
        """Let another user open a session of this one, for some time or as long as it runs.

        Raises `NotAllowedError` where the grant does not allow it, `NotFoundError` for the session or the guest,
        `ConflictError` for a session that does not run or is not reached through a gateway.
        """
        container = self.container(prefix)
        session_id = str(labels.session_id(container))
        grant = self._grant_to_share(self.user, container)
        if guest == self.user:
            raise UsageError("The session is yours already")
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise UsageError(f"A share can't last {seconds:g} seconds", f"Give up to {LONGEST:.0f}")
        if self.rights.user(guest).disabled:
            raise NotAllowedError(f"User {guest!r} is disabled")
        slot = self._own_slot(container)
        if slot is None or container.state not in RUNNING:
            raise ConflictError(
                f"Session {session_id} can't be shared: it does not run behind the gateway",
                f"Start it there: srctl start --replace {grant.application.image}",
            )
        now = datetime.now(UTC)
        expires = None if seconds is None else now + timedelta(seconds=seconds)
        share = self._book.add_share(Share(session_id, self.user, guest, slot, now, expires), grant.id)
        try:  # who ends a session looks for its shares afterwards, so that one of both sees the other
            self.engine.container(container.id)
        except NotFoundError:
            self._end_guests(self._book.remove_shares(session_id))
            raise ConflictError(f"Session {session_id} ended a moment ago") from None
        return share

    def unshare(self, prefix: str, guest: str | None = None) -> list[Share]:
        """Take back the shares of a session, or that with one guest, and end what depends on them; return them.

        Raises `NotFoundError`.
        """
        session_id = str(labels.session_id(self.container(prefix)))
        removed = self._book.remove_shares(session_id, guest)
        if not removed:
            whom = "anybody" if guest is None else repr(guest)
            raise NotFoundError(f"Session {session_id} is not shared with {whom}")
        self._end_guests(removed)
        return removed

    def _own_slot(self, container: Container) -> int | None:
        """Return the slot where a session is; its label alone could be the image's."""
        slot, endpoint = labels.slot(container), labels.endpoint(container)
        here = slots.address(self.rights.user(self.user).id)
        return slot if endpoint is not None and (endpoint.address, endpoint.port) == (here, slot) else None

    @property
    def reached_directly(self) -> bool:
        """Nobody behind a gateway reaches a session without it."""
        return False

    def _grant_to_share(self, owner: str, container: Container) -> Grant:
        granted = self._current(self.rights.grants(user=owner))
        grant = next((grant for grant in granted if grant.id == labels.grant_id(container)), None)
        if grant is None or not grant.policy.allow_view:
            raise NotAllowedError(
                f"The grant of session {labels.session_id(container)} does not allow others to open it",
                "An administrator can grant it with --allow-view",
            )
        return grant

    def changes(self, *, all_users: bool = False) -> Stream[str]:
        """Open a stream that says a word whenever a list may differ, also where somebody shares a session or stops to.

        Of sessions that are not shared with the user nothing is told.
        """
        own = super().changes(all_users=all_users)
        if all_users:
            return own
        from srctl.hearing import Hearing

        return Hearing(
            own,
            lambda: self._book.shares(self.user),
            lambda shares: [each.id for each in self._guested(shares, stopped=True)],
            self.engine.events,
        )

    def _seen(self, ids: list[str], *, all_users: bool) -> list[Container]:
        if all_users:
            return super()._seen(ids, all_users=True)
        return self._visible(self._book.shares(self.user), stopped=False, ids=ids)

    def _visible(self, shares: list[Share], *, stopped: bool, ids: Sequence[str] = ()) -> list[Container]:
        """Return the containers of the user's sessions and of those that are shared with the user."""
        return self.containers(stopped=stopped, ids=ids) + self._guested(shares, stopped=stopped, ids=ids)

    def _guested(self, shares: list[Share], *, stopped: bool, ids: Sequence[str] = ()) -> list[Container]:
        """Return the containers of the sessions that are shared with the user."""
        guest_of = {share.session_id: share.owner for share in shares if share.guest == self.user}
        if not guest_of:
            return []
        others = self.containers(stopped=stopped, all_users=True, ids=ids)
        return [each for each in others if self._is_shared(each, guest_of)]

    def _is_shared(self, container: Container, guest_of: dict[str, str]) -> bool:
        owner = container.labels.get(labels.RUNINFO + "user")
        return owner != self.user and owner == guest_of.get(str(labels.session_id(container)))

    def _sessions(self, containers: list[Container]) -> list[Session]:
        return self._with_guests(containers, self._book.shares(self.user))

    def _with_guests(self, containers: list[Container], shares: list[Share]) -> list[Session]:
        guests: dict[str, list[str]] = {}
        for share in shares:
            guests.setdefault(share.session_id, []).append(share.guest)
        found = super()._sessions(containers)
        return [
            replace(each, shared_with=tuple(sorted(guests[each.id]))) if each.id in guests else each for each in found
        ]


def _nothing(prefix: str) -> NotFoundError:
    return NotFoundError(f"You have no session {prefix!r}", "srctl ps --all lists what there is")
