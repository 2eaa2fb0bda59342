"""`python -m srctl.gateway --config FILE`: the command that sshd forces on everybody who logs in."""

import sys

from srctl.gateway.serve import main

sys.exit(main(sys.argv[1:]))
