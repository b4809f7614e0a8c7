"""`gardefou doctor`: does everything hold that an installation stands on?"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import click
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from gardefou.cli.common import Cli, cli_command, examples, fail, is_initialised, uninitialised
from gardefou.cli.output import span
from gardefou.errors import GardefouError
from gardefou.storage import tables
from gardefou.storage.types import Instant

#: How long an event may wait for its leaf, and due work for its worker, before nobody seems to do it.
_PATIENCE = timedelta(seconds=60)
_QUICK_ENTRIES = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    says: str


@click.command("doctor", epilog=examples("gardefou doctor", "gardefou doctor --json"))
@cli_command
def doctor(ctx: Cli) -> None:
    """Check store, the way to it, ledger, clock, keys, worker, platforms and nets. Exits 1 when one does not hold.

    Needs no sign-in, and changes nothing. The ledger is checked quickly: its
    newest checkpoint and entries; `gardefou ledger verify` checks all of it.
    """
    findings = [_store(ctx)]
    if findings[0].ok:
        for look in (_migrations, _way, _clock, _keys, _ledger, _worker, _platforms, _setup, _passkeys, _nets, _pauses):
            findings.append(_guarded(ctx, look))
            if look is _migrations and not findings[-1].ok:
                break
    ok = all(one.ok for one in findings)
    ctx.out.data(
        {"ok": ok, "checks": [asdict(one) for one in findings]},
        *(f"{'OK ' if one.ok else 'BAD'} {one.what}: {one.says}" for one in findings),
    )
    if not ok:
        fail()


def _guarded(ctx: Cli, look: Callable[[Cli], Finding]) -> Finding:
    try:
        return look(ctx)
    except GardefouError as error:
        return Finding(look.__name__.strip("_"), False, f"{error.message} [{error.code}]")
    except (SQLAlchemyError, OSError) as error:
        return Finding(look.__name__.strip("_"), False, str(error).splitlines()[0])


def _store(ctx: Cli) -> Finding:
    where = sa.make_url(ctx.settings.url).render_as_string(hide_password=True)
    try:
        if not is_initialised(ctx.settings):
            return Finding("store", False, uninitialised(ctx.settings).message)
    except (SQLAlchemyError, GardefouError) as error:
        said = str(getattr(error, "orig", None) or error).strip()
        return Finding("store", False, f"{where}: {said.splitlines()[0]}")
    return Finding("store", True, where)


def _migrations(ctx: Cli) -> Finding:
    from gardefou.storage.engine import open_store
    from gardefou.storage.grants import check_granted
    from gardefou.storage.migrate import is_current

    store = open_store(ctx.settings.url)
    try:
        with store.read() as connection:
            current = is_current(connection)
            if current and not store.is_sqlite:
                check_granted(connection)
    finally:
        store.close()
    return Finding(
        "migrations", current, "current" if current else "behind; any other command, or `gardefou serve`, runs them"
    )


def _way(ctx: Cli) -> Finding:
    from gardefou.storage.servers import unguarded

    store = ctx.app.works.store
    if store.is_sqlite:
        return Finding("way", True, "a file of this machine")
    with store.read() as connection:
        remark = unguarded(connection)
    return Finding("way", True, remark or "nobody can read or change what passes to the database")


def _clock(ctx: Cli) -> Finding:
    app = ctx.app
    with app.works.read() as connection:
        newest = connection.execute(sa.select(sa.func.max(tables.checkpoint.c.at, type_=Instant))).scalar_one()
        app.sequencer.check_clock(connection, app.now())
    if newest is None:
        return Finding("clock", True, "nothing to compare with yet")
    return Finding("clock", True, f"{span(max(0.0, (app.now() - newest).total_seconds()))} after the last checkpoint")


def _keys(ctx: Cli) -> Finding:
    folder = ctx.settings.keys_folder
    wide = [path.name for path in [folder, *sorted(folder.iterdir())] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if wide:
        return Finding("keys", False, f"others may read {', '.join(wide)} in {folder}; run chmod -R go= {folder}")
    signin = ctx.settings.data / "signin"
    if signin.exists() and stat.S_IMODE(signin.stat().st_mode) & 0o077:
        return Finding("keys", False, f"others may read {signin}; run chmod 600 {signin}")
    return Finding("keys", True, f"{folder}, for its owner only")


def _ledger(ctx: Cli) -> Finding:
    from gardefou.cli.quick_audit import quick_audit
    from gardefou.ledger.sequencer import logs
    from gardefou.storage.grants import may_rewrite

    app = ctx.app
    with app.works.read() as connection:
        names = logs(connection)
        problems = [
            quick_audit(connection, name, app.sequencer.signer(name).verifier, _QUICK_ENTRIES) for name in names
        ]
        owns = not app.works.store.is_sqlite and may_rewrite(connection)
    bad = [f"{name}: {problem}" for name, problem in zip(names, problems, strict=True) if problem]
    if bad:
        return Finding("ledger", False, "; ".join(bad))
    remark = "; this database role owns the tables, and could rewrite them: `gardefou ledger grants`" if owns else ""
    held = (
        "1 log holds to its newest checkpoint"
        if len(names) == 1
        else f"{len(names)} logs hold to their newest checkpoints"
    )
    return Finding("ledger", True, f"{held}{remark}")


def _worker(ctx: Cli) -> Finding:
    app = ctx.app
    now = app.now()
    pending, event, e = tables.event_pending, tables.event, tables.enforcement.c
    waiting = sa.select(sa.func.count(), sa.func.min(event.c.at, type_=Instant)).select_from(
        pending.join(event, sa.and_(event.c.platform == pending.c.platform, event.c.id == pending.c.id))
    )
    overdue = sa.select(sa.func.count()).where(
        e.state.in_(("waiting", "ready", "executing", "unknown")), e.next_attempt_at <= now - _PATIENCE
    )
    with app.works.read() as connection:
        count, oldest = connection.execute(waiting).one()
        late = connection.execute(overdue).scalar_one()
    behind = oldest is not None and now - oldest > _PATIENCE
    if late or behind:
        return Finding(
            "worker",
            False,
            f"{count} events wait for a checkpoint"
            + (f", the oldest for {span((now - oldest).total_seconds())}" if oldest else "")
            + f", and {late} enforcements are overdue; run `gardefou serve` or `gardefou worker`",
        )
    return Finding("worker", True, f"nothing is overdue; {count} events wait for a checkpoint")


def _platforms(ctx: Cli) -> Finding:
    from gardefou.platforms.protocol import NoSuchAccount, PlatformError

    app = ctx.app
    with app.works.read() as connection:
        entries = [one for one in app.config(connection).platforms.values() if one.active]
    said: list[str] = []
    bad = False
    for entry in sorted(entries, key=lambda one: one.id):
        try:
            app.connector(entry.id).read_state(str(entry.config.get("admin") or "gardefou-check"))
        except NoSuchAccount:
            # It answered, which is all that was asked.
            said.append(f"{entry.id} answers")
        except (PlatformError, GardefouError) as error:
            bad = True
            said.append(f"{entry.id}: {error}")
        else:
            said.append(f"{entry.id} answers")
    return Finding("platforms", not bad, "; ".join(said) or "none are registered")


def _setup(ctx: Cli) -> Finding:
    app = ctx.app
    with app.works.read() as connection:
        finished = app.config(connection).rules.setup_finished
    return Finding(
        "setup",
        True,
        "has ended" if finished else "has not ended: changes are not guarded yet; see `gardefou setup status`",
    )


def _passkeys(ctx: Cli) -> Finding:
    from gardefou.domain.records import Passkey, Staff
    from gardefou.flow.signed import REQUIRED
    from gardefou.people.leaving import Loss, leaving_of
    from gardefou.people.roles import Power, powers_of
    from gardefou.people.standing import standing_now
    from gardefou.storage.records import fetch_all

    app = ctx.app
    now = app.now()
    with app.works.read() as connection:
        rules = app.config(connection).rules
        people, stages = fetch_all(connection, Staff, sa.select(tables.staff)), leaving_of(connection)
        held = fetch_all(connection, Passkey, sa.select(tables.passkey).where(tables.passkey.c.revoked_at.is_(None)))
    could = {
        one.id
        for one in people
        if Power.APPROVE in powers_of(one.roles) and standing_now(one, now, stages).has(Loss.APPROVALS)
    }
    sign = could & {one.staff_id for one in held if one.counts_from <= now}
    said = f"{len(sign)} of the {len(could)} on duty who may approve have one that counts"
    if sign or not rules.setup_finished:
        return Finding("passkeys", True, said)
    if rules.passkey_approvals == REQUIRED:
        return Finding(
            "passkeys", False, f"{said}: nobody can say yes for a protected account; let them make one on /me"
        )
    return Finding("passkeys", True, f"{said}: nobody could sign a yes for a protected account, and all go unsigned")


def _nets(ctx: Cli) -> Finding:
    from gardefou.cli.nets import beyond_the_staff

    app = ctx.app
    with app.works.read() as connection:
        config = app.config(connection)
    beyond = beyond_the_staff(ctx, config.nets)
    if beyond:
        return Finding("nets", False, beyond[0][1])
    beside = _nets_file(ctx)
    known = "and the people here can meet them" if config.rules.setup_finished else "and setup has not ended"
    return Finding("nets", True, f"{len(config.nets)} in force, {known}{beside}")


def _nets_file(ctx: Cli) -> str:
    """Say how the nets file stands to the nets in force; nothing where none is kept.

    Raises:
        InvalidInput: it cannot be read, or is no file of nets.
    """
    from gardefou.cli.nets import read_text
    from gardefou.flow.nets_file import FileState, look_at_file

    name = ctx.settings.nets_file
    if not name:
        return ""
    found = look_at_file(ctx.app, read_text(Path(name)))
    if found.state is FileState.IN_FORCE:
        return f"; {name} holds the same"
    if found.state is FileState.WAITS and found.proposal is not None:
        more = f", and its proposal {found.proposal.id} waits for people"
    else:
        more = "; if it is meant, run `gardefou nets propose`"
    return f"; {name} differs from them and is not obeyed{more}"


def _pauses(ctx: Cli) -> Finding:
    from gardefou.flow.stops import open_pauses

    with ctx.app.works.read() as connection:
        pauses = open_pauses(connection)
    if not pauses:
        return Finding("pauses", True, "nothing is stopped")
    return Finding("pauses", True, "; ".join(f"stopped ({one.scope}): {one.because}" for one in pauses))
