"""A run's folder: what is in it, what is refused in one sentence, and what is passed over."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from explorer.core.errors import BundleError
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter, in_force, live_changes, read_events
from explorer.core.runs.folder import ControlFile, RunSpec, create, read_control, read_run, write_control
from explorer.core.runs.snapshots import kept_epochs, read_epoch, saved_epochs, write_epoch

ORDER = RunSpec("mine", {"latent_dim": 2, "widths": (8, 4)}, {"dataset": "digits"}, created=1000.5, budget_s=30.0)


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def folder():
    return create(ORDER)


# ---- the folder


def test_a_new_run_is_found_with_what_was_ordered(folder, checkpoints):
    assert folder == checkpoints / "runs" / "mine" == run_folder.find("mine") and run_folder.folders() == [folder]
    assert read_run(folder)[0] == ORDER
    assert {path.name for path in folder.iterdir()} == {"run.json", "epochs"}
    assert [path.name for path in folder.parent.iterdir()] == ["mine"], "nothing temporary is left"


def test_a_name_that_is_taken_is_refused(folder):
    before = (folder / "run.json").read_bytes()
    with pytest.raises(BundleError, match="There is already a run 'mine'. Choose another name"):
        create(replace(ORDER, budget_s=0.0))
    assert (folder / "run.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "../up", "a b", "runs", "con", "x" * 65, "a\0b", ".hidden"])
def test_a_name_that_cannot_be_is_refused_and_makes_no_folder(name, checkpoints):
    with pytest.raises(BundleError):
        create(replace(ORDER, name=name))
    assert not list(checkpoints.iterdir())


def test_a_full_disk_leaves_no_half_made_run(full_disk, checkpoints):
    with full_disk("run.json"), pytest.raises(BundleError, match="The disk is full while saving the run 'mine'"):
        create(ORDER)
    assert not list((checkpoints / "runs").iterdir())
    assert create(ORDER), "the name is free"


def test_a_run_that_is_not_there_is_told_from_those_that_are(folder):
    with pytest.raises(BundleError, match="There is no run 'mein'. Did you mean 'mine'?"):
        run_folder.find("mein")
    (folder.parent / "empty").mkdir()
    assert run_folder.folders() == [folder], "a folder without run.json is no run"


# ---- run.json


def damaged(change) -> str:
    values = {"format": 1, "order": {**vars(ORDER), "model": dict(ORDER.model), "train": dict(ORDER.train)}}
    change(values)
    return json.dumps(values)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "not valid JSON"),
        ('{"format": 1, "order": {"na', "not valid JSON"),
        (b"\xff\x00\x80", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ("{}" + " " * 1_000_000, "too large"),
        ("{}", "is not a run's"),
        (damaged(lambda v: v.update(format=2)), "is not a run's"),
        (damaged(lambda v: v["order"].pop("map")), "is not a run's"),
        (damaged(lambda v: v["order"].update(more=1)), "is not a run's"),
        (damaged(lambda v: v["order"].update(model=[])), "settings that cannot be (of the wrong kind)"),
        (damaged(lambda v: v["order"].update(train="mnist")), "settings that cannot be (of the wrong kind)"),
        (damaged(lambda v: v["order"]["model"].update(latent_dim=0)), "cannot be (latent_dim must be a whole number"),
        (damaged(lambda v: v["order"]["model"].update(image_shape=[1, 8, 8])), "of the wrong kind"),
        (damaged(lambda v: v["order"]["train"].update(lr="fast")), "cannot be (lr must be a number"),
        (damaged(lambda v: v["order"]["train"].update(rate=1)), "of the wrong kind"),
        (damaged(lambda v: v["order"].update(created="today")), "a time that cannot be"),
        (damaged(lambda v: v["order"].update(created=10**400)), "a time that cannot be"),
        (damaged(lambda v: v["order"].update(budget_s=-1)), "a time that cannot be"),
    ],
)
def test_a_run_json_that_was_edited_is_one_sentence(folder, text, words):
    (folder / "run.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BundleError) as caught:
        read_run(folder)
    assert str(caught.value).startswith("Run 'mine': run.json ") and words in str(caught.value)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_a_run_json_that_cannot_be_read_is_one_sentence(folder):
    (folder / "run.json").unlink()
    with pytest.raises(BundleError, match="Run 'mine': run.json cannot be read"):
        read_run(folder)


def test_the_folder_says_what_a_run_is_called(folder):
    moved = folder.rename(folder.with_name("renamed"))
    assert read_run(moved)[0].name == "renamed"


# ---- control.json


def test_controls_are_read_as_they_were_written(folder):
    assert read_control(folder) == ControlFile()
    wanted = ControlFile(2.5, 0.1, True, 7, "keep")
    write_control(folder, wanted)
    assert read_control(folder) == wanted


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ControlFile()),
        ('{"beta": 4', ControlFile()),
        ("[]", ControlFile()),
        ('{"beta": NaN}', ControlFile()),
        (b"\x80\x04}", ControlFile()),
        ('{"beta": 4}' + " " * 1_000_000, ControlFile()),
        ('{"beta": -1, "lr_scale": 2}', ControlFile(lr_scale=2)),
        ('{"beta": true, "lr_scale": "2", "pause": 1, "step_to": 1.5, "stop": "now", "what": 1}', ControlFile()),
        ('{"lr_scale": 101, "beta": 1e5, "pause": true}', ControlFile(pause=True)),
    ],
)
def test_controls_that_are_no_good_are_as_if_they_were_not_there(folder, text, expected):
    (folder / "control.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_control(folder) == expected


# ---- events


def written(folder, *kinds) -> None:
    events = EventWriter(folder)
    for kind in kinds:
        events.write(kind)
    events.close()


def kinds(folder, start: int = 0) -> list[str]:
    return [event["kind"] for event in read_events(folder, start)[0]]


def test_events_are_read_in_order_with_their_times(folder):
    before = time.time()
    written(folder, "queued", "starting")
    events, at = read_events(folder)
    assert [e["kind"] for e in events] == ["queued", "starting"]
    assert before - 1 < events[0]["t"] <= events[1]["t"] < time.time() + 1
    assert at == (folder / "events.jsonl").stat().st_size


def test_a_torn_last_line_is_passed_over_and_what_comes_after_it_is_read(folder):
    written(folder, "starting")
    _, at = read_events(folder)
    with open(folder / "events.jsonl", "ab") as file:
        file.write(b'{"kind": "epoch", "t')
    assert read_events(folder, at) == ([], at), "it may still be being written"
    written(folder, "stopped", "starting")
    assert kinds(folder) == ["starting", "stopped", "starting"] and kinds(folder, at) == ["stopped", "starting"]


def test_a_line_that_is_finished_later_is_read_once(folder):
    path, line = folder / "events.jsonl", b'{"kind": "epoch", "epoch": 3}\n'
    path.write_bytes(line[:10])
    events, at = read_events(folder)
    assert events == []
    path.write_bytes(line + line[:4])
    events, at = read_events(folder, at)
    assert [e["epoch"] for e in events] == [3] and at == len(line)
    assert read_events(folder, at) == ([], at)


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\xff\xfe binary \x80",
        b"{}",
        b"[]",
        b"7",
        b'{"kind": 7}',
        b"[" * 200_000,
        b'"' + b"x" * 2_000_000 + b'"',
        b"1" * 10_000,
        b"not json",
        b"",
    ],
    ids=range(10),
)
def test_a_line_that_is_no_event_is_passed_over(folder, junk):
    written(folder, "starting")
    with open(folder / "events.jsonl", "ab") as file:
        file.write(junk + b"\n")
    written(folder, "stopped")
    assert kinds(folder) == ["starting", "stopped"]


def test_no_events_are_none(folder):
    assert read_events(folder) == ([], 0) and read_events(folder.parent / "gone", 5) == ([], 5)
    assert event_log.first_line(folder) == event_log.first_line(folder.parent / "gone") == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a file that is always full is Linux's")
def test_a_full_disk_is_said_and_closing_is_quiet(folder):
    (folder / "events.jsonl").symlink_to("/dev/full")
    events = EventWriter(folder)
    with pytest.raises(BundleError, match="The disk is full while saving the run's events"):
        events.write("starting")
    events.close()


def test_events_that_cannot_be_opened_are_one_sentence(folder):
    (folder / "events.jsonl").mkdir()
    with pytest.raises(BundleError, match="Saving the run's events in .* failed"):
        EventWriter(folder)
    assert read_events(folder) == ([], 0)


# ---- what a resume takes back


def at(kind, step, **more):
    return {"kind": kind, "step": step} | more


def change(step, beta=4.0):
    return at("dial", step, beta=beta, lr_scale=1.0)


def test_what_came_after_the_checkpoint_is_taken_back_by_a_resume():
    events = [
        at("training", 0),
        at("epoch", 0),
        change(3),
        at("epoch", 10),
        change(10),
        at("batch", 15),
        change(17),
        {"kind": "starting"},
        at("training", 10),
    ]
    kept = in_force(events)
    assert [(e["kind"], e.get("step")) for e in kept] == [
        ("training", 0),
        ("epoch", 0),
        ("dial", 3),
        ("epoch", 10),
        ("starting", None),
        ("training", 10),
    ]
    assert in_force(kept + [change(10)]) == kept + [change(10)], "the same whether read at once or in parts"


@pytest.mark.parametrize(
    "bad", [{"beta": "much"}, {"beta": None}, {"lr_scale": -1}, {"step": 1.5}, {"beta": float("nan")}, {"beta": float("inf")}]
)
def test_a_turn_of_the_dial_that_cannot_be_is_passed_over(bad):
    assert in_force([change(3) | bad]) == [] and live_changes([change(3) | bad]) == []


def test_all_turns_are_made_again_however_often_a_run_breaks_off():
    first = [at("training", 0), change(12), change(17)]
    again = [at("training", 10), change(12)]  # and killed before 17
    assert live_changes(first) == [change(12), change(17)]
    assert live_changes(first + again) == [change(12), change(17)]
    assert live_changes(first + again + [at("training", 10), change(12), change(17), change(21, 0.0)])[-1] == change(21, 0.0)


def test_the_turn_that_broke_a_run_is_not_made_again():
    assert live_changes([change(3), change(12, 1e4), at("diverged", 10)]) == [change(3)]


# ---- epochs


@pytest.mark.parametrize("n", [0, 1, 5, 62, 63, 64, 65, 100, 1000, 100_000])
def test_at_most_64_epochs_are_kept_the_first_and_the_last_among_them(n):
    kept = kept_epochs(n)
    assert {0, n} <= kept and len(kept) == min(n + 1, len(kept)) <= 64 and max(kept) == n
    if n < 64:
        assert kept == set(range(n + 1))


def test_kept_epochs_are_log_spaced():
    kept = sorted(kept_epochs(1000))
    gaps = np.diff(kept)
    assert kept[:6] == [0, 1, 2, 3, 4, 5] and (np.diff(gaps) >= -1).all(), "denser at the start"
    ratios = np.divide(kept[31:], kept[30:-1])
    assert ratios.min() > 1.08 and ratios.max() < 1.16, "each later one the same share further"


def test_an_epoch_is_read_as_it_was_written(folder):
    arrays = {"means": np.eye(3, 2, dtype=np.float32), "samples": np.zeros((2, 1, 8, 8), np.uint8)[:, :, ::-1]}
    for epoch in (12, 3, 1000):
        write_epoch(folder, epoch, arrays)
    assert saved_epochs(folder) == [3, 12, 1000]
    found = read_epoch(folder, 12)
    assert found.keys() == arrays.keys() and all(np.array_equal(found[k], arrays[k]) for k in arrays)


@pytest.mark.parametrize("name", ["x.safetensors", "1x.safetensors", "1².safetensors", ".001.safetensors.7-0.tmp", "1.json"])
def test_other_files_among_the_epochs_are_none(folder, name):
    (folder / "epochs" / name).write_text("")
    assert saved_epochs(folder) == []


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "damaged or cut short"),
        (b"\x80\x04junk.", "is not a safetensors file"),
        (None, "cannot be read"),
        (b"0" * 200, "too large"),
    ],
)
def test_an_epoch_that_is_damaged_is_one_sentence(folder, monkeypatch, data, words):
    monkeypatch.setattr(snapshots, "EPOCH_BYTES", 100)
    if data is not None:
        snapshots.epoch_path(folder, 4).write_bytes(data)
    with pytest.raises(BundleError, match=words) as caught:
        read_epoch(folder, 4)
    assert str(caught.value).startswith("Run 'mine': epoch 4 ")
