"""The edge to Docker: names and URLs of hosts, and the calls to their engines."""
