"""The page of keys and secrets leaves none out: of the tables, of the settings, and of the key store."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from random import Random

import pytest

from gardefou.people.keys import KeyStore
from gardefou.settings import Settings
from gardefou.storage import tables

PAGE = (Path(__file__).parents[2] / "docs" / "security" / "keys.md").read_text(encoding="utf-8")
#: How columns are called that hold a secret, or what is made of one.
_COLUMN = re.compile(r"hash|key|secret|csrf|salt|mark|seal|nonce|assertion|digest|signature|credential|password|sid$")
#: And those that are called so and are none.
NO_SECRET = {
    "account.marked_fake": "whether people marked it",
}
_SETTING = re.compile(r"key|secret|seal|token|password|credential|database_url|jwks|issuer")
#: Settings that only say where something is.
NO_KEY = {"keys": "the folder", "signals_issuer": "as oidc_issuer: whose tokens are taken"}
#: What the key store does; with whatever comes here, a row of the page.
STORE = {
    "signer": "ledger.key",
    "seals": "seals.json",
    "keep_seals": "seals.json",
    "credentials": "platform-NAME.json",
    "keep": "platform-NAME.json",
    "address": "channel-KEY.json",
    "keep_address": "channel-KEY.json",
    "oidc_client": "oidc.json",
    "keep_oidc_client": "oidc.json",
}


def columns() -> list[str]:
    return [
        f"{table.name}.{column.name}"
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if _COLUMN.search(column.name)
    ]


@pytest.mark.parametrize("name", columns())
def test_every_column_of_secrets_is_on_the_page(name: str):
    assert f"`{name}`" in PAGE or name in NO_SECRET, f"say in docs/security/keys.md what {name} is, and its life"


@pytest.mark.parametrize("name", [one.name for one in fields(Settings) if _SETTING.search(one.name)])
def test_every_setting_of_secrets_is_on_the_page(name: str):
    assert f"`{name}`" in PAGE or name in NO_KEY, f"say in docs/security/keys.md what {name} is, and its life"


def test_every_file_of_the_key_store_is_on_the_page(tmp_path: Path):
    assert {name for name, _ in inspect.getmembers(KeyStore, inspect.isfunction) if name[0] != "_"} == set(STORE)
    assert all(f"| `{file}` |" in PAGE for file in STORE.values())
    store = KeyStore(tmp_path / "keys")
    store.signer(Random(1).randbytes)
    store.keep_seals("{}", new=True)
    store.keep("NAME", {})
    store.keep_address("KEY", "https://chat.example")
    store.keep_oidc_client({})
    assert {file.name for file in store.folder.iterdir()} == set(STORE.values())


def test_what_the_page_names_is_there():
    there = {f"{table.name}.{column.name}" for table in tables.metadata.sorted_tables for column in table.columns}
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGE)) - set(STORE.values()) - {"os.urandom"}
    assert named <= there
