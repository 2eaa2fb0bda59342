"""`python -m srctl`."""

from srctl.cli import run

run()
