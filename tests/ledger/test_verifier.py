"""The offline verifier: an untouched export passes, and whatever is changed is found and named."""

from __future__ import annotations

import ast
import base64
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gardefou.errors import Conflict, InvalidInput
from gardefou.ledger import verifier
from gardefou.ledger.checkpoint import Checkpoint, sign_checkpoint
from gardefou.ledger.export_format import ExportEntry, write_export
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.note import Signer, sign_note
from gardefou.ledger.tree import Frontier, leaf_hash
from gardefou.ledger.verifier import BadUsage, VerifyResult, describe, verify_export
from tests.ledger.made_log import ORIGIN, MadeLog, make_log
from tests.refusals import refused

LOG = make_log(30, erased=frozenset({11}))
LARGE = make_log(600)
FILES = ["bodies.ndjson", "checkpoint", "key", "tile/0/000.p/30", "tile/entries/000.p/30"]


@pytest.fixture
def export(tmp_path):
    return LOG.export(tmp_path / "export")


@pytest.fixture(scope="module")
def large_export(tmp_path_factory):
    return LARGE.export(tmp_path_factory.mktemp("large") / "export")


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --- what holds --------------------------------------------------------------------


def test_an_untouched_export_holds(export):
    result = verify_export(export, LOG.key)
    assert (result.ok, result.size, result.problem, result.erased) == (True, 30, None, 1)
    assert sorted(str(path.relative_to(export)) for path in export.rglob("*") if path.is_file()) == FILES


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513])
def test_exports_of_every_shape_hold(size, tmp_path):
    log = make_log(size)
    result = verify_export(log.export(tmp_path / "export"), log.key, log.checkpoint_at(size // 2))
    assert (result.ok, result.problem, result.size) == (True, None, size)


@pytest.mark.slow
def test_an_export_with_tiles_on_three_levels_holds_and_the_topmost_is_checked(tmp_path):
    log = make_log(65_800)
    folder = log.export(tmp_path / "export")
    assert verify_export(folder, log.key).ok
    edit(folder / "tile/2/000.p/1", flip(3))
    assert verify_export(folder, log.key).problem == (
        "hash tile altered: tile/2/000.p/1 is absent or not what the leaves below it give"
    )


def test_without_a_key_from_elsewhere_the_result_says_so(export):
    result = verify_export(export)
    assert result.ok
    assert result.own_key
    assert "--key" in describe(result)
    assert "--key" not in describe(verify_export(export, LOG.key))


# --- single bits -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_in_every_byte(name, export):
    path = export / name
    good = path.read_bytes()
    for at in range(len(good)):
        # Every place in a byte gets its turn; which one it is makes no difference to a hash.
        bit = at * 5 % 8
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :])
        result = verify_export(export)
        assert not result.ok, f"{name}: byte {at}, bit {bit}"
        if name.startswith(("tile/", "bodies")):
            expected = {
                "tile/0/000.p/30": at // 32,
                "tile/entries/000.p/30": at // 59,
                "bodies.ndjson": good[:at].count(b"\n"),
            }[name]
            assert result.first_bad == expected, f"{name}: byte {at}, bit {bit}: {result}"


# --- what is wrong, and where ------------------------------------------------------


def test_an_altered_body_is_named(export):
    told, untold = (base64.b64encode(body) for body in (b'{"n":6}', b'{"n":7}'))
    edit(export / "bodies.ndjson", lambda data: data.replace(told, untold))
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.event_id) == (6, LOG.entries[6].event_id)
    assert result.problem == "body altered: it is not the one that the leaf commits to"


def test_an_altered_leaf_is_named_by_the_event_that_stood_there(export):
    # In the event id itself, so that the leaf alone would name a wrong event.
    edit(export / "tile/entries/000.p/30", flip(59 * 9 + 2 + 5))
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.event_id) == (9, LOG.entries[9].event_id)
    assert result.problem == "leaf altered: it is not the one whose hash the signed root holds"


def test_an_altered_hash_tile_is_not_blamed_on_the_leaf(export):
    edit(export / "tile/0/000.p/30", flip(32 * 12))
    result = verify_export(export, LOG.key)
    assert result.first_bad == 12
    assert result.problem == "hash tile altered: the leaf is right, its hash in the tile is not"


