"""Whether what the accounting database says can be: names and policies by the rules, and images that the host has."""

from collections.abc import Callable
from itertools import islice

from srctl import wellformed
from srctl.contents import Archive, Contents
from srctl.errors import NotFoundError, SrctlError
from srctl.needs import Engine
from srctl.outcome import Finding

_MOST = 10


def check(archive: Archive, engine: Callable[[], Engine] | None) -> list[Finding]:
    """Look into a database; whether its images are there is asked of `engine`, if it is given.

    Only what can be read is looked at for its rules. Raises as a database that fails.
    """
    found = archive.findings()
    if not all(each.ok for each in found):
        return found
    contents = archive.contents()
    found.append(rules(contents))
    if engine is not None:
        found.append(granted_images(contents, engine))
    return found


def rules(contents: Contents) -> Finding:
    """Tell whether all names, images, keys and policies are well-formed."""
    found = list(islice(wellformed.problems(contents), _MOST + 1))
    if not found:
        return Finding("rules")
    return Finding(
        "rules", "; ".join(found[:_MOST]) + (" and more" if len(found) > _MOST else ""), "Remove it, or mend it"
    )


def granted_images(contents: Contents, open_engine: Callable[[], Engine]) -> Finding:
    """Tell whether the host has the images that are granted."""
    granted = {grant.image for grant in contents.grants}
    try:
        engine = open_engine()
        present = {tag for image in engine.images() for tag in image.tags}
        missing = sorted(image for image in granted - present if not _has(engine, image))
    except SrctlError as error:
        return Finding("images", error.message, f"{error.hint}; or leave it out with --no-images")
    if not missing:
        return Finding("images")
    more = f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
    return Finding(
        "images",
        f"{engine.name} does not have what is granted: {', '.join(missing[:_MOST])}{more}",
        f"docker pull {missing[0]}, or srctl app remove {missing[0]}",
    )


def _has(engine: Engine, image: str) -> bool:
    """Ask for an image by name: lists show no digests."""
    try:
        engine.image(image)
    except NotFoundError:
        return False
    return True
