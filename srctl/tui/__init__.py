"""The face on the screen. Its place; there is nothing in it yet."""
