"""The load that benchmarks send: an even load waits from when each report was due; a bare application answers it."""

from __future__ import annotations

import pytest

from gardefou.bench.ledger import ledger
from gardefou.bench.load import evenly
from gardefou.bench.serving import process
from gardefou.bench.soak import Soaked
from gardefou.errors import Unavailable


@pytest.mark.network_loopback
def test_an_even_load_is_answered_by_a_bare_application_and_refused_by_one_that_takes_nothing(tmp_path):
    with process(["gardefou.bench.bare"], tmp_path, {}) as server:
        load = evenly(server.address, secret="none", rate=200, seconds=0.5)
        assert load.taken == 100
        assert load.seconds >= 0.49
        assert 0 < load.p50 <= load.p99
        assert server.resident() > 10_000_000
        with pytest.raises(Unavailable) as refused:
            evenly(f"{server.address}/nothing", secret="none", rate=200, seconds=0.1)
    assert refused.value.code == "bench/unexpected"
    assert "404" in refused.value.message


def test_growth_is_what_memory_gained_a_minute_after_the_warm_up():
    rising = Soaked(samples=tuple((float(at), 10**8 + min(at, 30) * 10**6 + at * 1024) for at in range(90)), done={})
    assert rising.slope == pytest.approx(60)
    assert Soaked(samples=tuple((float(at), 10**8 - at) for at in range(90)), done={}).slope == 0


def test_the_ledger_is_measured_on_as_many_events_as_are_asked_for(database_url, tmp_path):
    times = ledger(database_url, tmp_path, events=1_200)
    assert times.events == 1_200
    assert min(times.integrated, times.proof_ms, times.audited) > 0
