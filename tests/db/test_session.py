import asyncio

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from db.session import Database
from domain.errors import Misconfigured, Unavailable
from local.ports import any_free_port

NEW_CUSTOMER = text("INSERT INTO customers (id, user_id) VALUES (:id, :id)")


async def customers(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(text("SELECT id FROM customers ORDER BY id")))


async def test_a_transaction_is_committed_at_its_end(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
        assert await customers(database) == []
    assert await customers(database) == ["cus_1"]


async def test_an_exception_takes_everything_back(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.transaction() as session:
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
            raise KeyError("changed our mind")
    assert await customers(database) == []


async def test_cancellation_takes_everything_back(database: Database) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as session:
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(slow())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await customers(database) == []


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with database.reading() as session:
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
    assert await customers(database) == []


async def test_our_own_mistakes_are_not_called_unavailable(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})


async def test_sessions_speak_utc_and_say_who_they_are(database: Database) -> None:
    async with database.transaction() as session:
        assert await session.scalar(text("SHOW timezone")) == "UTC"
        assert await session.scalar(text("SHOW application_name")) == "bahi"
        assert await session.scalar(text("SHOW transaction_isolation")) == "read committed"


async def test_a_database_that_is_not_there_is_unavailable(database_url: str) -> None:
    away = Database.connect(make_url(database_url).set(port=any_free_port()), 1)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await away.ping()
    await away.close()


async def test_a_wrong_address_says_which_setting_to_check(database_url: str) -> None:
    elsewhere = Database.connect(database_url + "_mistyped", 1)
    with pytest.raises(Misconfigured, match="does not exist; check BAHI_DATABASE_URL"):
        await elsewhere.ping()
    await elsewhere.close()


async def test_a_connection_cut_inside_a_transaction_is_unavailable_and_the_next_one_works(
    database: Database,
) -> None:
    with pytest.raises(Unavailable, match="could not finish"):
        async with database.transaction() as session:
            await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
            await cut_all_others(database, await session.scalar(text("SELECT pg_backend_pid()")))
            await session.execute(text("SELECT 1"))
    assert await customers(database) == []
    async with database.transaction() as session:
        await session.execute(NEW_CUSTOMER, {"id": "cus_2"})
    assert await customers(database) == ["cus_2"]


async def test_pooled_connections_that_died_are_replaced_unnoticed(database: Database) -> None:
    async with database.transaction() as session:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
    await cut_all_others(database, pid)
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT pg_backend_pid()")) != pid


async def test_a_deadlock_is_unavailable_for_one_and_unnoticed_by_the_other(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(NEW_CUSTOMER, {"id": "cus_1"})
        await session.execute(NEW_CUSTOMER, {"id": "cus_2"})
    both_hold_one = asyncio.Barrier(2)

    async def lock(*ids: str) -> None:
        async with database.transaction() as session:
            for number, customer_id in enumerate(ids):
                if number == 1:
                    await both_hold_one.wait()
                locking = text("SELECT 1 FROM customers WHERE id = :id FOR UPDATE")
                await session.execute(locking, {"id": customer_id})

    outcomes = await asyncio.gather(lock("cus_1", "cus_2"), lock("cus_2", "cus_1"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Unavailable]


async def test_a_pool_without_a_free_connection_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.session._POOL_WAIT_SECONDS", 0.05)
    single = Database.connect(database_url, pool_size=1)
    async with single.transaction():
        with pytest.raises(Unavailable, match="all database connections are busy"):
            async with single.transaction():
                pass
    await single.close()


async def test_an_error_does_not_tell_the_parameters_of_the_statement(database: Database) -> None:
    with pytest.raises(Unavailable) as caught:
        async with database.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = 20"))
            await session.execute(text("SELECT pg_sleep(5), :name"), {"name": "Kaveri Rao"})
    assert "Kaveri" not in str(caught.value)
    assert "statement timeout" in str(caught.value)


async def cut_all_others(database: Database, pid: int | None) -> None:
    async with database.reading() as session:
        assert await session.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
