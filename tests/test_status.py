"""What is said of the runs that are at work on a store: how much they have yet to make, how long it should take."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import toy_stages as toy
from benchmarks import presence
from benchmarks.engines.local import LocalEngine
from benchmarks.history import Ahead, History
from benchmarks.presence import Presence, present
from benchmarks.runner import run
from benchmarks.status import status
from benchmarks.store import Store
from reports import states
from toy_runs import Runner


def words(store: Store) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as said:
        console.print(*states.of_status(status(store)), sep="\n")
    return said.get()


def test_a_run_says_what_it_has_yet_to_make(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    runner = Runner(store.root, ledger, nap=0.1, steps=30)  # ten stages of three seconds
    runner.until("progress")
    (told,) = present(store.root)
    assert told.ahead == Ahead(stages=10, seconds=0.0, unmeasured=10)
    assert "local, 2 at a time; 10 stages to go." in words(store)
    runner.until("done")
    runner.until("progress", runner.count("progress") + 25)  # more than two seconds later
    (told,) = present(store.root)
    assert told.ahead is not None
    assert (told.ahead.stages, told.ahead.unmeasured) == (9, 0)
    assert 9 * 3 / 2 <= told.ahead.seconds < 9 * 3 / 2 * 3  # of the one stage measured so far, naps and all
    assert re.search(r"2 at a time; 9 stages to go, about \d+s\.", words(store))
    runner.kill()


def test_what_is_ahead_is_foretold_by_what_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = toy.Add(1, nap=0.01, steps=10)
    run([first], store, sources={}, engine=LocalEngine(store.root, 1, plugins=["toy_stages"], preload=()))
    history = History(store.manifests())
    four = [toy.Add(number, nap=0.01, steps=20) for number in range(2, 6)]
    found = history.ahead([*four, toy.Fill(3)], slots=2)
    assert (found.stages, found.unmeasured) == (5, 1)
    assert found.seconds == pytest.approx(4 * (history.seconds(four[0]) or 0) / 2)
    assert found.seconds >= 4 * 0.2 / 2


@pytest.mark.parametrize(
    "note",
    [
        {},
        {"engine": "local", "slots": "many", "ahead": 3},
        {"slots": None, "ahead": {"stages": "x", "seconds": 1, "unmeasured": 0}},
        {"ahead": {"stages": float("inf"), "seconds": 1, "unmeasured": 0}},
        {"ahead": {"stages": 4}},
        {"ahead": [1, 2, 3]},
    ],
)
def test_a_strange_note_is_read_as_far_as_it_goes(note: dict[str, Any], tmp_path: Path) -> None:
    here = Presence(tmp_path)
    here.say("local", 2, Ahead(1, 2.0, 0))
    (path,) = (tmp_path / presence.FOLDER).glob("[!.]*.json")
    path.write_text(json.dumps(note))
    (told,) = present(tmp_path)
    assert (told.slots, told.ahead) == (0, None)
    here.close()
