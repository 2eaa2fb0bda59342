"""The edge to SSH: connections and port forwards.

paramiko imports `invoke` for commands in its own ssh_config parser, which we refuse; that is half of its import time.
Nothing else here uses it, so it is kept out before paramiko is first imported.
"""

import sys

sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
