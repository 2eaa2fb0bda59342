"""The process of a tunnel in the background stays small: it imports what it needs and nothing else."""

import subprocess
import sys

import pytest

SCRIPT = "import sys, srctl.holder; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def imported() -> set[str]:
    done = subprocess.run([sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("library", ["sqlalchemy", "alembic", "docker", "requests", "typer", "rich", "textual"])
def test_a_holder_starts_without(imported: set[str], library: str) -> None:
    assert "paramiko" in imported
    assert library not in imported
