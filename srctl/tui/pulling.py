"""How far a pull is: what an engine tells of many layers, in one line."""

from dataclasses import dataclass

from srctl.models import Progress
from srctl.tui.words import size

_LOADED = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists")
"""What Docker says of a layer that has come as a whole."""

_DONE = ("Pull complete", "Already exists")
_NO_LAYER = "Pulling from"


@dataclass
class _Layer:
    current: int = 0
    total: int = 0
    done: bool = False


class Layers:
    """The layers of an image by their names."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}

    def hear(self, progress: Progress) -> None:
        """Note what is told of one of them."""
        if progress.step.startswith(_NO_LAYER):
            return
        layer = self._layers.setdefault(progress.item or "", _Layer())
        if progress.step in _LOADED:
            layer.current, layer.done = layer.total, progress.step in _DONE
        elif progress.total:
            layer.current, layer.total = min(progress.current or 0, progress.total), progress.total

    def in_words(self) -> str:
        """Return how far all are together: `pulling 45 % of 1.2 GB, 3 of 7 layers there`; empty without any."""
        layers = list(self._layers.values())
        if not layers:
            return ""
        current, total = sum(each.current for each in layers), sum(each.total for each in layers)
        share = f" {current * 100 // total} % of {size(total)}" if total else ""
        return f"pulling{share}, {sum(each.done for each in layers)} of {len(layers)} layers there"
