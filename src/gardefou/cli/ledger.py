"""`gardefou ledger`: verifying, checkpoints, exports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from gardefou.cli.common import Cli, cli_command, examples, fail
from gardefou.errors import InvalidInput, NotFound
from gardefou.ledger.checkpoint import Checkpoint
from gardefou.people.roles import Power


@click.group("ledger")
def ledger() -> None:
    """Verify the record, sign it, take it elsewhere."""


@ledger.command(
    "verify",
    epilog=examples(
        "gardefou ledger verify",
        "gardefou ledger export backup-2026-05 && gardefou ledger verify backup-2026-05",
        "gardefou ledger verify export/sandbox --key gardefou-…+1f2e3d4c+A… --held old-checkpoint",
        "gardefou ledger verify proof.json --key gardefou-…+1f2e3d4c+A…",
    ),
)
@click.argument("export", required=False, metavar="[EXPORT]", type=click.Path(path_type=Path))
@click.option("--key", help="The verifier key, from elsewhere than the export.")
@click.option("--held", type=click.Path(path_type=Path), help="An earlier checkpoint that somebody else kept.")
@cli_command
def verify(ctx: Cli, export: Path | None, key: str | None, held: Path | None) -> None:
    """Verify the store's ledger and tables, or an exported log offline. Exits 1 and names the first bad entry.

    EXPORT may be a file too: the proof of an enforcement or of one event; name
    the key that you have from elsewhere, as the proof cannot vouch for its own.
    Without EXPORT: every entry, leaf, node and checkpoint of every log, and that
    the tables are what the logs give. Needs no sign-in.
    """
    from gardefou.cli.ledger_check import check_store

    if export is not None and export.is_file():
        if held is not None:
            raise click.UsageError("--held goes with the folder of an export")
        _verify_bundle(ctx, export, key)
        return
    if export is not None:
        _verify_export(ctx, export, key, held)
        return
    if key is not None or held is not None:
        raise click.UsageError("--key and --held go with an EXPORT")
    found = check_store(ctx.app)
    ctx.out.data(found.to_json(), *found.lines())
    if not found.ok:
        fail()


def _verify_export(ctx: Cli, export: Path, key: str | None, held: Path | None) -> None:
    from gardefou.ledger.verifier import BadUsage, describe, verify_export

    folders = [export]
    if export.is_dir() and not (export / "checkpoint").exists():
        folders = sorted(path.parent for path in export.glob("*/checkpoint")) or [export]
    if len(folders) > 1 and (key is not None or held is not None):
        raise click.UsageError("--key and --held go with the folder of one log")
    try:
        note = None if held is None else held.read_text(encoding="utf-8")
        results = [(folder, verify_export(folder, key, note)) for folder in folders]
    except BadUsage as error:
        raise InvalidInput("ledger/export", f"{str(error).rstrip('.')}.", field="export") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("ledger/held", f"{held} is not the text of a checkpoint.", field="held") from error
    ok = all(result.ok for _, result in results)
    ctx.out.data(
        {"ok": ok, "exports": [{"folder": str(folder), **asdict(result)} for folder, result in results]},
        *(f"{folder}: {describe(result)}" for folder, result in results),
    )
    if not ok:
        fail()


def _verify_bundle(ctx: Cli, file: Path, key: str | None) -> None:
    """Verify the proof of one enforcement: each event's body, leaf and path up to the signed root."""
    import orjson

    from gardefou.ledger.bundle import FORMAT, verify_bundle
    from gardefou.ledger.note import NoteError
    from gardefou.ledger.tree import ProofError

    try:
        bundle = orjson.loads(file.read_bytes())
    except ValueError as error:
        raise InvalidInput("ledger/bundle_malformed", f"{file} is no JSON; name a {FORMAT}.", field="export") from error
    if not isinstance(bundle, dict):
        raise InvalidInput("ledger/bundle_malformed", f"{file} is no {FORMAT}.", field="export")
    given = cast("dict[str, Any]", bundle)
    own_key = key is None
    used = str(given.get("verifier_key", "")) if key is None else key.strip()
    try:
        found = verify_bundle(given, verifier_key=used)
    except (ProofError, NoteError) as error:
        ctx.out.data({"ok": False, "file": str(file), "problem": str(error)}, f"{file}: BAD {error}")
        fail()
    if not found.events:
        # The checkpoint is good, and nothing is said to have happened.
        nothing = "There is no event in it, so that it proves nothing of an enforcement; fetch the proof again."
        ctx.out.data({"ok": False, "file": str(file), "problem": nothing}, f"{file}: BAD {nothing}")
        fail()
    shown = {
        "ok": True,
        "file": str(file),
        "events": [{"index": one.index, "id": one.event_id, "erased": one.body is None} for one in found.events],
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "own_key": own_key,
    }
    trust = "; the key is the file's own, compare it with one from elsewhere (--key)" if own_key else ""
    entries = ", ".join(str(one.index) for one in found.events)
    ctx.out.data(
        shown, f"{file}: OK entries {entries} of {found.checkpoint.size}, root {found.checkpoint.root.hex()}{trust}"
    )


