"""What a handler answers with: JSON written by orjson, whatever the route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the document."""
        return orjson.dumps(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a POST: its status and document.

    ``once`` is sent with the first answer and never stored: secrets that are
    shown a single time.
    """

    document: Any
    status: int = 200
    once: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def response(self) -> Response:
        """Return it as it is sent the first time."""
        document = {**self.document, **self.once} if self.once else self.document
        return Json(document, self.status)
