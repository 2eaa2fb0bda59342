"""The screen beside a bare Textual application, and how fast its table is: `python -m bench tui`."""
