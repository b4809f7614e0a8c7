"""The settings of the throw-away homeserver: loopback, SQLite, nothing leaves, no rate limits.

JSON is YAML, so the file is written as JSON: every value is quoted rightly.
Setting names follow Synapse's configuration manual.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: The name of the homeserver; ids read ``@user:lab.test``.
SERVER_NAME = "lab.test"

#: Synapse has no switch that turns a limit off; these are out of any test's reach.
_UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}

_PLAIN_LIMITS = (
    "rc_message",
    "rc_registration",
    "rc_registration_token_validity",
    "rc_admin_redaction",
    "rc_joins_per_room",
    "rc_3pid_validation",
    "rc_third_party_invite",
    "rc_media_create",
    "rc_room_creation",
    "rc_reports",
    "rc_user_directory",
    "rc_key_requests",
    "rc_delayed_event_mgmt",
)

_SPLIT_LIMITS: dict[str, tuple[str, ...]] = {
    "rc_login": ("address", "account", "failed_attempts"),
    "rc_joins": ("local", "remote"),
    "rc_invites": ("per_room", "per_user", "per_issuer"),
    "rc_presence": ("per_user",),
}


def write(folder: Path, *, port: int, secret: str, notices: bool) -> Path:
    """Write the homeserver's settings into ``folder`` and return the file.

    ``notices`` switches server notices on; a plain server has them off.
    """
    settings: dict[str, Any] = {
        "server_name": SERVER_NAME,
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "listeners": [
            {
                "port": port,
                "type": "http",
                "tls": False,
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client", "media"], "compress": False}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "log_config": str(folder / "log.json"),
        "pid_file": str(folder / "synapse.pid"),
        "registration_shared_secret": secret,
        "macaroon_secret_key": secret,
        "form_secret": secret,
        "enable_registration": False,
        "report_stats": False,
        # Nothing leaves this machine.
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "federation_domain_whitelist": [],
        "url_preview_enabled": False,
        "presence": {"enabled": False},
        # A new database builds some of its indexes in the background; here it does so at once.
        "background_updates": {"sleep_enabled": False},
        # Made-up passwords need no slow hash.
        "bcrypt_rounds": 4,
    }
    settings |= dict.fromkeys(_PLAIN_LIMITS, _UNLIMITED)
    settings |= {name: dict.fromkeys(parts, _UNLIMITED) for name, parts in _SPLIT_LIMITS.items()}
    if notices:
        settings["server_notices"] = {"system_mxid_localpart": "notices", "room_name": "Server notices"}
    logs = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(folder / "synapse.log"), "formatter": "plain"}
        },
        "root": {"level": "WARNING", "handlers": ["file"]},
    }
    (folder / "log.json").write_text(json.dumps(logs), encoding="utf-8")
    file = folder / "homeserver.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return file
