"""Published numbers as data: the cells of results/paper/table_<n>.csv, one a row, as they were printed."""

import csv
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from reports.faults import UsageError

COLUMNS = (
    "table",
    "row",
    "column",
    "method",
    "backbone",
    "task",
    "budget",
    "k",
    "metric",
    "value",
    "unit",
    "n_examples",
    "runs",
    "errata",
    "reason",
)
NEEDED = ("table", "row", "column", "metric", "value", "unit")  # never empty
SHOWN = 10  # faults of one file that are told one by one


@dataclasses.dataclass(frozen=True)
class Published:
    """One printed cell.

    `row` and `column` are its place as printed; `method` is how weighin writes the row (a name, with knobs).
    `printed` keeps the digits ("68.0"), `value` is the number in `unit`. None: not stated or of no meaning here.
    `errata` names in a few words what is odd about the cell, `reason` says how one knows.
    """

    table: str
    row: str
    column: str
    method: str
    backbone: str
    task: str
    budget: float | None  # share of the encoder's matrix weights that stays
    k: int | None  # rank of every matrix
    metric: str
    printed: str
    unit: str
    n_examples: int | None
    runs: int | None
    errata: str
    reason: str

    @property
    def value(self) -> float:
        """The printed number."""
        return float(self.printed)

    @property
    def unit_of_last_digit(self) -> float:
        """0.1 for "68.0", 1 for "705"."""
        exponent = Decimal(self.printed).as_tuple().exponent
        return float(Decimal(1).scaleb(exponent)) if isinstance(exponent, int) else 0.0

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"Table {self.table}, {self.row}, {self.column}"


def folder() -> Path:
    """Where the paper's tables lie: in a checkout results/paper, in an installed package beside this file."""
    installed = Path(__file__).parent / "paper"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "results" / "paper"


def files() -> tuple[Path, ...]:
    """The paper's tables, in their order."""
    return tuple(sorted(folder().glob("table_*.csv")))


def read_all(paths: Iterable[Path] = ()) -> tuple[Published, ...]:
    """The cells of several files, of the paper where none is named."""
    return tuple(cell for path in tuple(paths) or files() for cell in read(path))


def read(path: Path) -> tuple[Published, ...]:
    """The cells of one file.

    Raises:
        UsageError: no such file, or another form; the message names the file, the rows and the form.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            faults = _heads(reader.fieldnames)
            rows = [] if faults else [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as fault:
        raise UsageError(f"{path}: a table is a CSV file in UTF-8, this is none ({fault})") from fault
    except OSError as fault:
        raise UsageError(f"{path}: a table is a CSV file, this cannot be read ({fault.strerror})") from fault
    cells: list[Published] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for line, row in rows:
        wrong = _row_faults(row)
        if not wrong:
            cell = _cell(row)
            first = seen.setdefault((cell.table, cell.row, cell.column, cell.metric), line)
            if first != line:
                wrong = [f"a place has one value, row {first} has the same table, row, column and metric"]
            cells.append(cell)
        faults += [f"row {line}: {one}" for one in wrong]
    if not faults and not cells:
        faults = ["a table has a row for each cell, this has none"]
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise UsageError("\n".join(f"{path}: {one}" for one in (*faults[:SHOWN], *more)))
    return tuple(cells)


def _heads(names: Sequence[str] | None) -> list[str]:
    missing = [name for name in COLUMNS if name not in (names or ())]
    unknown = [name for name in names or () if name not in COLUMNS]
    if len(missing) == len(COLUMNS):
        return [f"row 1: the columns are {', '.join(COLUMNS)}; this names none of them"]
    words = [f"{what} {', '.join(found)}" for what, found in (("missing", missing), ("unknown", unknown)) if found]
    return [f"row 1: the columns are {', '.join(COLUMNS)}; {'; '.join(words)}"] if words else []


def _row_faults(row: Mapping[str | None, str | None]) -> list[str]:
    if None in row or None in row.values():
        return [f"a row has {len(COLUMNS)} fields; put text with commas in double quotes"]
    text = {str(name): str(value).strip() for name, value in row.items()}
    empty = [name for name in NEEDED if not text[name]]
    faults = [f"{', '.join(empty)} must be given"] if empty else []
    if text["value"] and not _is_number(text["value"]):
        faults.append(f"value is the number as printed, got '{text['value']}'; leave the row out for an empty cell")
    if text["budget"] and not (_is_number(text["budget"]) and 0 < float(text["budget"]) <= 1):
        faults.append(f"budget is a fraction in (0, 1], got '{text['budget']}'; write 0.5 for 50 %")
    for name in ("k", "n_examples", "runs"):
        if text[name] and not (text[name].isascii() and text[name].isdigit() and int(text[name]) > 0):
            faults.append(f"{name} is a whole number above 0 or empty, got '{text[name]}'")
    if bool(text["errata"]) != bool(text["reason"]):
        faults.append("an erratum has its reason, and a reason its erratum")
    return faults


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _cell(row: Mapping[str | None, str | None]) -> Published:
    text = {str(name): str(value).strip() for name, value in row.items()}

    def whole(name: str) -> int | None:
        return int(text[name]) if text[name] else None

    return Published(
        table=text["table"],
        row=text["row"],
        column=text["column"],
        method=text["method"],
        backbone=text["backbone"],
        task=text["task"],
        budget=float(text["budget"]) if text["budget"] else None,
        k=whole("k"),
        metric=text["metric"],
        printed=text["value"],
        unit=text["unit"],
        n_examples=whole("n_examples"),
        runs=whole("runs"),
        errata=text["errata"],
        reason=text["reason"],
    )
