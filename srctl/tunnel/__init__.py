"""The edge to SSH: connections and port forwards."""
