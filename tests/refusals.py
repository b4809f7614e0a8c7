"""How a test says which refusal it means: by code and field, which are the contract; messages may be reworded."""

from __future__ import annotations

from typing import TypeVar

import pytest

from gardefou.errors import GardefouError, InvalidInput

E = TypeVar("E", bound=GardefouError)


def refused(code: str, field: str | None, *, by: type[E] = InvalidInput) -> pytest.RaisesExc[E]:
    """Expect a typed error with exactly this code and this field."""

    def meant(error: E) -> bool:
        assert (error.code, error.field) == (code, field)
        return True

    return pytest.raises(by, check=meant)
