"""Find an image on a host, and pull it where it is missing or shall be the newest."""

from srctl.clock import Closing
from srctl.errors import NotFoundError
from srctl.models import Image
from srctl.needs import Engine, ProgressCallback


def fetch(engine: Engine, reference: str, pull: str, progress: ProgressCallback, closing: Closing) -> Image:
    """Return an image; `pull` is `missing`, `never` or `always`. Raises `NotFoundError` and what pulling raises.

    Pulling can be given up by `closing`.
    """
    if pull == "always":
        engine.pull(reference, progress, closing)
    try:
        return engine.image(reference)
    except NotFoundError:
        if pull != "missing":
            raise
    engine.pull(reference, progress, closing)
    return engine.image(reference)
