"""Taking reports: one at a time, in groups that share a transaction; and whole files, line by line.

A single report is the one hot path: it is parsed once, waits for its group
without holding a thread, and is answered once it is durable. With an
Idempotency-Key its key is written with the report itself, in the same
transaction, so that not even a crash between the two takes it twice.
"""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import orjson
import sqlalchemy as sa
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gardefou.errors import GardefouError, InvalidInput
from gardefou.flow.intake import LineResult, lines_of, take_lines
from gardefou.flow.report_input import NewReport, parse_report
from gardefou.flow.reports import Taken
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.web.answers import Answer, Json
from gardefou.web.idempotency import Given, check_key, once, reused
from gardefou.web.node import Caller
from gardefou.web.posts import KEY_HEADER, REPLAYED, caller_of, check_json, read_body, send, too_large
from gardefou.web.problems import as_error

router = APIRouter(tags=["reports"])

NDJSON = "application/x-ndjson"
_BATCH_KINDS = frozenset(
    {NDJSON, "application/ndjson", "application/jsonl", "application/json", "application/gzip", ""}
)
#: How a gzip file begins, and no line of JSON does.
_GZIP = b"\x1f\x8b"
#: A gzip file may unpack to this many times the bound of the body.
UNPACKED = 8
_PIECE = 256 * 1024
_IN_MEMORY = 4 * 1024 * 1024

_REPORT = {
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1001"},
    "reporter": "member-77",
    "category": "impersonation",
    "text": "This is not her.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
}
_SCHEMA = {
    "type": "object",
    "required": ["platform", "subject", "reporter", "category"],
    "additionalProperties": False,
    "properties": {
        "platform": {"type": "string"},
        "subject": {
            "type": "object",
            "required": ["kind", "account"],
            "additionalProperties": False,
            "properties": {
                "kind": {"enum": ["account", "content"]},
                "account": {"type": "string"},
                "content": {"type": "string"},
            },
        },
        "reporter": {"type": "string"},
        "category": {"type": "string", "pattern": "^[a-z0-9_]{1,64}$"},
        "text": {"type": "string", "maxLength": 10000},
        "evidence": {"type": "array", "items": {"anyOf": [{"type": "object"}, {"type": "string"}]}, "maxItems": 20},
        "at": {"type": "string", "format": "date-time"},
    },
}

_r = tables.report.c
_PLATFORMS = sa.select(tables.platform_entry.c.id)
_BY_KEY = sa.select(tables.report).where(_r.platform.in_(_PLATFORMS), _r.pulled_key == sa.bindparam("key"))
_FIRST_OF_CASE = sa.select(sa.func.min(_r.id)).where(_r.platform == sa.bindparam("p"), _r.case_id == sa.bindparam("c"))