def test_of_several_faults_the_first_is_named(export):
    edit(export / "tile/entries/000.p/30", flip(59 * 20 + 40))
    lines = (export / "bodies.ndjson").read_bytes().splitlines(keepends=True)
    (export / "bodies.ndjson").write_bytes(
        b"".join([*lines[:15], lines[15].replace(b'"seq":15', b'"seq":16'), *lines[16:]])
    )
    assert verify_export(export, LOG.key).first_bad == 15
    edit(export / "tile/0/000.p/30", flip(32 * 3))
    assert verify_export(export, LOG.key).first_bad == 3


def test_a_body_line_taken_out_is_named(export):
    lines = (export / "bodies.ndjson").read_bytes().splitlines(keepends=True)
    (export / "bodies.ndjson").write_bytes(b"".join(lines[:5] + lines[6:]))
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.event_id) == (5, LOG.entries[5].event_id)
    assert result.problem == "missing: bodies.ndjson has entry 6 here"


def test_a_body_line_too_many_is_found(export):
    edit(export / "bodies.ndjson", lambda data: data + data.splitlines(keepends=True)[-1])
    assert verify_export(export, LOG.key).problem == "bodies.ndjson has more lines than the checkpoint has entries"


def test_an_entry_too_many_is_found(export):
    edit(export / "tile/entries/000.p/30", lambda data: data + data[-59:])
    assert "more than its entries" in str(verify_export(export, LOG.key).problem)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(name, export):
    (export / name).unlink()
    result = verify_export(export, LOG.key)
    assert not result.ok
    assert "missing" in str(result.problem)


def test_a_missing_tile_in_the_middle_is_named(large_export, tmp_path):
    for name, first in (("tile/0/001", 256), ("tile/entries/001", 256), ("tile/1/000.p/2", 0)):
        folder = shutil.copytree(large_export, tmp_path / name.replace("/", "-"))
        (folder / name).unlink()
        result = verify_export(folder, LARGE.key)
        assert (result.ok, result.first_bad) == (False, first), result


def forged_entry(log: MadeLog, index: int, body: bytes) -> ExportEntry:
    """An entry rewritten in full agreement with itself: body, commitment, leaf and leaf hash."""
    entry = log.entries[index]
    salt = bytes(32)
    leaf = leaf_data(entry.event_id, 1, commit(salt, body))
    return replace(entry, leaf=leaf, leaf_hash=leaf_hash(leaf), salt=salt, body=body)


def test_history_rewritten_in_full_agreement_contradicts_the_signed_root(tmp_path):
    entries = [*LOG.entries]
    entries[9] = forged_entry(LOG, 9, b"it never happened")
    result = verify_export(LOG.export(tmp_path / "export", entries=iter(entries)), LOG.key)
    assert result.problem == "root mismatch: the entries agree with the hash tiles, but not with the signed root"


def test_in_a_larger_log_the_tiles_above_narrow_down_where(tmp_path):
    entries = [*LARGE.entries]
    entries[300] = forged_entry(LARGE, 300, b"it never happened")
    result = verify_export(LARGE.export(tmp_path / "export", entries=iter(entries)), LARGE.key)
    assert "root mismatch" in str(result.problem)
    assert "entries 256 to 511" in str(result.problem)


def test_a_leaf_and_its_hash_altered_together_are_betrayed_by_the_body(tmp_path):
    entries = [*LOG.entries]
    entries[9] = replace(forged_entry(LOG, 9, b"x"), salt=entries[9].salt, body=entries[9].body)
    result = verify_export(LOG.export(tmp_path / "export", entries=iter(entries)), LOG.key)
    assert (result.first_bad, result.event_id) == (9, LOG.entries[9].event_id)
    assert str(result.problem).startswith("root mismatch")


def test_history_signed_anew_by_the_log_contradicts_a_checkpoint_that_someone_holds(tmp_path):
    held = LOG.checkpoint_at(20)
    entries = [*LOG.entries]
    entries[9] = forged_entry(LOG, 9, b"it never happened")
    frontier, nodes = Frontier().append_many(entry.leaf_hash for entry in entries)
    stored = {(level, index): each for level, index, each in nodes}
    folder = tmp_path / "export"
    write_export(
        folder,
        entries,
        checkpoint=sign_checkpoint(Checkpoint(ORIGIN, 30, frontier.root), LOG.signer),
        verifier_key=LOG.key,
        fetch=lambda level, index: stored[level, index],
    )
    assert verify_export(folder, LOG.key).ok
    assert "history was rewritten" in str(verify_export(folder, LOG.key, held).problem)


