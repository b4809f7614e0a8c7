"""One thread at a time with the solver: it keeps one context a process, and two in it at once bring it down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_THINKING = threading.RLock()


def one_at_a_time(think: Callable[P, R]) -> Callable[P, R]:
    """Let a function that asks the solver wait until nobody else does; one may call another."""

    @wraps(think)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _THINKING:
            return think(*args, **kwargs)

    return alone
