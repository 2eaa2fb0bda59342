"""`python -m srctl.gateway --config FILE`: the command that sshd forces on everybody who logs in."""

import contextlib
import os
import sys

from srctl.gateway.serve import main
from srctl.gateway.stream import patient

sys.stdout = patient(sys.stdout.fileno())
code = main(sys.argv[1:])
for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
os._exit(code)  # all is closed; taking the interpreter down would cost each login a few milliseconds
