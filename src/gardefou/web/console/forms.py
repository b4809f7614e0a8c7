"""What a form sends: read within bounds, and kept so that it can be carried through another page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from urllib.parse import parse_qsl

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gardefou.errors import InvalidInput

_MOST_FIELDS = 1_000
#: Fields that belong to one page and are never carried on to another.
_OWN = frozenset({"csrf", "step_up"})
#: What a page that comes to nothing shows again, to be copied.
_WRITTEN = frozenset({"because", "rationale", "note", "text", "toml"})


class Form:
    """The fields of one form, in the sequence sent; a name may come several times."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = tuple(pairs)

    def one(self, name: str, default: str = "") -> str:
        """Return a field's first value, without the space around it."""
        return next((value.strip() for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a field that is not empty, each once."""
        return list(dict.fromkeys(value.strip() for key, value in self.pairs if key == name and value.strip()))

    def has(self, name: str, value: str) -> bool:
        """Whether a field has this value among its own; for ticked boxes."""
        return (name, value) in self.pairs

    def carried(self, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Return what a page in between carries on as hidden fields."""
        left_out = _OWN | set(without)
        return [(key, value) for key, value in self.pairs if key not in left_out]

    @property
    def written(self) -> list[str]:
        """The reasons and notes that somebody wrote, each once; never a name that was looked for (R19)."""
        return list(dict.fromkeys(value for name, value in self.pairs if name in _WRITTEN and " " in value.strip()))


async def read_form(request: Request, most: int) -> Form:
    """Read a form of at most ``most`` bytes, URL-encoded or (with a file) multipart.

    A file's field has its text, and one that was not chosen is empty.

    Raises:
        InvalidInput: too large, neither of the two, or not readable (`form/too_long`, `form/type`, `form/invalid`).
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise InvalidInput("form/too_long", "This is more than a form may hold; shorten it and send it again.")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            pairs = await _parts(request, bytes(body))
        elif body and kind != "application/x-www-form-urlencoded":
            raise InvalidInput("form/type", "A form comes as application/x-www-form-urlencoded, or with a file.")
        else:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except (ValueError, MultiPartException) as error:
        raise InvalidInput(
            "form/invalid", "This form could not be read; load the page again. A file must be UTF-8 text."
        ) from error
    # Browsers send line ends as CR LF; what is stored has LF alone.
    return Form((key, value.replace("\r\n", "\n")) for key, value in pairs)


async def _parts(request: Request, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    # All of it is in memory already and within bounds; nothing is spooled to a disk.
    parser = MultiPartParser(
        request.headers, stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=len(body) + 1
    )
    parser.spool_max_size = len(body) + 1
    parts = await parser.parse()
    try:
        return [
            (name, value if isinstance(value, str) else (await value.read()).decode("utf-8-sig"))
            for name, value in parts.multi_items()
        ]
    finally:
        await parts.close()
