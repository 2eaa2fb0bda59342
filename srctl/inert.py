"""Text from outside (labels, logs, names of others), made inert: characters that a terminal would act on are shown."""


def inert(text: str) -> str:
    """Return the text with every character that is not printable replaced by its code.

    That covers control characters, escape sequences, and the marks that turn the direction of writing around.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def readable(text: str) -> str:
    """Return what an application wrote: its lines and tabs are kept, the rest of what it can do to a terminal not.

    Carriage returns are dropped.
    """
    return "".join(char if char in "\n\t" or char.isprintable() else _shown(char) for char in text)


def _shown(char: str) -> str:
    return "" if char == "\r" else _code(char)


def _code(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
