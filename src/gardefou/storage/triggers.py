"""The triggers that keep the ledger's tables append-only, on both databases."""

from __future__ import annotations

_REFUSE = (
    "CREATE FUNCTION gardefou_append_only() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
)
_LET_ERASE = (
    "CREATE FUNCTION gardefou_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN IF NEW.body = ''::bytea AND NEW.salt = ''::bytea AND NEW.id = OLD.id AND NEW.platform = OLD.platform"
    " AND NEW.kind = OLD.kind AND NEW.at = OLD.at AND NEW.by = OLD.by THEN RETURN NEW; END IF;"
    " RAISE EXCEPTION 'the ledger is append-only'; END $$"
)
_TABLES = ("event", "leaf", "tree_node", "checkpoint")


def append_only_statements(dialect: str) -> list[str]:
    """Return the statements that refuse any update or delete of a ledger row.

    An event's body may be replaced by nothing when a person's data is erased;
    its commitment stands in the leaf, so every proof stays valid. That is the
    one change let through.
    """
    if dialect == "sqlite":
        statements: list[str] = []
        for table in _TABLES:
            allowed = (
                " WHEN NOT (NEW.body = x'' AND NEW.salt = x'' AND NEW.id = OLD.id AND NEW.platform = OLD.platform"
                " AND NEW.kind = OLD.kind AND NEW.at = OLD.at AND NEW.by = OLD.by)"
                if table == "event"
                else ""
            )
            statements.append(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}{allowed}"
                f" BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
            statements.append(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        return statements
    statements = [_REFUSE, _LET_ERASE]
    for table in _TABLES:
        update = "gardefou_erase_only" if table == "event" else "gardefou_append_only"
        statements.append(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {update}()"
        )
        statements.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION gardefou_append_only()"
        )
    return statements
