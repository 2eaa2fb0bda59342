"""Alembic's folder: `env.py` runs the migrations on a connection that `srctl.db.setup` hands in."""
