"""The edge to the accounting database."""
