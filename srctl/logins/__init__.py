"""The edge to sshd's processes: who is logged in through the gateway, and how connections are ended."""

FOLDER = "logins"
"""The folder beside a gateway's database where it is written down who is logged in: the account's alone."""
