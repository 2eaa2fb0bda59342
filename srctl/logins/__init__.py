"""The edge to sshd's processes: who is logged in through the gateway, and how connections are ended."""
