"""The book of record: Postgres through SQLAlchemy and asyncpg."""
