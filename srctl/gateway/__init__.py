"""The server's end of a gateway: what sshd runs, and nothing that listens or stays."""
