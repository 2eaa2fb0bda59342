"""The gateway on a machine: what belongs to it, how it is put there, checked and taken away. For root on Linux."""