@router.post(
    "/reports",
    status_code=202,
    responses={202: {"description": "Taken, and durable."}},
    openapi_extra={
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA, "example": _REPORT}}},
    },
)
async def take_report(request: Request) -> Response:
    """Take a report; it is durable when this answers.

    ``merged`` says whether its subject had an open case already. Its source is
    that of your token, its time that of receipt; ``at`` is kept as a claim.
    """
    caller = await caller_of(request, Power.REPORT)
    body = await read_body(request, caller.node.settings.max_body)
    check_json(request, body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("input/json", f"The body is not JSON: {error}") from error
    report = parse_report(document)
    caller.actor.require_platform(report.platform)
    key = request.headers.get(KEY_HEADER)
    if key is None:
        taken = await caller.node.taking().submit_async(caller.actor, report)
        return _taken(caller, taken)
    return await _once(caller, report, check_key(key))


def _taken(caller: Caller, taken: Taken) -> Response:
    caller.node.metrics.merged[taken.merged].inc()
    return Json({"report": taken.report, "case": taken.case, "merged": taken.merged}, 202)


async def _once(caller: Caller, report: NewReport, key: str) -> Response:
    """Take a report under a key that is stored with it."""
    mark = "key:" + hashlib.sha256(orjson.dumps([caller.actor.id, key])).hexdigest()
    known = await run_in_threadpool(_known, caller, report, mark)
    if known is not None:
        return Json(known, 202, {REPLAYED: "true"})
    taken = await caller.node.taking().submit_async(caller.actor, report, pulled_key=mark)
    # Somebody else may have sent the key at the same moment: what is stored decides.
    stored = await run_in_threadpool(_known, caller, report, mark)
    caller.node.metrics.merged[taken.merged].inc()
    return Json(stored, 202)


def _known(caller: Caller, report: NewReport, mark: str) -> dict[str, Any] | None:
    """Return the answer that this key was given, or None; raise where it came with another report."""
    with caller.app.works.read() as connection:
        rows = connection.execute(_BY_KEY, {"key": mark}).all()
        if not rows:
            return None
        row = rows[0]
        same = (
            len(rows) == 1
            and (row.platform, row.kind, row.account, row.content or None) == _subject(report)
            and (row.reporter, row.category, row.text) == (report.reporter, report.category, report.text)
            and row.claimed_at == report.at
            and [dict(item) for item in row.evidence] == [dict(item) for item in report.evidence]
        )
        if not same:
            raise reused()
        first = connection.execute(_FIRST_OF_CASE, {"p": row.platform, "c": row.case_id}).scalar_one()
    return {"report": row.id, "case": row.case_id, "merged": first != row.id}


def _subject(report: NewReport) -> tuple[str, str, str, str | None]:
    return report.platform, report.kind, report.account, report.content


@router.post(
    "/reports/batch",
    responses={200: {"description": "One result a line, in the same sequence.", "content": {NDJSON: {}}}},
    openapi_extra={
        "parameters": [_KEY],
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": {"type": "string"}, "example": orjson.dumps(_REPORT).decode() + "\n"}},
        },
    },
)
async def take_batch(request: Request) -> Response:
    """Take a file of reports, one a line, plain or gzip: that is seen by ``Content-Encoding`` or the file itself.

    Answers one result a line, in the same sequence: what was taken, or the
    error. A bad line never spoils the others; blank lines are passed over.
    """
    caller = await caller_of(request, Power.REPORT)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BATCH_KINDS or coding not in {"identity", "gzip"}:
        raise InvalidInput("http/content_type", f"Send lines of JSON with Content-Type: {NDJSON}, plain or gzip.")
    limit = caller.node.settings.max_batch_body
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    seen = hashlib.sha256()
    size = 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large(limit)
            seen.update(part)
            await run_in_threadpool(file.write, part)
        file.seek(0)
        packed = coding == "gzip" or file.read(len(_GZIP)) == _GZIP
        key = request.headers.get(KEY_HEADER)
        return await run_in_threadpool(_batch, caller, file, packed, limit, key, seen.hexdigest())


def _batch(caller: Caller, file: IO[bytes], packed: bool, limit: int, key: str | None, digest: str) -> Response:  # noqa: FBT001 - a thread's call takes no keywords
    def pieces() -> Iterator[bytes]:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece

    def lines() -> Iterator[bytes]:
        return lines_of(_unpacked(pieces(), UNPACKED * limit) if packed else pieces())

    if packed:
        # Once for the size alone: a bomb or a torn file is refused before anything is taken.
        for _ in _unpacked(pieces(), UNPACKED * limit):
            pass

    def work() -> list[bytes]:
        return [orjson.dumps(result.to_json()) for result in _results(caller, lines)]

    if key is None:
        return Response(b"".join(line + b"\n" for line in work()), media_type=NDJSON)
    given = once(
        caller.app,
        caller.actor.id,
        key,
        f"batch:{digest}",
        lambda: Answer(document=[orjson.loads(line) for line in work()]),
    )
    if given.status >= 400:
        return send(given)
    body = b"".join(orjson.dumps(line) + b"\n" for line in orjson.loads(given.body))
    return send(Given(given.status, body, given.replayed), NDJSON)


def _results(caller: Caller, lines: Any) -> Iterator[LineResult]:
    """Yield what became of each line; once some are durable, a store that goes away is an error of the rest."""
    done = 0
    try:
        for result in take_lines(caller.app, caller.actor, lines()):
            done = result.line
            if result.taken is not None:
                caller.node.metrics.merged[result.taken.merged].inc()
            yield result
    except Exception as error:
        trouble = as_error(error)
        if done == 0 or trouble is None:
            raise
        yield from _rest(lines(), done, trouble)


def _rest(lines: Iterator[bytes], done: int, trouble: GardefouError) -> Iterator[LineResult]:
    for number, line in enumerate(lines, start=1):
        if number > done and line.strip():
            yield LineResult(number, error=trouble)


def _unpacked(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Yield what gzip unpacks to, in pieces of a bounded size.

    Raises:
        InvalidInput: beyond the limit (`http/too_large`), or torn (`report/gzip`).
    """
    size = 0
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    fed = False
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if unpacker.eof:
                    # A file may be several gzip members in a row.
                    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                fed = True
                out = unpacker.decompress(rest, _PIECE)
                size += len(out)
                if size > limit:
                    raise too_large(limit)
                if out:
                    yield out
                rest = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise InvalidInput("report/gzip", f"The body is not gzip: {error}") from error
    if fed and not unpacker.eof:
        raise InvalidInput("report/gzip", "The gzip body ends too early; send it again.")