def test_a_log_shorter_than_a_held_checkpoint_is_found(export):
    result = verify_export(export, LOG.key, sign_checkpoint(Checkpoint(ORIGIN, 31, bytes(32)), LOG.signer))
    assert "shorter (30)" in str(result.problem)


def test_another_key_than_the_one_given_is_found(export):
    other = make_log(1, seed=5)
    assert not verify_export(export, other.key).ok
    (export / "key").write_text(other.key + "\n")
    assert verify_export(export).problem == "the checkpoint is not signed by this key"


def test_a_made_up_size_ends_at_the_first_missing_entry(export):
    (export / "checkpoint").write_text(sign_checkpoint(Checkpoint(ORIGIN, 2**60, bytes(32)), LOG.signer))
    result = verify_export(export, LOG.key)
    assert (result.ok, result.first_bad) == (False, 0)


# --- writing -----------------------------------------------------------------------


def test_an_export_never_writes_into_a_folder_in_use(export):
    with refused("ledger/export_exists", "folder", by=Conflict):
        LOG.export(export)


@pytest.mark.parametrize("gap", [0, 17, 29])
def test_an_entry_missing_from_the_store_is_named_and_the_export_is_left_without_checkpoint(gap, tmp_path):
    entries = [entry for entry in LOG.entries if entry.index != gap]
    with pytest.raises(InvalidInput, match=f"Entry {gap} is missing") as caught:
        LOG.export(tmp_path / "export", entries=iter(entries))
    assert (caught.value.code, caught.value.extra) == ("ledger/export_missing", {"index": gap})
    assert not (tmp_path / "export/checkpoint").exists()


# --- as a program ------------------------------------------------------------------


def test_the_verifier_shares_no_code_with_the_writer():
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(Path(verifier.__file__).read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_the_one_file_runs_by_itself_and_exits_0_1_or_2(export, tmp_path):
    alone = tmp_path / "verifier.py"
    shutil.copy(verifier.__file__, alone)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", str(alone), *arguments], capture_output=True, text=True, check=False, timeout=240
        )

    good = run(str(export), "--key", LOG.key)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("OK 30 entries")
    edit(export / "tile/entries/000.p/30", flip(59 * 9 + 40))
    bad = run(str(export), "--key", LOG.key)
    assert bad.returncode == 1
    assert bad.stdout.startswith(f"BAD entry 9 (event {LOG.entries[9].event_id}): leaf altered")
    assert run(str(tmp_path / "nowhere")).returncode == 2


def test_bad_usage_is_told_apart_from_a_bad_log(export, tmp_path, capsys):
    with pytest.raises(BadUsage):
        verify_export(tmp_path)
    with pytest.raises(BadUsage):
        verify_export(export, "not a key")
    with pytest.raises(BadUsage):
        verify_export(export, LOG.key, "not a checkpoint")
    assert verifier.main([str(export), "--held", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    held = tmp_path / "held"
    held.write_text(LOG.checkpoint_at(10))
    assert verifier.main([str(export), "--key", LOG.key, "--held", str(held)]) == 0


def test_what_the_key_signed_is_no_checkpoint_for_that(export):
    root = base64.b64encode(bytes(32)).decode()
    for body in (
        f"{ORIGIN}\n30\n",
        f"{ORIGIN}\n30\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n30\n{root[:-1]}\n",
        f"{ORIGIN}\n030\n{root}\n",
        f"{ORIGIN}\n٣\n{root}\n",
        f"{ORIGIN}\n\n{root}\n",
    ):
        (export / "checkpoint").write_text(sign_note(body, LOG.signer), encoding="utf-8")
        assert verify_export(export, LOG.key).problem == "the signed note is not a checkpoint", body
    (export / "checkpoint").write_text(sign_note(f"elsewhere\n30\n{root}\n", LOG.signer), encoding="utf-8")
    assert verify_export(export, LOG.key).problem == "the checkpoint is of another log than the key"


def test_a_bundle_cut_within_its_last_entry_is_named_with_the_event_that_is_cut(export):
    edit(export / "tile/entries/000.p/30", lambda data: data[:-1])
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.event_id) == (29, LOG.entries[29].event_id)
    assert result.problem == "missing: entry bundle tile/entries/000.p/30 is absent, cut or altered"


def test_a_bundle_that_is_not_there_is_missing_from_its_first_entry(export):
    (export / "tile/entries/000.p/30").unlink()
    assert verify_export(export, LOG.key).first_bad == 0


def test_an_entry_too_many_is_said_of_the_last_one(export):
    edit(export / "tile/entries/000.p/30", lambda data: data + data[-59:])
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.problem) == (
        29,
        "entry bundle tile/entries/000.p/30 holds more than its entries",
    )


