"""What Alembic runs: the migrations, on the connection and inside the transaction of `srctl.db.setup`.

It refuses to open connections of its own, so that a migration is done completely or not at all.
"""

from alembic import context

from srctl.db.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
