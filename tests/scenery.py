"""Setting a scene on a platform's own desk: all of it in one transaction, where each thing would have its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from gardefou.platforms.sandbox import Sandbox
from gardefou.storage.engine import Store


@contextmanager
def set_at_once(desk: Sandbox, store: Store) -> Iterator[Sandbox]:
    """Lend a desk whose every change until the end of the block is one: hundreds of tests begin with a dozen."""
    begin = desk._begin
    with store.begin() as connection:
        desk._begin = lambda: nullcontext(connection)
        try:
            yield desk
        finally:
            desk._begin = begin