def test_without_bodies_the_leaf_itself_names_the_event(export):
    (export / "bodies.ndjson").unlink()
    result = verify_export(export, LOG.key)
    assert (result.first_bad, result.event_id) == (0, LOG.entries[0].event_id)


def test_any_file_of_an_export_makes_a_folder_one(export, tmp_path):
    for name in ("checkpoint", "key"):
        alone = tmp_path / name
        alone.mkdir()
        shutil.copy(export / name, alone / name)
        assert "missing" in str(verify_export(alone).problem)
    (tmp_path / "none").mkdir()
    with pytest.raises(BadUsage):
        verify_export(tmp_path / "none")


def test_in_this_process_too_a_bad_log_is_1_and_its_line_is_whole(export, capsys):
    assert verifier.main([str(export), "--key", LOG.key]) == 0
    assert capsys.readouterr().out == f"{describe(verify_export(export, LOG.key))}\n"
    (export / "checkpoint").unlink()
    assert verifier.main([str(export)]) == 1
    assert capsys.readouterr().out == "BAD missing: the export has no file `checkpoint`\n"


def test_the_logs_signature_counts_wherever_it_stands_among_others(export):
    witness = Signer("witness.example/w", b"\x05" * 32)
    body = f"{ORIGIN}\n30\n{base64.b64encode(bytes.fromhex(verify_export(export).root)).decode()}\n"
    for signers in ((witness, LOG.signer), (LOG.signer, witness)):
        (export / "checkpoint").write_text(sign_note(body, *signers), encoding="utf-8")
        assert verify_export(export, LOG.key).ok
    (export / "checkpoint").write_text(sign_note(body, witness), encoding="utf-8")
    assert verify_export(export, LOG.key).problem == "the checkpoint is not signed by this key"


def test_the_line_for_a_good_log_says_its_size_root_and_erased_bodies_and_ends(export, tmp_path):
    result = verify_export(export, LOG.key)
    assert describe(result) == f"OK 30 entries, root {result.root}, 1 bodies erased"
    log = make_log(3)
    result = verify_export(log.export(tmp_path / "small"), log.key)
    assert describe(result) == f"OK 3 entries, root {result.root}"


@pytest.mark.parametrize(
    ("line", "good"),
    [
        (b'{"seq":0,"event":"e","salt":"s","body":"b"}\n', True),
        (b'{"seq":0,"event":"e","erased":true}\n', True),
        # Another form of the same, or of nothing.
        (b'{"seq":0,"event":"e","erased":false}\n', False),
        (b'{"seq":0,"event":"e","erased":1}\n', False),
        (b'{"seq":0,"event":"e"}\n', False),
        (b'{"seq":0,"event":"e","salt":"s"}\n', False),
        (b'{"seq":0,"event":"e","salt":"s","body":"b","more":1}\n', False),
        (b'{"seq":0,"event":"e","body":"b","salt":"s"}\n', False),
        (b'{"event":"e","seq":0,"erased":true}\n', False),
        (b'{"seq":true,"event":"e","erased":true}\n', False),
        (b'{"seq":0,"event":1,"erased":true}\n', False),
        (b'{"seq": 0,"event":"e","erased":true}\n', False),
        (b'{"seq":0,"event":"e","erased":true}', False),
        (b"[]\n", False),
        (b"1\n", False),
        (b"null\n", False),
        (b"{\n", False),
        (b"\xff\n", False),
        (b"[" * 100_000, False),
    ],
)
def test_an_entry_is_a_line_written_in_the_one_way_that_counts(line, good):
    assert (verifier._parse_line(line) is not None) is good


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "000"),
        (7, 256, "007"),
        (999, 30, "999.p/30"),
        (1_000, 256, "x001/000"),
        (1_234_067, 255, "x001/x234/067.p/255"),
        (5_000_000, 256, "x005/x000/000"),
    ],
)
def test_a_tile_is_named_by_groups_of_three_digits(index, width, path):
    assert verifier._tile_path("entries", index, width) == f"tile/entries/{path}"


