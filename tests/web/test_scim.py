"""Provisioning over SCIM: the protocol whole, and that it only ever lowers."""

from __future__ import annotations

import random

from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server


def test_the_whole_of_scims_tester_finds_nothing(one_house):
    random.seed(7)
    one_house.service("okta", "scim")
    client = one_house.client
    client.base_url = "http://testserver/scim/v2/"
    client.headers["Authorization"] = f"Bearer {one_house.tokens['okta']}"
    results = check_server(SyncSCIMClient(client))
    wrong = [one for one in results if one.status not in {Status.SUCCESS, Status.SKIPPED}]
    assert [(one.title, one.resource_type, one.reason) for one in wrong] == []
    assert [(one.title, one.reason) for one in results if one.status is Status.SKIPPED] == []
    assert len(results) > 80
