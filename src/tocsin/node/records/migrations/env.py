"""How Alembic runs here: on the connection that ``tocsin.node.records.migrate`` hands over."""

from alembic import context

from tocsin.node.records.kill_points import cut

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,
    transaction_per_migration=False,
    on_version_apply=lambda ctx, step, heads, run_args: cut("migrate.step"),  # noqa: ARG005 (passed by name)
)
with context.begin_transaction():
    context.run_migrations()
