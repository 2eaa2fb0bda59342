"""What a user can do with sessions: see, start, open, read, stop.

Docker is asked for what runs and the accounting database for what is permitted; both are handed in. Without a
database whatever runs can still be listed, opened and stopped.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from srctl import choosing, describing, images, labels, limits, recording
from srctl.books import Records
from srctl.errors import NoDatabaseError, NotAllowedError, NotFoundError
from srctl.models import Available, Container, EngineInfo, Grant, Image, Policy, Session, Usage, User
from srctl.needs import Engine, Rights, Stream, UsageStream
from srctl.recording import NoRecords

RUNNING = ("running", "restarting", "paused")
"""Docker's states of containers that hold their ports and processes."""

MOST_WATCHED = 60
"""Containers of which it is told at once what they take: no screen shows many more."""

_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")

_ANY = Policy(allow_startup_data=True)
"""What may be set where nobody knows the grant."""


class Sessions:
    """The sessions of one realm on one host, as `user` sees them.

    `open_rights` opens the accounting database, `None` where there is none; it is called when it is first needed,
    which is after the engine was asked for what runs.
    """

    def __init__(self, engine: Engine, open_rights: Callable[[], Rights | None], *, user: str, realm: str) -> None:
        self.engine = engine
        self.user = user
        self.realm = realm
        self._open_rights = open_rights
        self._found_rights: Rights | None = None
        self._found_identity: int | None = None

    @property
    def _rights(self) -> Rights | None:
        """The accounting database; one that is not there is looked for again each time."""
        if self._found_rights is None:
            self._found_rights = self._open_rights()
        return self._found_rights

    @property
    def rights(self) -> Rights:
        """The accounting database. Raises `NotFoundError` where there is none."""
        if self._rights is None:
            raise NotFoundError("There is no accounting database", "srctl db init")
        return self._rights

    @property
    def records(self) -> Records:
        """What ran; nothing is kept where there is no database."""
        return NoRecords() if self._rights is None else self._rights.records

    @property
    def reached_directly(self) -> bool:
        """Whether sessions are reached on this machine as they are."""
        return self.engine.direct

    def available(self) -> list[Available]:
        """Return what the user may start. Raises `NotAllowedError` for an unknown or disabled user."""
        self.entitled_user()
        grants = self._current(self.rights.grants(user=self.user))
        present = {tag: image for image in self.engine.images() for tag in image.tags}
        running = {labels.grant_id(c): labels.session_id(c) for c in self.containers()}
        return [images.offer(grant, present.get(grant.application.image), running.get(grant.id)) for grant in grants]

    def find(self, *, stopped: bool = False, all_users: bool = False) -> list[Session]:
        """Return the sessions, oldest first: one request of the Engine API, and one for each grant that has seats."""
        found = self._sessions(self.containers(stopped=stopped, all_users=all_users))
        return self._with_seats(found, all_of_them=all_users)

    def get(self, prefix: str, *, all_users: bool = False) -> Session:
        """Return the session whose id begins so. Raises `NotFoundError`, and `ConflictError` for several."""
        return self._with_seats([self.describe(self.container(prefix, all_users=all_users))])[0]

    def container(self, prefix: str, *, all_users: bool = False) -> Container:
        """Return the container of the session whose id begins so, or by its own name. Raises as `get`."""
        found = choosing.container(self.containers(stopped=True, all_users=all_users), prefix)
        if found is None:
            raise NotFoundError(
                f"{self.user!r} has no session {prefix!r} in realm {self.realm!r} on {self.engine.name}",
                "srctl ps --all lists sessions; --user, --realm and --host say where to look",
            )
        return found

    def openable(self, prefix: str) -> Container:
        """Return the container of a session that the user may open. Raises as `get`."""
        return self.container(prefix)

    def reachable(self, container_id: str) -> Container:
        """Return the container with exactly this id if it is a session that the user may open.

        Raises `NotFoundError`.
        """
        found = self.engine.container(container_id) if _CONTAINER_ID.fullmatch(container_id) else None
        if found is None or self.openable(str(labels.session_id(found))).id != found.id:
            raise NotFoundError(f"{self.user!r} has no session in the container {container_id[:64]!r}")
        return found

    def happenings(self, container_id: str) -> Stream[str]:
        """Open a stream of what happens to such a container: `start`, `die`, `destroy`. Raises as `reachable`."""
        return self.engine.events(self.reachable(container_id).id)

    def changes(self, *, all_users: bool = False) -> Stream[str]:
        """Open a stream that says a word whenever a list of the sessions may differ from the one before."""
        return self.engine.changes(labels.selector(self.realm, None if all_users else self.user))

    def watchable(self, container_ids: Sequence[str], *, all_users: bool = False) -> list[str]:
        """Return those of the containers that hold running sessions which the user may see: one request."""
        ids = [each for each in container_ids if _CONTAINER_ID.fullmatch(each)]
        return [found.id for found in self._seen(ids, all_users=all_users)] if ids else []

    def _seen(self, ids: list[str], *, all_users: bool) -> list[Container]:
        return self.containers(all_users=all_users, ids=ids)

    def stats(self, container_ids: Sequence[str], *, all_users: bool = False) -> UsageStream:
        """Open a stream of what the containers of sessions take, each about once a second.

        Those that the user may not see are left out, and so are those that do not run, and all beyond `MOST_WATCHED`.
        """
        from srctl.following import Following, Gathered

        gathered = Gathered[Usage]()
        following = Following(self.engine.stats, gathered.put)
        gathered.finally_do(following.close)
        following.watch(self.watchable(container_ids[:MOST_WATCHED], all_users=all_users))
        return gathered

    def images(self) -> list[Image]:
        """Return the tagged images of the host; labels that are very long, such as icons, are cut."""
        return [images.without_long_labels(image) for image in self.engine.images() if image.tags]

    def engine_version(self) -> str:
        """Return the version of the engine."""
        return self.engine.version()

    def engine_info(self) -> EngineInfo:
        """Return what the engine says of itself and of its machine."""
        return self.engine.info()

    def describe(self, container: Container) -> Session:
        """Read a container as a session."""
        return self._sessions([container])[0]

    def logs(
        self, prefix: str, *, tail: int | None = None, follow: bool = False, all_users: bool = False
    ) -> Stream[bytes]:
        """Open a stream of what the application wrote, in pieces."""
        container = self.container(prefix, all_users=all_users)
        return self.engine.logs(container.id, tail=tail, follow=follow)

    def stop(self, prefix: str, *, all_users: bool = False) -> tuple[str, bool]:
        """Stop and remove a session; return its id, and whether it was still there."""
        container = self.container(prefix, all_users=all_users)
        return labels.session_id(container) or "", self.end(container)

    def end(self, container: Container, reason: str = recording.STOPPED) -> bool:
        """Stop and remove a container of ours, and note why; return whether it was still there."""
        try:
            if container.state in RUNNING:
                counters = recording.used(self.engine, container)
                self.engine.stop(container.id)
                recording.stopped(self.records, container, reason, counters)
            else:
                recording.end_of(self.records, self.engine, str(labels.session_id(container)), container.id)
            self.engine.remove(container.id)
        except NotFoundError:
            return False
        return True

    def leftovers(self, *, all_users: bool = False) -> list[Session]:
        """Return the sessions that do not run: over, never started, or about to be started."""
        everything = self.containers(stopped=True, all_users=all_users)
        return self._sessions([c for c in everything if c.state not in RUNNING])

    def entitled_user(self) -> User:
        """Return the user. Raises `NotAllowedError` for one who is unknown or disabled."""
        rights = self.rights
        try:
            user = rights.user(self.user)
        except NoDatabaseError:
            raise
        except NotFoundError as error:
            hint = f"srctl user add {self.user}"
            raise NotAllowedError(f"There is no user {self.user!r} in the accounting database", hint) from error
        if user.disabled:
            raise NotAllowedError(f"User {user.name!r} is disabled", f"srctl user enable {user.name}")
        return user

    def grant(self, app: str) -> Grant:
        """Return the user's one grant for an image, a title or a grant id (prefix).

        Raises `NotFoundError` for an application that nobody knows, `NotAllowedError` for one that this user has
        no grant for and `ConflictError` for one that he has several for.
        """
        granted = self.rights.grants(user=self.user)
        current = self._current(granted)
        try:
            return choosing.grant(current, app, self.user, self.rights.applications)
        except NotAllowedError:
            self.entitled_user()
            past = [grant for grant in granted if grant not in current]
            for grant in choosing.named_grants(past, app, self.rights.applications):
                raise _expired(grant) from None
            raise

    def require_grant(self, grant_id: str) -> None:
        """Raise `NotAllowedError` unless the user may still start under this grant.

        To be asked once the container is there: who takes a grant away looks for its containers afterwards, so that
        one of both sees the other.
        """
        self.entitled_user()
        if not self.rights.held([(self.user, grant_id)]):
            raise NotAllowedError("The grant was removed a moment ago", "See what there is: srctl session available")

    def named_grants(self, app: str) -> list[Grant]:
        """Return the user's grants that `app` names in full: by id, image or title."""
        granted = self._current(self.rights.grants(user=self.user))
        return choosing.named_grants(granted, app, self.rights.applications)

    def permits(self, container: Container) -> Policy:
        """Return what the grant of a session permits; where there is none, whatever the session's image offers.

        Raises as `granted`.
        """
        grant = self.granted(container)
        return _ANY if grant is None else grant.policy

    def granted(self, container: Container) -> Grant | None:
        """Return the grant of a session of the user's; `None` where none is needed.

        That is without a database, and for sessions of SimPhoNy-Remote 2, whose grants no database of ours knows.
        Raises `NotAllowedError` for a user who is unknown or disabled, and for a grant that is gone or has expired.
        """
        if self._rights is None:
            return None
        self.entitled_user()
        for grant in self._rights.grants(user=self.user):
            if grant.id == labels.grant_id(container):
                if not self._current([grant]):
                    raise _expired(grant)
                return grant
        if labels.user_id(container) is None:
            return None
        session = str(labels.session_id(container))
        hint = f"srctl ps still lists it, and srctl stop {session[:12]} ends it"
        raise NotAllowedError(f"The grant of session {session} has been removed", hint)

    def containers(self, *, stopped: bool = False, all_users: bool = False, ids: Sequence[str] = ()) -> list[Container]:
        """Return the containers of the sessions that this user may see; with `ids` only those of them."""
        selector = labels.selector(self.realm, None if all_users else self.user)
        found = self.engine.containers(selector, stopped=stopped, ids=ids)
        mine = [container for container in found if labels.session_id(container)]
        if all_users:
            return mine
        identity = self._identity if mine else None
        return [each for each in mine if identity is None or labels.user_id(each) in (None, labels.NOBODY, identity)]

    @property
    def _identity(self) -> int | None:
        """The user's id: a session of a namesake who was removed carries another one and is not this person's.

        `None` where nobody knows: without a database, and with one whose users have no ids.
        """
        if self._found_identity is None and (rights := self._rights) is not None:
            with suppress(NotFoundError):
                self._found_identity = rights.user(self.user).lasting_id or None
        return self._found_identity

    def identify(self, user_id: int) -> None:
        """Take the user's id from who has just looked it up."""
        self._found_identity = user_id

    def _sessions(self, containers: list[Container]) -> list[Session]:
        with suppress(NoDatabaseError):  # it was there a moment ago
            return describing.sessions(containers, self._place, self._rights)
        return describing.sessions(containers, self._place, None)

    def _with_seats(self, found: list[Session], *, all_of_them: bool = False) -> list[Session]:
        rights = self._rights
        return found if rights is None else describing.with_seats(found, self.engine, rights, all_of_them=all_of_them)

    @property
    def _place(self) -> describing.Place:
        return describing.Place(self.engine.name, self.reached_directly)

    def started(self, container: Container) -> Session:
        """Read the container of a session that was started a moment ago, so that nothing has to be asked about it."""
        return describing.session(container, self._place, granted=True)

    def _current(self, grants: list[Grant]) -> list[Grant]:
        """Return the grants that have not expired."""
        now = datetime.now(UTC)
        return [grant for grant in grants if not limits.has_expired(grant.policy, now)]


def _expired(grant: Grant) -> NotAllowedError:
    image, end = grant.application.image, grant.policy.expires
    return NotAllowedError(
        f"The grant of {image} to {grant.holder} has expired" + (f", {limits.when(end)}" if end else ""),
        f"An administrator can renew it: srctl grant edit {grant.id[:12]} --expires D",
    )
