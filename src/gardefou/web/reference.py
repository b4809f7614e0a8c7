"""The reference of the API: the OpenAPI document, and pages made from it that load nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from gardefou.web.examples import ANSWERS, OTHERWISE, content_of
from gardefou.web.problems import TITLES
from gardefou.web.shield import POLICY

_ABOUT = """Gardefou stands between those who decide about accounts and the platform that carries it out.

Send a bearer token with every call.
Errors are `application/problem+json` (RFC 9457) with a stable `code`.
Times are RFC 3339 in UTC.
Lists answer `{items, next}`: pass `next` back as `cursor` for the next page, until it is null.
With an `Idempotency-Key` on a POST the same key and body give the same answer."""

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "field": {"type": "string"},
    },
}
_FAILED: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PREFIX = "/api/v1"
#: Answered with JSON that is too long to be shown by example.
_OBJECTS = {"/api/v1/enforcements/{id}/proof"}
_CODE = re.compile(r"``?([^`]+)``?")
_MANY = {"string": "strings", "object": "objects", "integer": "numbers", "number": "numbers"}
#: What FastAPI says of an answer of which nothing was said.
_DONE = {"Successful Response": "Done."}
_STATIC = Path(__file__).parent / "static"
_OPEN = {"/api/v1/healthz", "/api/v1/readyz", "/api/v1/metrics"}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application's routes."""
    document = get_openapi(
        title="Gardefou", version=str(app.version), description=_ABOUT, routes=app.routes, openapi_version="3.1.0"
    )
    components = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            name = f"{method.upper()} {path.removeprefix(_PREFIX)}"
            for status, example in ANSWERS.get(name, {}).items():
                call["responses"][str(status)]["content"] = content_of(example, OTHERWISE.get(name))
            schemas.update(call.pop("x-schemas", {}))
            if path in _OBJECTS:
                call["responses"]["200"]["content"] = {"application/json": {"schema": {"type": "object"}}}
            # Bad input is 400 here, never 422.
            call["responses"].pop("422", None)
            is_open = path in _OPEN or call.get("security") == []
            for status in _failures(method, call, is_open=is_open):
                call["responses"][str(status)] = {"description": TITLES[status] + ".", "content": _FAILED}
            if not is_open:
                call["security"] = [{"token": []}]
    return document


def _failures(method: str, call: dict[str, Any], *, is_open: bool) -> list[int]:
    """Return the statuses with which a call may fail, after what it takes."""
    failures = {503}
    if not is_open:
        failures |= {401, 403, 429}
    if any(one["in"] == "path" for one in call.get("parameters", ())):
        failures |= {404}
    if call.get("parameters") or "requestBody" in call:
        failures |= {400}
    if method != "get":
        # What it names in its body may be unknown, or stand against it.
        failures |= {400, 404, 409, 413, 415, 429}
    return sorted(failures)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("gardefou.web", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = _marked
    return made


def _marked(text: str) -> Markup:
    """Return a docstring's text as HTML: what stands in backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped the line before


def install(app: FastAPI) -> None:
    """Serve the document and its pages."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    setattr(app, "openapi", openapi)  # noqa: B010 - FastAPI's own way, which type checkers take for a mistake

    def page(_request: Request) -> HTMLResponse:
        document = openapi()
        style = (_STATIC / "tokens.css").read_text("utf-8") + _templates().get_template("reference.css").render()
        by_tag: dict[str, list[dict[str, Any]]] = {}
        for path, calls in document["paths"].items():
            for method, call in calls.items():
                tag = (call.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append({**_named(method, path), **_shown(call)})
        icon = (_STATIC / "icon.svg").read_text("utf-8")
        html = (
            _templates()
            .get_template("reference.html")
            .render(info=document["info"], groups=by_tag, style=style, icon=icon)
        )
        fingerprint = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = POLICY.decode() + f"; style-src 'sha256-{fingerprint}'"
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    app.add_api_route("/api/v1/docs", page, methods=["GET"], include_in_schema=False, response_class=HTMLResponse)


def _named(method: str, path: str) -> dict[str, Any]:
    """Return what a call is called on the page, and where on it."""
    short = path.removeprefix(_PREFIX)
    anchor = re.sub(r"[^a-z0-9]+", "-", f"{method} {short}".lower()).strip("-")
    return {"path": path, "short": short, "method": method.upper(), "anchor": anchor}


def _shown(call: dict[str, Any]) -> dict[str, Any]:
    summary, description = str(call.get("summary", "")), str(call.get("description", ""))
    content: dict[str, dict[str, Any]] = call.get("requestBody", {}).get("content", {})
    kind = next(iter(content), "")
    body = content.get(kind, {})
    fields: list[dict[str, Any]] = [
        {
            "name": name,
            "required": name in body["schema"].get("required", ()),
            "type": _type(schema),
            "description": schema.get("description", ""),
        }
        for name, schema in body.get("schema", {}).get("properties", {}).items()
    ]
    parameters = [
        {"description": "", **one, "type": _type(one.get("schema", {}))} for one in call.get("parameters", ())
    ]
    return {
        # One that FastAPI made of a function's name is no sentence.
        "summary": summary if summary.endswith(".") and summary not in description else "",
        "description": [" ".join(part.split()) for part in description.split("\n\n") if part.strip()],
        "open": not call.get("security"),
        "parameters": parameters,
        "kind": kind,
        "example": _written(body.get("example", "")),
        "fields": fields,
        "responses": {
            status: {"says": _DONE.get(one["description"], one["description"]), "example": _example(one)}
            for status, one in call["responses"].items()
            if int(status) < 400
        },
        "failures": {
            status: one["description"].rstrip(".").lower()
            for status, one in call["responses"].items()
            if int(status) >= 400
        },
    }


def _type(schema: dict[str, Any]) -> str:
    """Return in a few words what a value is: ``string``, ``integer, 1 to 200, else 50``, ``list of objects``."""
    if "enum" in schema or "const" in schema:
        return " or ".join("null" if one is None else str(one) for one in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema:
        return "object"
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(_type(one) for one in several))
    kinds = schema.get("type", "anything")
    said = " or ".join(cast("list[str]", kinds)) if isinstance(kinds, list) else str(kinds)
    if said == "array":
        each = _type(schema.get("items", {}))
        said = f"list of {_MANY.get(re.split('[ ,]', each)[0], 'values')}"
    if "properties" in schema:
        said += f" of {', '.join(schema['properties'])}"
    if "minimum" in schema and "maximum" in schema:
        said += f", {schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        said += f", {schema['maxLength']:,} characters at most"
    return f"{said}, else {schema['default']}" if schema.get("default") else said


def _example(answer: dict[str, Any]) -> str:
    return next((_written(one["example"]) for one in answer.get("content", {}).values() if "example" in one), "")


def _written(example: Any) -> str:
    return example if isinstance(example, str) else orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
