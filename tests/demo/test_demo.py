"""The demo as whoever tries Gardefou first sees it: one command, one screen after the other, exit 0."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gardefou.bootstrap import open_app
from gardefou.demo.stage import NAMES, PRESIDENT, make_stage
from gardefou.demo.story import the_same_click_without_nets
from gardefou.settings import Settings


def demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gardefou", *arguments, "demo", "--no-serve"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("newcomer")
    # R11: what leads other commands to a store does not lead the demo there.
    away = {"GARDEFOU_DATA": str(folder / "real"), "GARDEFOU_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    done = demo(folder, **away)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(folder.iterdir()) == [], "the demo leaves nothing behind"
    return done.stdout


def test_the_sixty_seconds_are_all_there_and_in_sequence(shown):
    # Words wrap with the width; what counts is what is said.
    said = re.sub(r"[\s│]+", " ", shown)
    sentences = (
        "One key closed each.",
        "This is the REAL one: 41 million followers.",
        "Nothing happens. The account is up",
        "In someone's last 24 hours nothing above severity 3",
        "Waits for two more people (lead or policy) from other teams and 30 minutes",
        "down for 11:00",
        "10 accounts go down. The 11th waits",
        "10 of 10 are back",
        "the nets refuse; nothing happens",
        "asked to deactivate 15 accounts",
        "There are no names in it.",
    )
    places = [said.find(sentence) for sentence in sentences]
    assert -1 not in places, sentences[places.index(-1)]
    assert places == sorted(places)


def test_every_ordinary_decision_says_how_long_it_took_and_one_found_nothing_wrong(shown):
    took = [int(found) for found in re.findall(r"@\w+ .* (\d+) ms$", shown, re.MULTILINE)]
    assert len(took) == 3
    assert max(took) < 2_000
    assert "no violation" in shown


def test_r19_no_name_no_hash_and_no_id_on_the_screen(shown):
    for name in NAMES:
        for part in name.split():
            assert part not in shown
    assert not re.search(r"[0-9a-f]{16}", shown)
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", shown)
    assert "gf_" not in shown


def test_it_fits_a_few_screens_and_has_no_colour_off_a_terminal(shown):
    lines = shown.splitlines()
    assert len(lines) < 100
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_r11_a_named_folder_keeps_the_demo_and_an_initialised_one_is_refused_and_left_as_it_is(tmp_path):
    kept = tmp_path / "kept"
    assert demo(tmp_path, "--data", str(kept)).returncode == 0
    before = (kept / "gardefou.db").read_bytes()
    again = demo(tmp_path, "--data", str(kept))
    assert again.returncode == 2
    assert again.stdout == ""
    assert "store/initialised" in again.stderr
    assert (kept / "gardefou.db").read_bytes() == before


def test_without_nets_the_click_takes_the_account_down_for_eleven_minutes():
    down = the_same_click_without_nets()
    assert (down.handle, down.seconds) == ("president", 660)


def test_the_president_of_the_demo_is_protected_by_the_shipped_rules(tmp_path):
    app = open_app(Settings(data=tmp_path))
    try:
        stage = make_stage(app)
        reading = stage.network.read_state(PRESIDENT)
        with app.works.read() as connection:
            rules = app.config(connection).rules
    finally:
        app.works.store.close()
    assert set(reading.labels) & set(rules.protected_labels)
    assert rules.setup_finished
