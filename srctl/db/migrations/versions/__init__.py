"""One module per revision; `srctl.db.schema.REVISIONS` repeats their order."""
