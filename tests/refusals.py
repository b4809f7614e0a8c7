"""How a test says which refusal it means: by code and field, which are the contract; messages may be reworded."""

from __future__ import annotations

import pytest

from gardefou.errors import GardefouError, InvalidInput


def refused(code: str, field: str | None, *, by: type[GardefouError] = InvalidInput) -> pytest.RaisesExc[GardefouError]:
    """Expect a typed error with exactly this code and this field."""

    def meant(error: GardefouError) -> bool:
        assert (error.code, error.field) == (code, field)
        return True

    return pytest.raises(by, check=meant)
