"""What `gardefou serve` loads before it answers: only what answering needs."""

from __future__ import annotations

import subprocess
import sys

#: Each takes long to load, and is asked for by few requests, or by other commands.
LATER = (
    "alembic",
    "apprise",
    "authlib",
    "duckdb",
    "gardefou.attack",
    "gardefou.bench",
    "gardefou.demo",
    "gardefou.lab",
    "gardefou.platforms.synapse",
    "gardefou.platforms.webhook",
    "gardefou.scenario",
    "httpx",
    "joserfc",
    "psycopg",
    "pygments",
    "rich",
    "scim2_models",
    "sqlglot",
    "webauthn",
    "z3",
)
STARTED = """
import sys
from pathlib import Path
import gardefou.cli
from gardefou.bootstrap import first_person, initialise, open_app
from gardefou.settings import Settings
from gardefou.web.serve import make_server
settings = Settings(data=Path(sys.argv[1]), database_url=sys.argv[2])
app = open_app(settings, migrate=False)
initialise(app, nets="default", person=first_person(app, roles=("admin",)))
make_server(app, settings).config.load()
print(*sys.modules)
"""


def test_a_server_loads_only_what_answering_needs(sqlite_url, tmp_path):
    command = [sys.executable, "-c", STARTED, str(tmp_path), sqlite_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gardefou.web.console.pages" in loaded
    assert sorted(loaded.intersection(LATER)) == []
