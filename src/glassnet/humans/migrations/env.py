"""Run by Alembic: brings the schema of one open connection from one version to another."""

from alembic import context

from glassnet.humans.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
