"""The face that stock sshd asks: which keys may log in and how far they lead, and the forced command."""
