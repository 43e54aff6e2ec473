"""The page without a browser: what is in it and averaged, that nothing in it can act, that it needs no network."""

import dataclasses
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import weighin
from benchmarks.records import Record
from page_records import EXAMPLES, HOSTILE, answered, small, written
from reports import selection
from reports.evidence import Evidence
from reports.faults import UsageError
from reports.page import headline, paper, site
from reports.page.cells import cells
from reports.page.embed import embedded
from reports.page.names import Names
from reports.page.predictions import ITSELF, NO_DENSE, Summaries, Summary
from reports.published import Published
from sample_records import sample, samples


class Outline(HTMLParser):
    """Elements with their attributes, and the contents of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._in = dict(attrs).get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._in:
            self.scripts[self._in] = self.scripts.get(self._in, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in = ""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "runs"
    small(folder)
    return folder


@pytest.fixture(scope="module")
def html(runs: Path) -> str:
    return (site.write(runs, runs.parent / "site"))[0].read_text(encoding="utf-8")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


def data(html: str, name: str) -> Any:
    return json.loads(Outline(html).scripts[f"{name}-data"])


def test_every_measurement_is_in_it(html: str) -> None:
    board, runs = data(html, "board"), data(html, "runs")
    assert {cell["id"] for cell in board["cells"]} == set(runs["cells"])
    assert sum(len(cell["runs"]) for cell in runs["cells"].values()) == 60
    found = next(cell for cell in board["cells"] if cell["method"] == "lpaf(p_init=0.5)")
    assert found["scores"]["accuracy"] == [pytest.approx(100 * (1 - 12 / EXAMPLES)), pytest.approx(2.5), 3]
    assert found["p_init"] == 0.5
    assert board["settings"][found["setting"]]["task"] == "rte"


def test_cells_without_a_run_are_on_it_with_state_and_reason(html: str) -> None:
    cells_by_state = {cell["state"]: cell for cell in data(html, "board")["cells"]}
    assert set(cells_by_state) == {"measured", "refused", "failed", "incomplete"}
    refused, incomplete = cells_by_state["refused"], cells_by_state["incomplete"]
    assert refused["reasons"] == [f"seeds 1, 2, 3 refused: {HOSTILE}"]
    assert (refused["scores"], refused["kept"]) == ({}, None)
    assert data(html, "runs")["cells"][refused["id"]]["runs"] == []
    assert incomplete["reasons"] == ["seed 4 failed: the loss was NaN at step 3"]
    assert incomplete["scores"]["accuracy"][2] == 3
    assert "1 cell refused by its method, 1 cell failed" in " ".join(html.split())


def test_the_papers_protocol_is_known_whatever_else_its_name_says(runs: Path) -> None:
    found = cells(selection.read(runs))
    names = Names(cell.setting for cell in found)
    columns = headline.groups(found, names, Evidence(runs), {})
    assert {group.protocol.startswith("paper"): group.usual for group in columns} == {True: True, False: False}
    several = [dataclasses.replace(sample(), protocol="paper", recipes={"dense": {"epochs": n}}) for n in (1, 2)]
    both = cells(several)
    (group, *_) = headline.groups(both, Names(cell.setting for cell in both), Evidence(runs), {})
    assert group.protocol != "paper"
    assert group.usual


def test_nothing_is_averaged_across_settings() -> None:
    same = samples(("rte",), (0.5,))
    changes: list[dict[str, Any]] = [
        {"protocol": "paper"},
        {"recipes": {"dense": {"epochs": 9}}},
        {"backbone_fingerprint": "c" * 64},
        {"task_fingerprint": "d" * 64},
        {"knobs": {"rank": 3}},
        {"metric": "f1", "metrics": {"validation": {"f1": 0.1}}},
    ]
    for change in changes:
        both = cells([*same, *(dataclasses.replace(record, **change) for record in same)])
        assert len(both) == 2 * len(cells(same)), change
        assert all(len(cell.seeds) == 3 for cell in both)
        assert len({cell.id for cell in both}) == len(both)


def test_names_get_fingerprints_only_where_they_are_needed() -> None:
    one = samples(("rte",), (0.5,))
    other = [dataclasses.replace(record, backbone_fingerprint="c" * 64) for record in one]
    settings = [cell.setting for cell in cells([*one, *other])]
    assert {Names(settings).backbone(setting) for setting in settings} == {"mini (bbbbbbbb)", "mini (cccccccc)"}
    assert {Names(settings[:1]).backbone(settings[0]), Names(settings).task(settings[0])} == {"mini", "rte"}


def test_two_versions_of_a_seed_have_no_mean() -> None:
    twice = [sample(value=0.1), sample(value=0.9, stage="newer", key="other"), sample(seed=2)]
    (cell,) = cells(twice)
    assert cell.scores() == {}
    assert len(cell.records) == 3
    assert "two of lpaf" in cell.fault


THIRDS = [("4 to 10", 14, 8), ("11 to 17", 14, 14), ("18 to 23", 12, 12)]  # the first 6 are wrong


def test_predictions_are_counted(tmp_path: Path) -> None:
    dense = answered(sample("dense", budget=1.0), tmp_path, 4)
    compressed = answered(sample("lpaf"), tmp_path, 6)
    (alone,) = written([sample("lpaf", seed=2)], tmp_path)
    summaries = Summaries(cells([dense, compressed]), tmp_path)
    found = summaries.of(compressed)
    assert found == Summary(EXAMPLES, 34, [[17, 3], [3, 17]], THIRDS, 0.5, 38)
    assert isinstance(own := summaries.of(dense), Summary)
    assert (own.agreeing, own.reason) == (None, ITSELF)
    assert "no such file" in str(summaries.of(alone))
    assert isinstance(lonely := Summaries(cells([compressed]), tmp_path).of(compressed), Summary)
    assert (lonely.agreeing, lonely.reason) == (None, NO_DENSE)


def test_the_headline_says_what_can_be_told_apart(tmp_path: Path) -> None:
    records = [answered(sample("lpaf", seed=seed), tmp_path, 6) for seed in (1, 2, 3)]
    records += [answered(sample("svd-ft", seed=seed), tmp_path, 30) for seed in (1, 2, 3)]
    groups = _headline(records, tmp_path)
    (column,) = groups[0].columns
    assert (column.best.cell.method, column.decided) == ("lpaf", True)
    assert "in 1; in 0 the highest mean cannot" in headline.sentence(groups)
    close = [answered(sample("up-zero", seed=seed), tmp_path, 6 + seed % 2) for seed in (1, 2, 3)]
    groups = _headline([*records, *close], tmp_path)
    assert [one.cell.method for one in groups[0].columns[0].equals] == ["up-zero"]
    assert "in 0; in 1 the highest mean cannot" in headline.sentence(groups)
    (single,) = _headline([records[0], records[3]], tmp_path)[0].columns
    assert single.untested
    assert any("one seed" in remark for remark in single.remarks)


def test_a_column_near_the_majority_class_says_so(tmp_path: Path) -> None:
    records = [answered(sample("lpaf", seed=seed), tmp_path, EXAMPLES // 2) for seed in (1, 2)]
    (column,) = _headline(records, tmp_path)[0].columns
    assert "within 3 points of always answering the most frequent label (50.0)" in column.remarks


def test_a_verdict_is_given_on_the_papers_setting_alone() -> None:
    cell = Published(
        "2", "LPAF", "RTE, 50%", "lpaf", "mini", "rte", 0.5, None, "accuracy", "70.0", "%", 277, 3, "", ""
    )
    knobs = {"rank": None}
    ours = [sample(seed=seed, value=0.7 + seed / 1e5, knobs=knobs, protocol="paper") for seed in (1, 2, 3)]
    elsewhere = [dataclasses.replace(record, protocol="quick", key=f"q{record.seed}") for record in ours]
    found = cells([*ours, *elsewhere])
    rows = paper.beside([cell], found, Names(one.setting for one in found))
    assert sorted(row["verdict"] for row in rows) == sorted(["replicated", paper.ELSEWHERE])
    assert all(row["difference"] == pytest.approx(0.002) and row["n"] == 3 for row in rows)
    (missing,) = paper.beside([cell], (), Names(()))
    assert (missing["verdict"], missing["ours"]) == ("not testable", None)


def test_hostile_names_stay_text(html: str) -> None:
    outline = Outline(html)
    scripts = [attributes for tag, attributes in outline.elements if tag == "script"]
    assert [one.get("src") or one["type"] for one in scripts] == ["page.js", *["application/json"] * 3]
    assert not [tag for tag, _ in outline.elements if tag == "img"]
    assert not [name for _, attributes in outline.elements for name in attributes if name.startswith("on")]
    assert HOSTILE in {cell["method"] for cell in data(html, "board")["cells"]}
    every = [run for cell in data(html, "runs")["cells"].values() for run in cell["runs"]]
    assert HOSTILE in {note for run in every for note in run["notes"]}
    assert "\u2028" not in "".join(outline.scripts.values())


PLAIN = st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none()


@given(st.recursive(PLAIN, lambda inner: st.dictionaries(st.text(), inner, max_size=3) | st.lists(inner, max_size=3)))
def test_embedded_json_says_the_same_and_cannot_end_its_element(value: Any) -> None:
    text = str(embedded(value))
    assert text.isascii()
    assert not set(text) & set("<>&")
    assert json.loads(text) == value


def test_what_is_no_number_is_embedded_as_null() -> None:
    assert str(embedded({"a": [float("nan"), float("-inf"), 1.5]})) == '{"a":[null,null,1.5]}'


def test_it_names_nothing_outside_of_its_folder(runs: Path, html: str) -> None:
    folder = runs.parent / "site"
    for tag, attributes in Outline(html).elements:
        for name in ("href", "src", "action", "srcset", "data", "poster"):
            target = attributes.get(name)
            if target is not None:
                here = target == "data:," or target.startswith("#") or (folder / target).is_file()
                assert here, (tag, target)
    ours = [site.HERE / "assets" / name for name in site.ASSETS]
    for text in (html, *(path.read_text(encoding="utf-8") for path in ours)):
        assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\(", text)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "page.css", "page.js", "plotly.min.js"]


def test_the_same_records_give_the_same_bytes(runs: Path, html: str) -> None:
    again = site.write(runs, runs.parent / "again")
    first = [runs.parent / "site" / path.name for path in again]
    assert html
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in first]


def test_every_view_is_labelled(html: str) -> None:
    outline = Outline(html)
    identities = {attributes["id"] for _, attributes in outline.elements if "id" in attributes}
    views = [attributes for tag, attributes in outline.elements if tag == "section"]
    assert [view["id"] for view in views] == ["overview", "leaderboard", "plots", "paper", "lint"]
    assert all(view["aria-labelledby"] in identities for view in views)
    assert {"skip"} & {attributes.get("class") for tag, attributes in outline.elements if tag == "a"}
    assert all("scope" in attributes for tag, attributes in outline.elements if tag == "th")


def test_the_command_writes_it_beside_the_records(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    written(samples(("rte",), (0.5,)), runs)
    result = call("report", "page", "--runs", runs)
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "page" / "index.html").is_file()
    facts = json.loads(call("report", "page", "--runs", runs, "--out", tmp_path / "there", "--json").stdout)
    assert [Path(path).name for path in facts["written"]] == ["index.html", "page.css", "page.js", "plotly.min.js"]


def test_what_a_page_cannot_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    written([sample()], runs)
    result = call("report", "page", "--runs", runs, "--format", "md", "--tasks", "rte")
    assert result.exit_code == 2
    assert "--format, --tasks" in result.stderr
    (tmp_path / "file").touch()
    assert "is a folder, got the file" in call("report", "page", "--runs", runs, "--out", tmp_path / "file").stderr
    assert call("report", "page", "--runs", tmp_path / "none").exit_code == 2
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(UsageError, match=r"pip install 'weighin\[page\]'"):
        site.build([sample()], runs)


def _headline(records: list[Record], folder: Path) -> tuple[headline.Group, ...]:
    found = cells(records)
    summaries = Summaries(found, folder)
    looked = [(cell.setting, summaries.of(record)) for cell in found for record in cell.seeds]
    majorities = {setting: one.majority for setting, one in looked if isinstance(one, Summary)}
    return headline.groups(found, Names(cell.setting for cell in found), Evidence(folder), majorities)
