"""Forwarding inside the transport's own thread: packets, flow control, streams, and the loop that turns them."""