@ledger.command("checkpoint", epilog=examples("gardefou ledger checkpoint", "gardefou ledger checkpoint --json"))
@click.option("--platform", help="One log only; the organisation's own is called gardefou.")
@cli_command
def checkpoint(ctx: Cli, platform: str | None) -> None:
    """Put everything pending into a signed checkpoint, and print the newest of each log.

    Keep them elsewhere: with one in hand, nobody rewrites what came before it.
    """
    from gardefou.ledger.sequencer import latest, logs

    app = ctx.app
    integrated = app.sequencer.integrate_all()
    with app.works.read() as connection:
        names = _named(logs(connection), platform)
        held = [(name, latest(connection, name)) for name in names]
    shown = [
        {
            "platform": name,
            "size": one.size,
            "root": one.root.hex(),
            "at": one.at,
            "note": one.note,
            "verifier_key": app.sequencer.signer(name).verifier.encoded,
        }
        for name, one in held
        if one is not None
    ]
    ctx.out.data({"integrated": integrated, "checkpoints": shown})
    for one in shown:
        ctx.out.line(f"# {one['platform']}: {one['size']} entries; key {one['verifier_key']}")
        ctx.out.line(str(one["note"]))


@ledger.command(
    "export",
    epilog=examples("gardefou ledger export backup-2026-05", "gardefou ledger export sandbox-log --platform sandbox"),
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--platform", help="One log only, straight into DIR.")
@cli_command
def export(ctx: Cli, folder: Path, platform: str | None) -> None:
    """Write the logs as folders that verify offline: one in DIR for each log."""
    from gardefou.ledger.audit import export as write
    from gardefou.ledger.sequencer import logs

    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    app.sequencer.integrate_all()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(
            "ledger/export_exists", f"{folder} is there already and not empty; name a new one.", field="DIR"
        )
    with app.works.read() as connection:
        heads: list[tuple[str, Path, Checkpoint]] = []
        for name in _named(logs(connection), platform):
            where = folder if platform is not None else folder / name
            heads.append((name, where, write(connection, name, app.sequencer.signer(name).verifier, where)))
    ctx.out.data(
        {
            "exports": [
                {
                    "platform": name,
                    "folder": str(where),
                    "size": head.size,
                    "root": head.root.hex(),
                    "verifier_key": app.sequencer.signer(name).verifier.encoded,
                }
                for name, where, head in heads
            ]
        },
        *(f"{name}: {head.size} entries in {where}" for name, where, head in heads),
    )


@ledger.command(
    "grants",
    epilog=examples(
        "GARDEFOU_DATABASE_URL=postgresql://owner@db1/gardefou gardefou ledger grants gardefou | psql …",
        "gardefou ledger grants gardefou --json",
    ),
)
@click.argument("role")
@cli_command
def grants(ctx: Cli, role: str) -> None:
    """Print the SQL that lets a PostgreSQL role run Gardefou without being able to rewrite its record.

    Called with the database URL of the role that owns the tables, at first and
    after every update: it migrates them where need be. `serve`, `worker` and the
    rest then run as ROLE, which owns nothing: it adds to the ledger, and can
    neither change what stands there nor switch off what keeps it so.
    """
    from gardefou.storage.grants import grants as statements_for
    from gardefou.storage.grants import may_rewrite

    if not role or "\0" in role:
        raise InvalidInput("ledger/role", "Name the role that `serve` and `worker` run as.", field="ROLE")
    if ctx.app.works.store.is_sqlite:
        raise InvalidInput(
            "ledger/role",
            "SQLite has no roles: whoever may write its file may write all of it. Keep checkpoints elsewhere.",
            field="GARDEFOU_DATABASE_URL",
        )
    with ctx.app.works.read() as connection:
        if not may_rewrite(connection):
            raise InvalidInput(
                "ledger/role",
                "This database role does not own the tables; call this with the URL of the one that does.",
                field="GARDEFOU_DATABASE_URL",
            )
        statements = statements_for(connection, role)
    ctx.out.data({"role": role, "statements": statements}, *(f"{statement};" for statement in statements))


def _named(names: list[str], platform: str | None) -> list[str]:
    if platform is None:
        return names
    if platform not in names:
        raise NotFound(
            "ledger/not_found", f"There is no log {platform!r}; there are {', '.join(names)}.", field="platform"
        )
    return [platform]
