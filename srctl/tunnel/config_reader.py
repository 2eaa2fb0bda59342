"""Reads ssh_config(5) by ourselves: which lines apply to a host, with file and number.

This stands in for `ssh -G` where ssh is not installed, and tells where a value comes from where it is. paramiko's own
parser knows no `Include`, replaces tokens where ssh does not, and forgets line numbers. Whatever only ssh itself can
judge (`Match localnetwork`, an option that we have never heard of) ends the reading by its name.
"""

import glob
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

from srctl.errors import UsageError
from srctl.tunnel.keywords import ALIASES, KEYWORDS, SINGLE, WHOLE_LINE
from srctl.tunnel.target import SSHTarget
from srctl.tunnel.tokens import expand, local_user

_KEYWORD = re.compile(r"\s*(?P<name>[A-Za-z0-9]+)(?:\s*=\s*|\s+|$)(?P<rest>.*)", re.DOTALL)
_WORD = re.compile(r"\s*(?:(#.*)|((?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\\.|[^\s\"'\\])+))", re.DOTALL)
_PIECE = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|(\\.|[^\"'\\]+)", re.DOTALL)
_DEEPEST = 16
_EXEC_TIME = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """An option that applies: its name in lower case, its arguments, and where it stands."""

    name: str
    arguments: tuple[str, ...]
    path: Path
    number: int

    @property
    def value(self) -> str:
        """The arguments as `ssh -G` prints them."""
        return " ".join(self.arguments)

    @property
    def where(self) -> str:
        """The file and line, for a person."""
        return f"{self.path}:{self.number}"


@dataclass(slots=True)
class Reading:
    """The reading of configuration files for one target, in ssh's order: `lines` are those that apply."""

    target: SSHTarget
    home: Path
    lenient: bool = False
    """Pass over what only ssh can judge, as if it did not apply."""
    lines: list[Line] = field(default_factory=list)
    _ignored: list[str] = field(default_factory=list)
    _name: str = ""
    """What `Host` patterns are compared with."""
    _final: bool = False
    _wants_final: bool = False

    def read(self, files: Sequence[Path]) -> None:
        """Add the lines of the files that exist, and again for `Match final`, as ssh does. Raises `UsageError`."""
        self._name = self.target.alias
        with readable():
            self._read_all(files)
            if self._wants_final:
                self._name, self._final = self.hostname, True
                self._read_all(files)

    @property
    def hostname(self) -> str:
        """The name to connect to: HostName with its tokens, or the alias."""
        value = self.first("hostname")
        if value is None:
            return self.target.alias.lower()
        replaced = re.sub(r"%([%h])", lambda match: "%" if match[1] == "%" else self.target.alias, value)
        return replaced.lower()

    def first(self, name: str) -> str | None:
        """Return the value that counts so far: the first one."""
        return next((line.value for line in self.lines if line.name == name), None)

    def _read_all(self, files: Sequence[Path]) -> None:
        for path in files:
            if is_there(path):
                self._read(path, path.parent, True, 0)

    def _read(self, path: Path, folder: Path, active: bool, depth: int) -> None:
        never = not active
        refuse_insecure(path)
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        for number, content in enumerate(text.splitlines(), 1):
            match = _KEYWORD.match(content)
            if match is None:
                continue
            name = match["name"].lower()
            line = Line(ALIASES.get(name, name), _arguments(name, match["rest"], f"{path}:{number}"), path, number)
            if line.name == "host":
                active = not never and self._patterns(line.arguments, self._name)
            elif line.name == "match":
                active = not never and self._matches(line)
            elif line.name == "include" and active:
                for found in self._included(line, folder):
                    self._nested(found, folder, line, depth)
            elif active:
                self._apply(line)

    def _nested(self, found: Path, folder: Path, line: Line, depth: int) -> None:
        if depth >= _DEEPEST:
            raise UsageError(f"{line.where} includes files too deeply", "Does one of them include itself?")
        self._read(found, folder, True, depth + 1)

    def _included(self, line: Line, folder: Path) -> Iterator[Path]:
        for argument in line.arguments:
            if re.search(r"[%$]", argument):
                self._beyond(line, argument)
                continue
            anchored = folder / (self.home / argument[2:] if argument.startswith("~/") else argument)
            yield from (Path(name) for name in sorted(glob.glob(str(anchored))) if Path(name).is_file())

    def _apply(self, line: Line) -> None:
        if not line.arguments or (line.name in SINGLE and len(line.arguments) > 1):
            raise UsageError(f"{line.where} gives {line.name} {len(line.arguments) or 'no'} arguments")
        if line.name == "ignoreunknown":
            self._ignored += [pattern for argument in line.arguments for pattern in argument.split(",")]
        elif line.name in KEYWORDS:
            if line not in self.lines:
                self.lines.append(line)
        elif not any(_matches_pattern(line.name, pattern.lower()) for pattern in self._ignored):
            self._beyond(line, line.name)

    # -- conditions

    def _patterns(self, patterns: Sequence[str], name: str) -> bool:
        hits = [pattern for pattern in patterns if _matches_pattern(name, pattern.removeprefix("!"))]
        return bool(hits) and not any(pattern.startswith("!") for pattern in hits)

    def _matches(self, line: Line) -> bool:
        words = list(line.arguments)
        matched = True
        while words:
            word = words.pop(0)
            negated, criterion = word.startswith("!"), word.removeprefix("!").lower()
            if criterion in ("all", "final", "canonical"):
                self._wants_final = self._wants_final or criterion == "final"
                matched = matched and (criterion == "all" or self._final) != negated
                continue
            test = self._tests().get(criterion)
            if test is None or not words:
                self._beyond(line, f"Match {criterion}")
                return False
            argument = words.pop(0)
            if matched:  # ssh runs no command whose outcome does not count
                matched = test(argument) != negated
        return matched

    def _tests(self) -> dict[str, Callable[[str], bool]]:
        return {
            "host": lambda patterns: self._patterns(patterns.lower().split(","), self.hostname.lower()),
            "originalhost": lambda patterns: self._patterns(patterns.lower().split(","), self.target.alias.lower()),
            "user": lambda patterns: self._patterns(patterns.split(","), self._user()),
            "localuser": lambda patterns: self._patterns(patterns.split(","), local_user()),
            "exec": self._run,
        }

    def _run(self, command: str) -> bool:
        shell = os.environ.get("SHELL") or "/bin/sh"
        arguments = [shell, "-c", expand(command, self._tokens(), "ProxyCommand")]
        try:
            done = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=_EXEC_TIME, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"A command of `Match exec` cannot be run: {command}") from error
        return done.returncode == 0

    def _tokens(self) -> dict[str, str]:
        port = str(self.target.port or self.first("port") or 22)
        tokens = {"h": self.hostname, "n": self.target.alias, "p": port, "r": self._user()}
        return tokens | {"k": self.first("hostkeyalias") or self.target.alias, "j": self.first("proxyjump") or ""}

    def _user(self) -> str:
        return self.target.user or self.first("user") or local_user()

    def _beyond(self, line: Line, what: str) -> None:
        if not self.lenient:
            raise UsageError(
                f"{line.where} uses {what}, which only ssh itself can judge, and ssh is not installed",
                "Install the OpenSSH client",
            )


