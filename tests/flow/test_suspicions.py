"""Ways around the rules that were looked for and found open: by a service, an answer, a report, a clock, a silence."""

from __future__ import annotations

import pytest

from tests.flow.world import DAY

# what waits -----------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
def test_i12_what_only_waits_to_be_done_by_law_keeps_no_wrong_in_place(world, later):
    """Otherwise whoever imposed it keeps it there, with a mark that nobody of legal has seen: and it counts as lifted."""
    world.enforce("rev", "small", "suspend")
    world.enforce("rev", "small", "remove_content", content=("c1",))
    at = world.now + 300 * DAY
    marks = [world.enforce("rev", "small", "suspend", legal_basis="court_order", execute_at=at if later else None)]
    if later:
        removal = {"content": ("c1",), "legal_basis": "csam", "execute_at": at}
        marks.append(world.enforce("rev", "small", "remove_content", **removal))
    assert {one.state for one in marks} == {"waiting"}
    restored = world.restore("oncall", "small")
    assert set(restored.barred) == {one.id for one in marks}
    assert world.measures("small", ("c1",)) == frozenset()


def test_m11_what_was_done_by_law_stays_beside_what_is_restored(world):
    world.enforce("rev", "small", "suspend")
    mark = world.enforce("rev", "small", "remove_content", content=("c1",), legal_basis="csam")
    assert mark.state == "in_force"
    world.restore("oncall", "small")
    assert world.measures("small", ("c1",)) == {"removed:c1"}
