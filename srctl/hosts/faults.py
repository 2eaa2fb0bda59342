"""Turn failures of the Docker SDK and of its HTTP layer into ours, in one place.

The engine's messages are shown with control characters taken out: they hold names and paths from outside.
"""

import errno
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead

from srctl.errors import ConflictError, NotFoundError, SrctlError, UnreachableError, UsageError
from srctl.hosts.parse import NotAnEngineError
from srctl.hosts.sdk import docker, requests, urllib3
from srctl.models import Host


@contextmanager
def translated(host: Host) -> Iterator[None]:
    """Raise our errors for whatever the SDK raises while it talks to `host`."""
    try:
        yield
    except (NotAnEngineError, requests.exceptions.JSONDecodeError, RecursionError) as error:
        raise _not_an_engine(host) from error
    except docker.errors.APIError as error:
        raise _api_error(host, error) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise unreachable(host, error) from error
    except (docker.errors.DockerException, docker.errors.StreamParseError) as error:
        if "Credentials store error" in str(error):
            raise _credentials_error(error) from error
        raise SrctlError(f"Docker on {host.name}: {plain(str(error))}") from error
    except OSError as error:
        raise unreachable(host, error) from error


def _not_an_engine(host: Host) -> NotAnEngineError:
    return NotAnEngineError(
        f"{host.name} ({host.url}) answers, but not as a Docker engine",
        "Check its URL: something else listens there, or stands between",
    )


def _credentials_error(error: Exception) -> UsageError:
    inner = re.search(r"\w+\([\"'](.*)[\"']\)", plain(str(error)))
    return UsageError(
        f"The program that Docker's config file names for your logins does not work: {inner[1] if inner else error}",
        "Install it, or take credsStore and credHelpers out of Docker's config.json",
    )


def plain(text: str) -> str:
    """Return the text on one line, without control characters."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def _api_error(host: Host, error: docker.errors.APIError) -> SrctlError:
    text = plain(str(error.explanation or error))
    if "HTTP request to an HTTPS server" in text:
        return UnreachableError(
            f"Docker on {host.name} ({host.url}) wants TLS",
            "Name its certificates: srctl host add NAME URL --tls DIR, or DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH=DIR",
        )
    if "no space left on device" in text:
        return SrctlError(f"The disk of the Docker host is full: {text}", "Make room, e.g. with: docker system prune")
    status = error.response.status_code if error.response is not None else 500
    kind = {404: NotFoundError, 409: ConflictError}.get(status, SrctlError)
    return kind(f"Docker says: {text}")


def unreachable(host: Host, error: Exception) -> UnreachableError:
    """Return the error for a host that can't be talked to, with the hint that fits its cause."""
    cause = _cause(error)
    if isinstance(cause, UnreachableError):
        return cause
    if isinstance(cause, HTTPException) and not isinstance(cause, OSError | IncompleteRead):
        return _not_an_engine(host)
    code = getattr(cause, "errno", None)
    text = plain(getattr(cause, "strerror", None) or str(cause)) or type(cause).__name__
    if isinstance(cause, ssl.SSLError):
        text, hint = _tls_trouble(host, cause)
    elif isinstance(cause, PermissionError):
        hint = "Join the docker group (usermod -aG docker NAME, then log in again) or use another host"
    elif code in (errno.ENOENT, errno.ECONNREFUSED) and host.url.startswith("unix"):
        hint = "Is Docker running there? Choose another host with --host or `srctl host use`"
    else:
        hint = f"Check it with: srctl host check {host.name}"
    return UnreachableError(f"Can't reach Docker on {host.name} ({host.url}): {text}", hint)


def _tls_trouble(host: Host, error: ssl.SSLError) -> tuple[str, str]:
    """Return what went wrong with TLS and what to do. The names of its reasons are OpenSSL's."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        vouched = f"{host.tls_dir}/ca.pem" if host.tls_dir else "this system's list of authorities"
        return f"certificate verify failed: {error.verify_message}", f"It must be vouched for by {vouched}"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING"):
        return "it does not speak TLS", "Check the port: engines listen on 2376 with TLS and on 2375 without"
    text = plain(error.strerror or str(error))
    if "ALERT" in reason:
        return text, f"It may not accept your certificate: {host.tls_dir}/cert.pem" if host.tls_dir else "Use --tls DIR"
    return text, f"Check the certificates in {host.tls_dir}"


def _cause(error: BaseException) -> BaseException:
    """Return the innermost error: the HTTP layers wrap it in several of their own, as cause, context or argument."""
    seen = {id(error)}
    while True:
        inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
        found = next((item for item in inner if isinstance(item, BaseException) and id(item) not in seen), None)
        if found is None or isinstance(error, UnreachableError):
            return error
        seen.add(id(found))
        error = found