@contextmanager
def readable() -> Iterator[None]:
    """Raise `UsageError`, which names the file, where one can't be read."""
    try:
        yield
    except OSError as error:
        hint = "Make it readable for you, or move it away"
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}", hint) from error


def is_there(path: Path) -> bool:
    """Tell whether there is a file to be read. Raises `UsageError` for a folder and the like, and `OSError`."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISREG(mode) or stat.S_ISCHR(mode):  # nothing is to be found in /dev/null
        return stat.S_ISREG(mode)
    raise UsageError(f"{path} is not a file, so it cannot be read as an ssh configuration", "Move it away")


def refuse_insecure(path: Path) -> None:
    """Raise `UsageError` for a file that others can change, as ssh does: it may name commands to run."""
    status = path.stat()
    foreign = hasattr(os, "getuid") and status.st_uid not in (0, os.getuid())
    if foreign or (os.name != "nt" and status.st_mode & stat.S_IWOTH):
        raise UsageError(f"Others can change {path}, so it is not used", f"Make it yours alone: chmod 600 {path}")


def _arguments(name: str, rest: str, where: str) -> tuple[str, ...]:
    if name in WHOLE_LINE:
        return (rest.strip(),)
    words: list[str] = []
    position = 0
    while rest[position:].strip():
        match = _WORD.match(rest, position)
        if match is None:
            raise UsageError(f"{where} has an odd number of quotes")
        if match[1] is not None:
            break
        words.append(_unquoted(match[2]))
        position = match.end()
    return tuple(words)


def _unquoted(word: str) -> str:
    def content(match: re.Match[str]) -> str:
        bare = match[3]
        if bare is not None:
            return re.sub(r"\\([\"'\\ ])", r"\1", bare)
        return re.sub(r"\\([\"'\\])", r"\1", match[1] if match[1] is not None else match[2])

    return _PIECE.sub(content, word)


def _matches_pattern(name: str, pattern: str) -> bool:
    """Match with `*` and `?` alone: brackets mean nothing in ssh_config."""
    return re.fullmatch(translate(pattern.replace("[", "[[]")), name) is not None
