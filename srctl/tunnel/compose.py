"""Composes messages for paramiko to send (the data types of RFC 4251, section 5)."""

from paramiko.message import Message


def compose(kind: bytes, *fields: str | int | bytes) -> Message:
    """Return a message: text becomes a string, numbers and truth become themselves, bytes stay as they are."""
    message = Message()
    message.add_byte(kind)
    for field in fields:
        if isinstance(field, bytes):
            message.add_bytes(field)
        elif isinstance(field, bool):
            message.add_boolean(field)
        elif isinstance(field, int):
            message.add_int(field)
        else:
            message.add_string(field)
    return message
