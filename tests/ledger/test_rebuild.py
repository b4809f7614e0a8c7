"""State tables that say something else than the record: each difference is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gardefou.ledger.rebuild import differences
from tests.flow.world import World


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    made = World(sqlite_url)
    made.people()
    made.accounts()
    made.enforce("rev", "small", "limit")
    made.settle()
    yield made
    made.assert_sound()
    made.close()


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ["UPDATE account SET reach = 5, handle = 'else' WHERE ref = 'small'"],
            "account sandbox/small: handle, reach differ",
        ),
        (["DELETE FROM account WHERE ref = 'small'"], "account sandbox/small: only in the ledger"),
        (
            [
                "CREATE TEMP TABLE more AS SELECT * FROM account WHERE ref = 'small'",
                "UPDATE more SET ref = 'more'",
                "INSERT INTO account SELECT * FROM more",
            ],
            "account sandbox/more: only in the table",
        ),
    ],
)
def test_what_is_changed_behind_the_record_is_named_field_by_field(world, statements, says):
    with world.store.begin(keep=False) as connection:
        for one in statements:
            connection.exec_driver_sql(one)
        assert differences(connection) == [says]
