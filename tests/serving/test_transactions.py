"""Work that shares transactions: each gets its own result, and a failure costs nobody else anything."""

import asyncio
import sqlite3
import time

import pytest

from tidegate import DataError
from tidegate.serving.store import StreamStore
from tidegate.serving.transactions import Transactions


class Counting(StreamStore):
    """A store that counts its transactions, and can fail to commit those with a marked stream."""

    begun = 0

    def transaction(self, seconds=5.0):
        self.begun += 1
        return super().transaction(seconds)

    def write(self, id, model, count, state):
        if id == "broken":
            raise sqlite3.OperationalError("disk I/O error")
        return super().write(id, model, count, state)


def together(works, store):
    async def run():
        transactions = Transactions(store)
        try:
            return await asyncio.gather(*(transactions.run(work) for work in works), return_exceptions=True)
        finally:
            transactions.close()

    return asyncio.run(run())


def write(id):
    return lambda store: (store.write(id, "m", 1, b"x"), id)[1]


def refuse(store):
    raise DataError("no")


def test_what_comes_together_shares_a_transaction(tmp_path):
    store = Counting(tmp_path / "db")
    store.begun = 0
    assert together([write(f"s{number}") for number in range(100)], store) == [f"s{number}" for number in range(100)]
    assert store.begun == 1
    again = StreamStore(tmp_path / "db")
    assert len(again) == 100
    again.close()


def test_an_error_of_one_is_its_own(tmp_path):
    results = together([write("a"), write("b"), refuse, write("c")], StreamStore(tmp_path / "db"))
    assert results[:2] + results[3:] == ["a", "b", "c"]
    assert isinstance(results[2], DataError)


def test_a_transaction_that_fails_is_tried_one_by_one(tmp_path):
    results = together([write("a"), write("b"), write("broken"), write("c")], Counting(tmp_path / "db"))
    assert results[:2] + results[3:] == ["a", "b", "c"]
    assert isinstance(results[2], sqlite3.OperationalError)
    again = StreamStore(tmp_path / "db")
    assert sorted(again.names(9)) == ["a", "b", "c"]
    again.close()


def test_work_whose_client_has_gone_is_not_done(tmp_path):
    async def run():
        transactions = Transactions(StreamStore(tmp_path / "db"))
        first = asyncio.ensure_future(transactions.run(write("a")))
        gone = asyncio.ensure_future(transactions.run(write("b")))
        await asyncio.sleep(0)
        gone.cancel()
        await first
        with pytest.raises(asyncio.CancelledError):
            await gone
        names = await transactions.run(lambda store: store.names(9))
        assert await transactions.settle() == 1
        transactions.close()
        return names

    assert asyncio.run(run()) == ["a"]


def test_a_slow_disk_does_not_hold_up_the_event_loop(tmp_path):
    async def run():
        transactions = Transactions(StreamStore(tmp_path / "db"))
        await transactions.run(lambda store: time.sleep(0.05))  # seen to be slow, on the event loop
        work = asyncio.ensure_future(transactions.run(lambda store: time.sleep(0.3)))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0.01)
            ticks += 1
        transactions.close()
        return ticks

    assert asyncio.run(run()) > 5


def test_a_store_that_another_holds_is_waited_for_beside_the_event_loop(tmp_path):
    async def run():
        transactions = Transactions(StreamStore(tmp_path / "db"))
        other = sqlite3.connect(tmp_path / "db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        work = asyncio.ensure_future(transactions.run(write("a")))
        await asyncio.sleep(0.1)
        assert not work.done()
        other.execute("COMMIT")
        other.close()
        result = await work
        transactions.close()
        return result

    assert asyncio.run(run()) == "a"
