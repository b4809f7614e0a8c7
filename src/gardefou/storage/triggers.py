"""The triggers that keep the ledger's tables append-only, on both databases."""

from __future__ import annotations

_REFUSE = (
    "CREATE FUNCTION gardefou_append_only() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
)
#: What stays as it is when the body of an event is erased, with its salt. Quoted: PL/pgSQL takes `by` for its own word.
_STAYS = ("platform", "id", "kind", "at", "by", "account", "about")
_LET_ERASE = (
    "CREATE OR REPLACE FUNCTION gardefou_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN IF NEW.body = ''::bytea AND NEW.salt = ''::bytea"
    + "".join(f' AND NEW."{column}" IS NOT DISTINCT FROM OLD."{column}"' for column in _STAYS)
    + " THEN RETURN NEW; END IF; RAISE EXCEPTION 'the ledger is append-only'; END $$"
)
_ERASE_ONLY = (
    "CREATE TRIGGER event_no_update BEFORE UPDATE ON event WHEN NOT (NEW.body IS x'' AND NEW.salt IS x''"
    + "".join(f' AND NEW."{column}" IS OLD."{column}"' for column in _STAYS)
    + ") BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
)
#: The tables that only grow.
LEDGER_TABLES = ("event", "leaf", "tree_node", "checkpoint")


def append_only_statements(dialect: str) -> list[str]:
    """Return the statements that refuse any update or delete of a ledger row.

    An event's body may be replaced by nothing when a person's data is erased;
    its commitment stands in the leaf, so every proof stays valid. That is the
    one change let through, and nothing else may change along with it.
    """
    if dialect == "sqlite":
        statements: list[str] = []
        for table in LEDGER_TABLES:
            statements.append(
                _ERASE_ONLY
                if table == "event"
                else f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
            statements.append(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        return statements
    statements = [_REFUSE, _LET_ERASE]
    for table in LEDGER_TABLES:
        update = "gardefou_erase_only" if table == "event" else "gardefou_append_only"
        statements.append(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {update}()"
        )
        statements.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION gardefou_append_only()"
        )
    return statements


def erase_only_statements(dialect: str) -> list[str]:
    """Return the statements that put the present rule for events in place of an older one."""
    return ["DROP TRIGGER event_no_update", _ERASE_ONLY] if dialect == "sqlite" else [_LET_ERASE]
