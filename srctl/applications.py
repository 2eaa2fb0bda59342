"""Which applications are well-formed: images with a port, a path and limits from administrators. Pure."""

from dataclasses import replace

from srctl import images, limits, policy
from srctl.errors import UsageError
from srctl.models import Application, Image

_MAX_PORT = 65535
_MAX_TITLE = 200


def own_title(image: Image) -> str | None:
    """Return the title that an image gives itself, `None` for none that can be shown."""
    title = images.title(image.labels, "")
    return title if title and title.isprintable() and len(title) <= _MAX_TITLE else None


def checked(application: Application) -> Application:
    """Return the application with its image in full. Raises UsageError saying which value is wrong."""
    image = images.canonical(application.image)
    port, path, title = application.port, application.path, application.title
    if port is not None and not 1 <= port <= _MAX_PORT:
        raise UsageError(f"{port} is not a port", f"Give a number from 1 to {_MAX_PORT}")
    if path is not None and not (path.startswith("/") and path.isprintable()):
        raise UsageError(f"{path!r} is not a URL path", "Start it with a slash")
    if title is not None and not (title.strip() and title.isprintable() and len(title) <= _MAX_TITLE):
        raise UsageError(f"{title!r} is not a title", f"Give one line of at most {_MAX_TITLE} characters")
    if application.scheme not in (None, "http", "https"):
        raise UsageError(f"The scheme {application.scheme!r} is neither http nor https")
    if application.profile not in (None, *policy.PROFILES):
        raise UsageError(f"There is no profile {application.profile!r}", f"Choose {' or '.join(policy.PROFILES)}")
    limits.checked({"shm_size": application.shm_size})
    if application.gpus is not None:
        limits.check_gpus(application.gpus)
    return replace(application, image=image, defaults=limits.check_defaults(application.defaults))
