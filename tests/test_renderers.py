"""LaTeX and HTML: hostile names, structure, and that LaTeX compiles."""

import dataclasses
import html.parser
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import render_html, render_latex, render_markdown, tables
from reports.evidence import Evidence
from reports.tables import finish, table_2
from reports.tables.table import Gap, Table, published
from sample_records import samples

HOSTILE = "\\input{/etc/passwd} $x^2_3$ & 50% #1 ~{}[*]'\"`<script>alert(1)</script> | é ŝ 中文 ± → † ᵃ¹ \\\\"
LATEX = next((name for name in ("pdflatex", "xelatex", "lualatex") if shutil.which(name)), None)


def hostile() -> Table:
    """A table in which every text is as hostile as can be, with numbers of the paper, signs and footnotes."""
    records = [dataclasses.replace(r, label=HOSTILE + r.label) for r in samples(("rte", "mrpc", "sst2", "qnli"))]
    gap = Gap("svd-ft", HOSTILE, "Matrix factorization", "rte", 0.5, 9, HOSTILE, refused=False)
    blueprint = tables.get("table2")
    table = finish.finished(blueprint, records, Evidence(Path("nowhere")), [gap])
    return dataclasses.replace(table, title=HOSTILE, caption=HOSTILE + table.caption)


class Elements(html.parser.HTMLParser):
    """The elements of a page with their attributes; unbalanced ones are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_html_has_scopes_a_caption_and_footnotes() -> None:
    table = table_2.draw(samples())
    page = Elements(render_html.render(table))
    assert {head["scope"] for head in page.of("th")} == {"col", "colgroup", "rowgroup", "row"}
    assert len(page.of("caption")) == len(page.of("table")) == 1
    assert len(page.of("li")) == len(table.footnotes) > 0
    assert len(page.of("strong")) == sum(entry.best for *_, entry in table.placed())
    assert table.words in "".join(page.words)


def test_html_rows_have_as_many_cells_as_the_head() -> None:
    table = hostile()
    for row in render_html.render(table).split("<tr")[3:]:
        if 'scope="rowgroup"' not in row:
            assert row.count("<td") == sum(len(group.columns) for group in table.groups)


def test_html_escapes_hostile_names() -> None:
    page = Elements(render_html.render(hostile()))
    assert page.of("script") == []
    assert "<script>alert(1)</script>" in "".join(page.words)


@given(st.text())
def test_html_text_comes_back_as_it_was(text: str) -> None:
    table = dataclasses.replace(table_2.draw([]), title=text.replace("\r", ""))
    page = Elements(render_html.render(table))
    if "\0" not in text:  # which no page may have
        assert "".join(page.words).startswith("\n\n" + table.title)


@given(st.text())
def test_latex_leaves_no_sign_that_latex_reads(text: str) -> None:
    found = render_latex.escaped(text)
    assert found.isascii()
    assert "\n" not in found
    assert found.count("{") - found.count("\\{") == found.count("}") - found.count("\\}")
    for sign in "&%#_":
        assert found.count(sign) == found.count("\\" + sign)


def test_a_sign_without_a_letter_in_latex_is_told_by_its_code_point() -> None:
    assert render_latex.escaped("中é") == r"{[}U+4E2D{]}\'{e}"


def test_latex_puts_tasks_below_each_other_where_they_do_not_fit() -> None:
    text = render_latex.render(table_2.draw(samples(("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"))))
    assert text.count("\\begin{tabular}{lrrrrrr}") == text.count("\\toprule") == text.count("\\bottomrule") == 3


def compiled(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    document = folder / "table.tex"
    preamble = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    document.write_text(f"{preamble}{text}\\end{{document}}\n", encoding="utf-8")
    words = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", document.name]
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=300
    )


@pytest.mark.skipif(LATEX is None, reason="no pdflatex, xelatex or lualatex here: the LaTeX tables are not compiled")
def test_latex_compiles_with_booktabs(tmp_path: Path) -> None:
    every = render_latex.render(hostile())
    for name in tables.available():
        every += render_latex.render(finish.finished(tables.get(name), (), Evidence(tmp_path)))
    result = compiled(every, tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 10_000


def test_every_format_shows_the_paper_beside_ours() -> None:
    table = hostile()
    beside = {published(entry) for *_, entry in table.placed()} - {""}
    assert len(beside) > 20
    page = "".join(Elements(render_html.render(table)).words)
    for text in (page, render_latex.render(table), render_markdown.render(table)):
        assert all(one in text for one in beside)
