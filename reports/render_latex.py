r"""A table in LaTeX: a `table` float with booktabs' rules, which needs `\usepackage{booktabs}` and nothing else."""

import unicodedata
from collections.abc import Iterator, Sequence

from reports.tables.footnotes import LETTERS
from reports.tables.table import Block, Entry, Group, Table, number, published

ACROSS = 7  # columns side by side; further tasks stand below
SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "[": "{[}", "]": "{]}", "*": "{*}", "`": r"\char96{}", "'": "{'}",
    "±": r"$\pm$", "→": r"$\rightarrow$", "–": "--", "—": "---", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$",  # noqa: RUF001
    "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$", "≤": r"$\le$", "≥": r"$\ge$",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", "0123456789()", strict=True)) | {
    letter: unicodedata.normalize("NFKD", letter) for letter in LETTERS
}


def render(table: Table) -> str:
    """The table as LaTeX that ends with a newline; every text in it is escaped."""
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escaped(table.title)}}}",
    ]
    for place, groups in enumerate(_sheets(table.groups)):
        lines += ["\\medskip"] * bool(place) + [*_sheet(table, groups)]
    lines += ["\\par\\medskip", "\\begin{minipage}{\\linewidth}\\footnotesize", escaped(table.words)]
    lines += [f"\\par {escaped(mark)} {escaped(sentence)}" for mark, sentence in table.footnotes]
    lines += ["\\end{minipage}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with everything that LaTeX would read spelt out, on one line.

    Letters with accents keep them; a sign that plain LaTeX has no letter for is told by its code point.
    """
    return "".join(_sign(sign) for sign in unicodedata.normalize("NFC", " ".join(text.split())))


def _sign(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    if " " <= sign <= "~":
        return sign
    if sign in RAISED:
        return f"\\textsuperscript{{{RAISED[sign]}}}"
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if len(marks) == 1 and marks[0] in ACCENTS and base.isascii() and base.isalpha():
        return f"\\{ACCENTS[marks[0]]}{{{base}}}"
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def _sheets(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """The groups that stand side by side, at least one."""
    page: list[Group] = []
    for group in groups:
        if page and sum(len(one.columns) for one in (*page, group)) > ACROSS:
            yield page
            page = []
        page.append(group)
    if page:
        yield page


def _sheet(table: Table, groups: Sequence[Group]) -> Iterator[str]:
    """One tabular: the heads of these groups and every row."""
    columns = [column for group in table.groups for column in group.columns]
    first = sum(len(group.columns) for group in table.groups[: table.groups.index(groups[0])])
    width = sum(len(group.columns) for group in groups)
    yield f"\\begin{{tabular}}{{l{'r' * width}}}"
    yield "\\toprule"
    heads, rules, used = [""], [], 2
    for group in groups:
        heads.append(f"\\multicolumn{{{len(group.columns)}}}{{c}}{{{escaped(group.task + group.marks)}}}")
        rules.append(f"\\cmidrule(lr){{{used}-{used + len(group.columns) - 1}}}")
        used += len(group.columns)
    yield _line(heads)
    yield "".join(rules)
    yield _line(["", *(escaped(column.head) for column in columns[first : first + width])])
    for block in table.blocks:
        yield "\\midrule"
        yield from _rows(table, block, first, width)
    yield "\\bottomrule"
    yield "\\end{tabular}"


def _rows(table: Table, block: Block, first: int, width: int) -> Iterator[str]:
    yield f"\\multicolumn{{{width + 1}}}{{l}}{{\\textit{{{escaped(block.title)}}}}} \\\\"
    for row in block.rows:
        entries = table.spread(row)[first : first + width]
        yield _line([escaped(row.label + row.marks), *map(_cell, entries)])
        if any(entry and entry.published for entry in entries):
            yield _line(["\\quad paper (ours $-$ paper)", *map(_beside, entries)])


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = escaped(number(entry))
    return (f"\\textbf{{{text}}}" if entry.best else text) + escaped(entry.signs)


def _beside(entry: Entry | None) -> str:
    marks = entry.published.marks if entry and entry.published else ""
    return escaped(published(entry) + marks)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + " \\\\"
