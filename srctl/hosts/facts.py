"""What an engine knows besides containers and images: itself, what containers have used, and the sessions' networks."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from srctl.hosts import networks, parse
from srctl.hosts.events import labelled
from srctl.models import Counters, EngineInfo


class Facts:
    """A part of `DockerHost`. One method is one request of the Engine API unless its docstring says more."""

    _call: Callable[[Callable[[Any], Any]], Any]

    def version(self) -> str:
        """Return the version of the engine."""
        return str(self._call(lambda api: api.version(api_version=False))["Version"])

    def info(self) -> EngineInfo:
        """Return what the engine says of itself and of its machine."""
        found: EngineInfo = self._call(lambda api: parse.engine_info(api.info()))
        return found

    def counters(self, container_id: str) -> Counters | None:
        """Return what a container has used; `None` for one that does not run. Raises `NotFoundError`."""
        answer = self._call(lambda api: api.stats(container_id, stream=False, one_shot=True))
        return parse.counters(answer)

    def deaths(self, labels: Mapping[str, str], since: datetime) -> dict[str, datetime]:
        """Return when containers with these labels ended last, by id, as far as the engine remembers.

        It remembers some hundred events, of all that happens to it.
        """
        filters = {"type": ["container"], "event": ["die"], "label": labelled(labels)}
        span = {"since": f"{since.timestamp():.6f}", "until": f"{time.time():.6f}"}
        events = self._call(lambda api: list(api.events(decode=True, filters=filters, **span)))
        return dict(parse.listed(events, parse.death))

    def network(self, name: str) -> tuple[str, ...] | None:
        """Give the address ranges of the sessions' network, `None` where it is not there."""
        return networks.ranges(self._call, name)

    def make_network(self, name: str) -> None:
        """Make the sessions' network, which `start` does too where it is missing."""
        networks.make(self._call, name)

    def remove_network(self, name: str) -> None:
        """Remove the sessions' network if it is there. Raises `SrctlError` while a container is in it."""
        networks.remove(self._call, name)
