"""The tunnel beside `ssh -L`: `python -m bench tunnel`."""
