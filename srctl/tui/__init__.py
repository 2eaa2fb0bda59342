"""The screen: a face over the same use cases as the commands, which decides nothing by itself."""
