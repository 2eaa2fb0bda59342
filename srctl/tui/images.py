"""The pane of images: what each host has, what of it is registered as an application, and what no host has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from srctl import images
from srctl.errors import SrctlError
from srctl.models import Application, Image, Policy
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Said
from srctl.tui.office import OfficePane, checked
from srctl.tui.pane import Fact
from srctl.tui.reading import last_words
from srctl.tui.state import HostView, State
from srctl.tui.words import counted, plainly, size

ANYTHING = Policy(allow_startup_data=True)
"""For what an image offers, whatever is granted."""

STATES = {
    "registered": "✓ registered",
    "free": "- not registered",
    "absent": "↓ on no host",
    "unseen": "? not seen yet",
}
TONES = {"registered": "good", "absent": "warn", "unseen": "warn"}


@dataclass(frozen=True, slots=True)
class Item:
    """An image of a host by one of its names, a registered application, or both; `host` is empty where none has it."""

    host: str
    name: str
    image: Image | None
    application: Application | None
    state: str

    @property
    def key(self) -> str:
        """What names it."""
        return f"{self.host}\0{self.name}"

    @property
    def title(self) -> str:
        """Its title, if it has one."""
        own = images.title(self.image.labels, "") if self.image else ""
        return (self.application and self.application.title) or own


class ImagesPane(OfficePane):
    """The images, and the applications."""

    NAME = "Images"
    EMPTY = "There is no image. docker pull brings some, and n registers one that is still to come"
    COLUMNS = (
        Column("IMAGE", flexible=True, least=20),
        Column("STATE", toned=True),
        Column("TITLE", drop=2, flexible=True),
        Column("GRANTS", drop=3, right=True),
        Column("TYPE", drop=5),
        Column("SIZE", drop=4, right=True),
        Column("HOST", drop=1, flexible=True, least=6),
    )
    KEYS = (
        Key("enter", "choose", "register", "Register the image as an application; one that is: show its labels", True),
        Key("n", "register", "", "Register this image, or another one", changes=True),
        Key("x", "remove", "unregister", "Unregister the application with its grants; asks", changes=True),
        Key("i", "labels", "labels", "Show what the image says of itself"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._items: dict[str, Item] = {}
        self._asked: set[str] = set()

    @property
    def _views(self) -> list[tuple[str, HostView]]:
        """The hosts that the accounting database speaks of."""
        return [(name, view) for name, view in self.state.hosts.items() if view.governed]

    def show(self) -> None:
        """Show what is known now, and ask hosts that have just come, or come back."""
        for name, view in self._views:
            if view.error is not None:
                self._asked.discard(name)
            elif view.sessions is not None and name not in self._asked:
                self._asked.add(name)
                view.thread.list_images()
        super().show()

    def again(self) -> None:
        """Ask all hosts again."""
        super().again()
        self._asked.clear()
        self.show()

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each image of each host, and for each application that no host has."""
        books = self.state.books
        told = [(view.images, _trouble(view)) for _, view in self._views]
        if books is None and self.state.books_error is None:
            return None
        if not (books and books.applications) and all(each == (None, None) for each in told):
            return None
        return self.made_of((books, *(source for each in told for source in each)), self._make)

    def _make(self) -> Iterable[Row]:
        books = self.state.books
        found = self._found(books.applications if books else ())
        self._items = {each.key: each for each in sorted(found, key=lambda each: (each.name, each.host))}
        return (_row(each, books.granted if books else {}) for each in self._items.values())

    def _found(self, registered: Iterable[Application]) -> Iterable[Item]:
        applications = {each.image: each for each in registered}
        seen: set[str] = set()
        for host, view in self._views:
            for image in view.images or ():
                names = {*images.names(image), *(tag for tag in image.tags if tag in applications)}
                seen |= names
                for name in names:
                    application = applications.get(name)
                    yield Item(host, name, image, application, "registered" if application else "free")
        complete = all(view.images is not None and _trouble(view) is None for _, view in self._views)
        for name, application in applications.items():
            if name not in seen:
                yield Item("", name, None, application, "absent" if complete else "unseen")

    def reasons(self) -> Sequence[str]:
        """Return what went wrong where nothing is shown."""
        return [*super().reasons(), *self._silent()]

    def _silent(self) -> list[str]:
        """Return why hosts have told nothing."""
        return [self.told_by(name, error) for name, view in self._views if (error := _trouble(view)) is not None]

    @property
    def selected(self) -> Item | None:
        """What is under the cursor."""
        return self._items.get(self.table.key or "")

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the image under the cursor."""
        if (found := self.selected) is None:
            return ()
        facts = [("", f"{found.name} on {found.host}" if found.host else found.name)]
        facts.append(("state", f"{STATES[found.state]}{self._why(found)}"))
        if found.application is not None:
            facts.append(("as", _in_words(found.application)))
            facts.append(("grants", counted(self._grants(found.name), "grant")))
        if found.image is not None:
            facts += _facts(found.image)
        return facts

    def _why(self, found: Item) -> str:
        if found.state == "unseen":
            return "".join(f"; {each}" for each in self._silent())
        return ": the first start pulls it" if found.state == "absent" else ""

    def _grants(self, name: str) -> int:
        return self.state.books.granted.get(name, 0) if self.state.books else 0

    def command(self) -> str:
        """Return what registers the image under the cursor, or shows the application."""
        if (found := self.selected) is None:
            return ""
        if found.application is not None:
            return self.office_command("app", "show", found.name)
        return self.state.command("app", "add", found.name, host=found.host)

    # -- what the keys do

    def action_choose(self) -> None:
        """Register the image; show the labels of one that is registered."""
        if self.selected is not None and self.selected.application is not None:
            self.action_labels()
        else:
            self.action_register()

    def action_register(self) -> None:
        """Register this image, or another one."""
        from srctl.tui.registering import form, looks_up, register

        found = self.selected
        host = (found and found.host) or self._views[0][0]
        fresh = found if found is not None and found.application is None else None
        self.administer_with(
            form(
                lambda *words: self.state.command(*words, host=host),
                fresh.name if fresh else "",
                fresh.image if fresh else None,
            ),
            "Registering",
            register,
            lambda application: self.post_message(Said(f"Registered {application.image}", "srctl grant add grants it")),
            host=lambda values: host if looks_up(values) else None,
        )

    def action_remove(self) -> None:
        """Unregister the application."""
        found = self.selected
        if found is None or found.application is None:
            return
        name = found.name
        self.ask(
            f"Unregister {name} with {counted(self._grants(name), 'grant')}? The image stays, and what runs",
            self.office_command("app", "remove", name),
            lambda: self.administer(
                f"Unregistering {name}",
                lambda context: checked(context.accounting.remove_applications([name])),
                lambda outcome: self.tell("Unregistered", outcome),
            ),
        )

    def action_labels(self) -> None:
        """Show what the image says of itself."""
        if (found := self.selected) is None:
            return
        if found.image is None:
            text = "No host has the image, so nobody knows its labels.\n"
        else:
            text = "".join(f"{plainly(name)} = {text}\n" for name, text in sorted(found.image.labels.items()))
        self.app.push_screen(last_words(f"Labels of {found.name}", text or "The image has no labels.\n"))


def _trouble(view: HostView) -> SrctlError | None:
    """Return why nobody knows whether the host has an image."""
    return view.error or view.images_error


def _row(each: Item, granted: Mapping[str, int]) -> Row:
    grants = granted.get(each.name, 0) if each.application else None
    kind = images.kind(each.image.labels) if each.image else None
    cells = (
        plainly(each.name),
        STATES[each.state],
        plainly(each.title) or "-",
        "-" if grants is None else str(grants),
        kind or "-",
        size(each.image.size) if each.image else "-",
        plainly(each.host) or "-",
    )
    number = each.image.size if each.image else None
    values = (*(cell.lower() for cell in cells[:3]), grants, cells[4], number, cells[6].lower())
    return Row(each.key, cells, values, TONES.get(each.state, ""))


def _facts(image: Image) -> list[Fact]:
    labels = image.labels
    facts = [("about", text)] if (text := images.description(labels)) else []
    kind = images.kind(labels) or "does not know the protocol of sessions"
    facts.append(("type", f"{kind}, profile {images.profile(labels)}"))
    if offered := images.configurables(labels, ANYTHING):
        facts.append(("settings", ", ".join(offered)))
    return [*facts, ("size", size(image.size)), ("id", image.id)]


def _in_words(application: Application) -> str:
    """Return what is registered, where it differs from what the image says."""
    shm = None if application.shm_size is None else size(application.shm_size)
    given = {"port": application.port, "path": application.path, "scheme": application.scheme}
    given |= {"profile": application.profile, "shared memory": shm, "GPUs": application.gpus}
    words = [f"{name} {value}" for name, value in given.items() if value is not None]
    return ", ".join([application.title or "its own title", *words])