def test_a_key_that_is_none_is_refused_with_what_is_wrong_with_it(export):
    with pytest.raises(BadUsage) as caught:
        verify_export(export, "no key at all")
    assert str(caught.value) not in {"", "None"}


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("name+AQ==", "not written name+hash+base64"),
        ("+0a0b0c0d+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "not written name+hash+base64"),
        ("name+0a0b0c0d+no base64", "not written name+hash+base64"),
        ("name+0a0b0c0d+" + base64.b64encode(b"\x01" + bytes(31)).decode(), "not written name+hash+base64"),
        ("name+0a0b0c0d+" + base64.b64encode(b"\x02" + bytes(32)).decode(), "not written name+hash+base64"),
        ("name+0a0b0c0d+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "hash does not belong to its key"),
        (base64.b64encode(b"\x01" + bytes(32)).decode(), "not written name+hash+base64"),
        ("name+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "not written name+hash+base64"),
    ],
)
def test_a_key_is_written_in_the_one_way_that_counts(export, key, says):
    with pytest.raises(BadUsage, match=re.escape(says)):
        verify_export(export, key)


def test_a_leaf_of_another_version_is_named_with_its_event(export):
    leaf = b"\x02" + LOG.entries[4].leaf[1:]
    line = (export / "bodies.ndjson").read_bytes().splitlines(keepends=True)[4]
    found, _ = verifier._check_body(line, 4, leaf, verifier._Survey())
    assert found is not None
    assert (found.index, found.event_id) == (4, LOG.entries[4].event_id)
    assert found.problem == "leaf altered: not a leaf of version 1"


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (VerifyResult(ok=False, size=3, problem="it is gone"), "BAD it is gone"),
        (VerifyResult(ok=False, size=3, first_bad=0, problem="it is gone"), "BAD entry 0: it is gone"),
        (
            VerifyResult(ok=False, size=3, first_bad=2, event_id="01", problem="it is gone"),
            "BAD entry 2 (event 01): it is gone",
        ),
    ],
)
def test_the_line_for_a_bad_log_names_the_entry_and_its_event_where_they_are_known(result, says):
    assert describe(result) == says


def test_without_the_tiles_above_the_first_entries_are_named(tmp_path):
    entries = [*LARGE.entries]
    entries[300] = forged_entry(LARGE, 300, b"it never happened")
    export = LARGE.export(tmp_path / "export", entries=iter(entries))
    shutil.rmtree(export / "tile/1")
    assert "root mismatch" in str(verify_export(export, LARGE.key).problem)


@pytest.mark.parametrize("altered", [0, 1])
def test_above_65536_entries_the_first_entry_below_an_altered_tile_is_named(altered, tmp_path):
    blocks = [bytes([index % 256, index // 256]) * 16 for index in range(300)]
    for index, width in ((0, 256), (1, 44)):
        path = tmp_path / verifier._tile_path("1", index, width)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(blocks[256 * index : 256 * index + width])
        path.write_bytes(data[:-1] + b"\xff" if index == altered else data)
    found = verifier._upper_tiles(tmp_path, blocks)
    assert found is not None
    assert found.index == 65_536 * altered
    assert ("tile/1/001.p/44" if altered else "tile/1/000 ") in found.problem


def test_an_export_makes_the_folders_above_its_own(tmp_path):
    assert verify_export(LOG.export(tmp_path / "of" / "last" / "year"), LOG.key).ok
    (tmp_path / "there").mkdir()
    assert verify_export(LOG.export(tmp_path / "there"), LOG.key).ok
