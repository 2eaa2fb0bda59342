"""The gateway beside what sshd does by itself: `python -m bench gateway`."""
