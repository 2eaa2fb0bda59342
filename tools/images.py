"""Build the session images into a Docker engine: `python -m tools.images [desktop] [web]`.

An image is described by its Dockerfile (labels, settings, files that are copied) and by recipe.toml (what to
take from which Debian package), so no image registry is needed. Finished file systems are cached, and an image
that the engine has from the same recipe is not imported again. On other systems than Debian, `docker build`
with the same Dockerfile does it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import debian, debs, engine, lab, rootfs
from tools.debian import SetupError

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
BUILDERS = ("images.py", "rootfs.py", "debs.py", "elf.py")
SETTINGS = ("LABEL", "ENV", "EXPOSE", "USER", "CMD")
RECIPE_LABEL = "io.srctl.recipe"


@dataclass(frozen=True)
class Recipe:
    """An image to build: its folder, its name with tag, and a digest of all that decides what it becomes."""

    folder: Path
    name: str
    digest: str

    def settings(self) -> list[str]:
        """Return the Dockerfile's lines that are settings of the image, and the digest as a label."""
        lines = [line for line in instructions(self.folder) if line.split()[0] in SETTINGS]
        return [*lines, f'LABEL {RECIPE_LABEL}="{self.digest}"']


def read(kind: str) -> Recipe:
    """Return the recipe in images/KIND."""
    folder = IMAGES / kind
    sources = [*sorted(folder.iterdir()), *(ROOT / "tools" / name for name in BUILDERS)]
    digest = hashlib.sha256(debs.release().encode() if debian.is_debian() else b"")
    for source in sources:
        digest.update(source.read_bytes())
    recipe = tomllib.loads((folder / "recipe.toml").read_text())
    return Recipe(folder, f"{recipe['name']}:latest", digest.hexdigest())


def instructions(folder: Path) -> list[str]:
    """Return the lines of a Dockerfile without comments, continued ones joined."""
    text = re.sub(r"^#.*\n", "", (folder / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def build(kind: str, url: str) -> str:
    """Bring the image into the engine at `url`, unless it is there already; return its name."""
    recipe = read(kind)
    client = engine.connect(url)
    try:
        if not present(client, recipe):
            started = time.monotonic()
            bring(client, recipe)
            sys.stderr.write(f"Built {recipe.name} in {time.monotonic() - started:.1f} s\n")
    finally:
        client.close()
    return recipe.name


def present(client: Any, recipe: Recipe) -> bool:
    """Tell whether the engine has the image of exactly this recipe."""
    from docker.errors import ImageNotFound

    try:
        labels = client.inspect_image(recipe.name)["Config"]["Labels"]
    except ImageNotFound:
        return False
    return bool(labels and labels.get(RECIPE_LABEL) == recipe.digest)


def bring(client: Any, recipe: Recipe) -> None:
    """Import the image, or have Docker build it where there are no Debian packages."""
    from docker.errors import APIError

    if not debian.is_debian():
        command = [
            "docker",
            "build",
            "--label",
            f"{RECIPE_LABEL}={recipe.digest}",
            "-t",
            recipe.name,
            str(recipe.folder),
        ]
        if subprocess.run(command, check=False).returncode != 0:
            raise SetupError(f"docker build {recipe.folder} failed; its output stands above.")
        return
    repository, _, tag = recipe.name.partition(":")
    with file_system(recipe).open("rb") as tar:
        try:
            client.import_image_from_data(tar, repository=repository, tag=tag, changes=recipe.settings())
        except APIError as error:
            raise SetupError(f"The engine did not take {recipe.name}: {error.explanation}") from error


def file_system(recipe: Recipe) -> Path:
    """Return the image's file system as a tar, from the cache when it has been made before."""
    folder = lab.base() / "images"
    path = folder / f"{recipe.folder.name}-{recipe.digest[:16]}.tar"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for older in folder.glob(f"{recipe.folder.name}-*.tar"):
            older.unlink(missing_ok=True)
        rootfs.write(tree(recipe), path)
    return path


def tree(recipe: Recipe) -> rootfs.Tree:
    """Put the image's files together."""
    spec = tomllib.loads((recipe.folder / "recipe.toml").read_text())
    patterns: dict[str, list[str]] = spec["packages"]
    libraries = debs.libraries(patterns, spec.get("not_needed", []))
    where = debs.fetch({*patterns, *libraries}, lab.base() / "debs" / debs.release())
    names = [*patterns, *sorted(libraries - set(patterns))]
    packages = dict(zip(names, debs.unpack([where[name] for name in names]), strict=True))
    made = rootfs.skeleton() | rootfs.applets(spec["applets"])
    for name, wanted in patterns.items():
        made |= rootfs.select(packages[name], wanted)
    made |= {path: debs.File(text.lstrip().encode()) for path, text in spec.get("texts", {}).items()}
    return rootfs.with_libraries(made | copied(recipe.folder), packages.values())


def copied(folder: Path) -> rootfs.Tree:
    """Return the files that the Dockerfile copies into the image."""
    pairs = [line.split()[1:] for line in instructions(folder) if line.startswith("COPY ")]
    return {
        target.lstrip("/"): debs.File((folder / source).read_bytes(), (folder / source).stat().st_mode & 0o755)
        for source, target in pairs
    }


def main(kinds: list[str]) -> int:
    """Build the named images, all when none is named, into the engine that DOCKER_HOST or the default socket names."""
    url = os.environ.get("DOCKER_HOST") or engine.DEFAULT_URL
    try:
        if engine.reachable() is None:
            raise SetupError(f"No Docker engine answers at {url}. Set DOCKER_HOST, or start one.")
        for kind in kinds or ["desktop", "web"]:
            sys.stdout.write(f"{build(kind, url)}\n")
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
