"""Share containerised desktops and web applications over SSH.

The package's version stands in `pyproject.toml` alone and is read from the installed metadata.
"""
