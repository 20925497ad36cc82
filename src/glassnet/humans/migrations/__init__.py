"""Alembic's migrations of the bench's database: `versions/` in order, `env.py` that runs them."""
