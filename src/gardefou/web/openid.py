"""The organisation's identity provider, as one web node knows it: nothing of it is loaded before somebody asks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gardefou.errors import NotFound
from gardefou.people.keys import KeyStore
from gardefou.settings import Settings
from gardefou.web.throttle import Throttle

if TYPE_CHECKING:
    import httpx

    from gardefou.people.oidc.provider import Provider

CALLBACK = "/oidc/callback"


class OpenId:
    """Holds the one provider of a node, with what it remembers of keys."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: Another way to the provider than over the network.
        self.transport: httpx.BaseTransport | None = None
        #: How often one address may begin a sign-in.
        self.begun = Throttle(60)
        self._provider: Provider | None = None
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether there is a provider to sign in at."""
        return bool(self._settings.oidc_issuer and self._settings.oidc_client_id)

    @property
    def name(self) -> str:
        """What people call it; empty where nobody said."""
        return self._settings.oidc_name

    @property
    def provider(self) -> Provider:
        """The provider.

        Raises:
            NotFound: none is set (`oidc/off`).
        """
        if not self.on:
            raise NotFound("oidc/off", "Nobody signs in here through an identity provider; oidc_issuer is not set.")
        with self._lock:
            if self._provider is None:
                from gardefou.people.oidc.provider import Provider  # noqa: PLC0415 - loads much that few need

                self._provider = Provider(
                    self._settings.oidc_issuer,
                    self._settings.oidc_client_id,
                    self._settings.address + CALLBACK,
                    KeyStore(self._settings.keys_folder),
                    transport=self.transport,
                )
            return self._provider

    def close(self) -> None:
        """Let go of the network."""
        if self._provider is not None:
            self._provider.close()
