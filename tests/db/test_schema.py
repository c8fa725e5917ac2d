"""Models and migrations describe the same schema, to the text of every CHECK and default."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Connection, Index, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from db.models import Base
from local.postgres import PostgresServer

# Postgres' own words for everything a model can declare; triggers are the migrations' alone.
_COLUMNS = """
    SELECT 'column', format('%s.%s', c.relname, a.attname), concat_ws(' ',
        format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        CASE WHEN a.attidentity <> '' THEN 'IDENTITY ' || a.attidentity::text END,
        pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS = """
    SELECT 'constraint', format('%s.%s', r.relname, k.conname), pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid
    WHERE k.connamespace = 'public'::regnamespace AND k.contype NOT IN ('t', 'n')
"""
_INDEXES = """
    SELECT 'index', format('%s.%s', tablename, indexname), indexdef
    FROM pg_indexes WHERE schemaname = 'public'
"""

Described = set[tuple[str, str, str]]


async def described(connection: AsyncConnection) -> Described:
    found: Described = set()
    for query in (_COLUMNS, _CONSTRAINTS, _INDEXES):
        for kind, name, definition in (await connection.execute(text(query))).all():
            if not name.startswith("alembic_version"):
                found.add((kind, name, definition))
    return found


@asynccontextmanager
async def empty_database(postgres: PostgresServer) -> AsyncIterator[AsyncConnection]:
    """A connection in a schema `public` that holds nothing, taken back afterwards."""
    await postgres.ensure_database("from_models")
    engine = create_async_engine(postgres.dsn("from_models"))
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()
    await engine.dispose()


async def from_models(postgres: PostgresServer, metadata: MetaData) -> Described:
    async with empty_database(postgres) as connection:
        await connection.run_sync(metadata.create_all)
        return await described(connection)


async def from_migrations(database_url: str) -> Described:
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        found = await described(connection)
    await engine.dispose()
    return found


def copy_of_models() -> MetaData:
    copy = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.tables.values():
        table.to_metadata(copy)
    return copy


async def test_models_and_migrations_make_the_same_schema(
    postgres: PostgresServer, database_url: str
) -> None:
    models = await from_models(postgres, Base.metadata)
    assert models == await from_migrations(database_url)
    assert {table for _, name, _ in models if (table := name.split(".")[0])} == set(Base.metadata.tables)


async def test_alembic_finds_nothing_to_migrate(database_url: str) -> None:
    def compare(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda table: table.append_column(Column("nickname", Text)), "customers.nickname"),
        (lambda table: table.append_constraint(CheckConstraint("pin <> ''", name="pin")), "ck_customers_pin"),
        (
            lambda table: Index("ix_customers_city", table.c.city),
            "ix_customers_city",
        ),
        (lambda table: setattr(table.c.name, "nullable", True), "customers.name"),
        (lambda table: setattr(table.c.country, "server_default", None), "customers.country"),
    ],
    ids=["column", "check", "index", "nullable", "default"],
)
async def test_what_is_changed_in_a_model_only_is_noticed(
    postgres: PostgresServer, database_url: str, change: Callable[[Table], object], expected: str
) -> None:
    changed = copy_of_models()
    change(changed.tables["customers"])
    difference = await from_models(postgres, changed) ^ await from_migrations(database_url)
    assert expected in {part for _, name, _ in difference for part in (name, name.split(".")[1])}
    assert {name.split(".")[0] for _, name, _ in difference} == {"customers"}
