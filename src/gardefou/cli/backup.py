"""`gardefou backup`: everything in one file, and back into an empty store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from gardefou.cli.common import Cli, cli_command, examples, fail


@click.group("backup")
def backup() -> None:
    """Write everything to one file, and load it again."""


@backup.command(
    "create",
    epilog=examples(
        "gardefou backup create gardefou-2026-05-31.tar", "gardefou backup create data-only.tar --without-keys"
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--without-keys", is_flag=True, help="Leave the ledger's key and the platforms' credentials out.")
@cli_command
def create(ctx: Cli, file: Path, without_keys: bool) -> None:
    """Write database and keys to a new file, while everything goes on. Needs no sign-in, but the store.

    The file is readable by you alone. With the keys in it, whoever has it can
    sign as this ledger, act on the platforms, and read the names of the people
    here unless the sealing keys are wrapped: keep it as you keep them.
    """
    from gardefou.bootstrap import open_seals
    from gardefou.cli.archive import write_archive
    from gardefou.people.keys import SEALS

    app = ctx.app
    manifest = write_archive(ctx.settings, app.works.store, app.clock, file, keys=not without_keys)
    size = file.stat().st_size
    seals = open_seals(ctx.settings).kept if SEALS in manifest.keys else ""
    ctx.out.data(
        {"file": str(file), "bytes": size, **asdict(manifest), "seals": seals},
        f"{file} holds the database and {len(manifest.keys)} keys, {size:,} bytes.",
    )
    if manifest.keys:
        ctx.out.note(f"{file} holds the ledger's signing key and the platforms' credentials: keep it as you keep them.")
        ctx.out.note(_SEALS[seals])
    else:
        ctx.out.note(f"{file} holds no keys; without {ctx.settings.keys_folder} a loaded ledger cannot be continued.")
        ctx.out.note("Names in it stay sealed, and cannot be read again without seals.json from there.")


_SEALS = {
    "": "It holds no sealing key: nobody's name was ever sealed here.",
    "file": "It holds the sealing keys too: whoever has it can read the names of everybody here.",
    "command": "Its sealing keys are wrapped: names in it are read only with the command of seal_unwrap.",
}


@backup.command(
    "load",
    epilog=examples(
        "gardefou --data /srv/new backup load gardefou-2026-05-31.tar",
        "GARDEFOU_DATABASE_URL=postgresql://… gardefou backup load gardefou-2026-05-31.tar",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@cli_command
def load(ctx: Cli, file: Path) -> None:
    """Load a backup into an empty store, SQLite or PostgreSQL, and verify it whole. Exits 1 when it does not hold."""
    from gardefou.cli.archive import load_archive
    from gardefou.cli.ledger_check import check_store

    manifest = load_archive(ctx.settings, file)
    if not manifest.keys and not (ctx.settings.keys_folder / "ledger.key").exists():
        # To open the store now would make it another key than the one that its checkpoints are signed with.
        ctx.out.data(
            {"file": str(file), **asdict(manifest), "verified": None},
            f"Loaded from {file}, made {manifest.made_at}; not verified, as it holds no keys.",
        )
        ctx.out.note(
            f"Put the keys of the old installation into {ctx.settings.keys_folder}, then run `gardefou ledger verify`."
        )
        return
    found = check_store(ctx.app)
    ctx.out.data(
        {"file": str(file), **asdict(manifest), "verified": found.to_json()},
        f"Loaded from {file}, made {manifest.made_at}.",
        *found.lines(),
    )
    if not found.ok:
        fail()
