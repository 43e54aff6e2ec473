"""The page in headless Chromium: it loads, sorts, filters, opens a cell, draws, and asks nobody for anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Chromium, executable
from page_records import HOSTILE, many, small
from reports.page import site
from reports.selection import read

OPENED = 2.0  # seconds for 2,000 cells on a machine that has nothing else to do
ROWS = "[...document.querySelectorAll('#board-table tbody tr')]"
TITLE = "document.querySelector('#cell[open] #cell-title')?.textContent"

pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium; install it or set WEIGHIN_CHROMIUM")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    small(folder / "runs")
    return site.write(folder / "runs", folder / "site")[0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    found = executable()
    assert found is not None
    with Chromium(found, tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.fixture
def opened(browser: Chromium, page: Path) -> Iterator[Chromium]:
    """The page, just loaded; afterwards nothing was complained of and nothing outside of the folder was asked for."""
    browser.dress(1280, 900)
    browser.open(page.as_uri())
    yield browser
    assert browser.problems == []
    ours = (page.parent.as_uri(), "data:", "blob:", "about:")
    strangers = [url for url in browser.requests if not url.startswith(ours)]
    assert strangers == []


def view(browser: Chromium, name: str) -> None:
    browser.run(f"location.hash = '#{name}'")
    browser.until(f"document.querySelector('#{name}').classList.contains('shown')")


def texts(browser: Chromium, column: int) -> list[str]:
    found: list[str] = browser.run(f"{ROWS}.map(row => row.cells[{column}].childNodes[0].textContent)")
    return found


def choose(browser: Chromium, name: str, value: str) -> None:
    browser.run(
        f"(() => {{ const one = document.querySelector('[name={name}]'); one.value = '{value}'; "
        "one.dispatchEvent(new Event('change')); one.dispatchEvent(new Event('input')); })()"
    )


def test_it_loads_and_only_one_view_is_seen(opened: Chromium) -> None:
    seen = "[...document.querySelectorAll('[data-view]')].filter(one => one.checkVisibility()).map(one => one.id)"
    assert opened.run(seen) == ["overview"]
    for name in ("leaderboard", "paper", "lint", "overview"):
        view(opened, name)
        assert opened.run(seen) == [name]
        assert opened.run("document.querySelector('nav [aria-current]').hash") == f"#{name}"
        assert opened.run("document.activeElement.id") == f"{name}-title"


def test_heads_sort_both_ways_and_say_so(opened: Chromium) -> None:
    view(opened, "leaderboard")
    head = "document.querySelectorAll('#board-table thead button')[3]"
    assert opened.run(f"{head}.textContent") == "Score"
    orders = {}
    for _ in range(2):
        opened.run(f"{head}.click()")
        shown = texts(opened, 3)
        scored = [text for text in shown if text[0].isdigit()]
        assert len(scored) < len(shown)
        assert scored == shown[: len(scored)]  # what has no score comes last either way
        orders[opened.run(f"{head}.parentElement.getAttribute('aria-sort')")] = [
            float(text.split()[0]) for text in scored
        ]
    assert orders["descending"] == sorted(orders["descending"], reverse=True)
    assert orders["ascending"] == sorted(orders["ascending"])
    assert opened.run("document.querySelectorAll('#board-table [aria-sort]').length") == 1


def test_filters_narrow_the_rows(opened: Chromium) -> None:
    view(opened, "leaderboard")
    everything = len(texts(opened, 0))
    choose(opened, "task", "rte")
    assert set(texts(opened, 1)) == {"rte"}
    choose(opened, "budget", "0.25")
    assert texts(opened, 0) == ["lpaf(p_init=0.1)", "lpaf(p_init=0.5)"]
    choose(opened, "search", "0.5")
    assert texts(opened, 0) == ["lpaf(p_init=0.5)"]
    assert opened.run("document.querySelector('#board-count').textContent") == f"1 of {everything} cells"
    for name, value in (("task", ""), ("budget", ""), ("search", ""), ("family", "Dense reference")):
        choose(opened, name, value)
    assert set(texts(opened, 0)) == {"Dense"}
    choose(opened, "family", "")
    choose(opened, "protocol", "paper")
    assert 0 < len(texts(opened, 0)) < everything


def test_latency_has_a_column_a_plot_and_its_facts(opened: Chromium) -> None:
    view(opened, "leaderboard")
    heads = opened.run("[...document.querySelectorAll('#board-table thead button')].map(one => one.textContent)")
    choose(opened, "task", "rte")
    choose(opened, "budget", "0.5")
    shown = opened.run(f"{ROWS}.map(row => row.cells[{heads.index('Latency')}].textContent)")
    assert shown == ["21 ms (0.50)32: 420 ms (0.50)", "–"]  # noqa: RUF001  # the dash of an empty cell
    assert opened.run("document.querySelector('#latency-note').checkVisibility()")
    opened.run(f"{ROWS}[0].querySelector('a').click()")
    opened.until(TITLE)
    assert "20 passes of 32 word pieces, float32, cpu, x86_64, 2 cores, threads: 2" in opened.run(
        "document.querySelector('#cell').textContent"
    )
    opened.run("document.querySelector('#cell').close()")
    view(opened, "plots")
    options = opened.run("[...document.querySelector('[name=setting]').options].map(one => [one.value, one.text])")
    choose(opened, "setting", next(value for value, text in options if text.startswith("rte")))
    choose(opened, "across", "latency")
    opened.until("document.querySelector('#figures .xtitle')?.textContent.startsWith('Milliseconds')")
    assert opened.run("document.querySelector('#figures h2').textContent") == "accuracy against latency"


def test_cells_without_a_run_are_rows_with_their_reasons(opened: Chromium) -> None:
    view(opened, "leaderboard")
    heads = opened.run("[...document.querySelectorAll('#board-table thead button')].map(one => one.textContent)")
    state = heads.index("State")
    choose(opened, "state", "refused")
    assert texts(opened, 0) == ["UP_first"]
    assert texts(opened, heads.index("Score")) == ["–"]  # noqa: RUF001  # the dash of an empty cell
    said = opened.run(f"{ROWS}[0].cells[{state}].textContent")
    assert said == f"refusedseeds 1, 2, 3 refused: {HOSTILE}"
    opened.run(f"{ROWS}[0].querySelector('a').click()")
    assert opened.until(TITLE) == "UP_first, mrpc, 50 % kept"
    assert "This cell has no run." in opened.run("document.querySelector('#cell').textContent")
    opened.run("document.querySelector('#cell').close()")
    for name, reason in (("failed", "seed 1 failed"), ("incomplete", "seed 4 failed")):
        choose(opened, "state", name)
        assert reason in opened.run(f"{ROWS}[0].cells[{state}].textContent")
    assert opened.run("[window.broken ?? 0, document.querySelectorAll('img').length]") == [0, 0]


def test_a_cell_opens_and_closes_by_keyboard(opened: Chromium) -> None:
    view(opened, "leaderboard")
    choose(opened, "task", "rte")
    choose(opened, "search", "svd")
    opened.run(f"{ROWS}[0].querySelector('a').focus()")
    opened.press("Enter", 13, "\r")
    assert opened.until(TITLE) == "SVD_Ft, rte, 50 % kept"
    words = opened.run("document.querySelector('#cell').textContent")
    for word in ("seed 3", "10 of 40", "35.0 % (14)", "Beyond tokenising", "Non-zero encoder weights", "Provenance"):
        assert word in words
    assert opened.run("location.hash").startswith("#cell-")
    opened.press("Escape", 27)
    opened.until("!document.querySelector('#cell').open && location.hash === '#leaderboard'")
    assert opened.run(f"document.activeElement === {ROWS}[0].querySelector('a')")


def test_a_cell_has_an_address(opened: Chromium, page: Path) -> None:
    view(opened, "leaderboard")
    address = opened.run(f"{ROWS}[0].querySelector('a').hash")
    opened.open(page.as_uri() + address)
    assert opened.until(TITLE) == "Dense, mrpc"


def test_plots_are_drawn_and_their_numbers_stand_below(opened: Chromium) -> None:
    view(opened, "plots")
    opened.until("document.querySelector('#plot-status').textContent.includes('plots have points')")
    options = opened.run("[...document.querySelector('[name=setting]').options].map(one => [one.value, one.text])")
    choose(opened, "setting", next(value for value, text in options if text.startswith("rte")))
    opened.until("document.querySelectorAll('.plot .scatterlayer .point').length >= 6")
    heads = opened.run("[...document.querySelectorAll('#figures h2')].map(one => one.textContent)")
    assert heads == ["accuracy against weights kept", "accuracy against p_init", "Rank against v"]
    assert opened.run("document.querySelectorAll('#figures figure')[1].querySelectorAll('tbody tr').length") == 2
    choose(opened, "across", "macs")
    opened.until("document.querySelector('#figures .xtitle')?.textContent.startsWith('Multiply')")
    buttons = opened.run("[...document.querySelectorAll('.modebar-btn')].map(one => one.dataset.title).join()")
    assert "Zoom" in buttons
    assert not {"Share", "Cloud", "Edit"} & set(buttons.replace(",", " ").split())


def test_hostile_names_are_shown_as_text(opened: Chromium) -> None:
    view(opened, "leaderboard")
    choose(opened, "search", "script")
    assert texts(opened, 0) == [HOSTILE]
    opened.run(f"{ROWS}[0].querySelector('a').click()")
    assert opened.until(TITLE).startswith(HOSTILE)
    opened.run("document.querySelector('#cell').close()")
    view(opened, "plots")
    options = opened.run("[...document.querySelector('[name=setting]').options].map(one => [one.value, one.text])")
    choose(opened, "setting", next(value for value, text in options if text.startswith("mrpc") and "quick" in text))
    legend = "[...document.querySelectorAll('.plot .legendtext')]"
    opened.until(f"{legend}.some(one => one.textContent.includes('<script>'))")
    assert HOSTILE in opened.run("document.querySelector('#figures details').textContent")
    assert opened.run("[window.broken ?? 0, document.querySelectorAll('img').length]") == [0, 0]


def test_colours_follow_the_reader_and_the_button(opened: Chromium) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(ground)
    opened.dress(1280, 900, dark=True)
    dark = opened.run(ground)
    assert light != dark
    opened.run("document.querySelector('#theme').click()")
    assert opened.run("document.querySelector('#theme').textContent") == "Theme: light"
    assert opened.run(ground) == light
    opened.run("document.querySelector('#theme').click()")
    opened.dress(1280, 900)
    assert opened.run(ground) == dark
    opened.run("document.querySelector('#theme').click()")
    assert opened.run(ground) == light


def test_a_phone_scrolls_down_alone(opened: Chromium) -> None:
    opened.dress(390, 844, touch=True)
    for name in ("overview", "leaderboard", "plots", "paper", "lint"):
        view(opened, name)
        assert opened.run("document.documentElement.scrollWidth") <= 390, name
        assert opened.run(f"document.querySelector('#{name} h1').getBoundingClientRect().top") > 0


def test_the_first_tab_skips_to_the_content(opened: Chromium) -> None:
    opened.press("Tab", 9)
    assert opened.run("document.activeElement.className") == "skip"
    assert opened.run("document.activeElement.matches(':focus-visible')")
    opened.press("Enter", 13, "\r")
    opened.until("document.activeElement.id === 'main'")
    assert opened.run("document.querySelector('#overview').checkVisibility()")


@pytest.mark.slow
def test_two_thousand_cells_open_in_two_seconds(browser: Chromium, tmp_path: Path) -> None:
    records = many(tmp_path / "runs", 2000)
    index = site.write(tmp_path / "runs", tmp_path / "site")[0]
    assert len(read(tmp_path / "runs")) == len(records) >= 6000
    seconds = min(browser.open(index.as_uri()) for _ in range(3))
    print(f"{index.stat().st_size / 1e6:.1f} MB of HTML opened in {seconds:.2f} s")  # noqa: T201  # the measurement
    assert browser.problems == []
    assert seconds < OPENED
