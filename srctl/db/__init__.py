"""The edge to the accounting database.

Only this package imports SQLAlchemy, and only `setup` imports Alembic, so that other commands do not pay for them.
Rows never leave it: callers get the frozen values of `srctl.models` and the errors of `srctl.errors`.
"""
