"""What a check of a published table finds, in neutral words: a finding is a question, not a verdict."""

import dataclasses
from collections.abc import Callable, Sequence

from reports.published import Published


@dataclasses.dataclass(frozen=True)
class Finding:
    """`says` is one sentence; `cells` are those it is about; `explained` is what the errata say of them."""

    check: str
    cells: tuple[Published, ...]
    says: str

    @property
    def explained(self) -> str:
        """The errata of its cells, each once."""
        return "; ".join(dict.fromkeys(cell.errata for cell in self.cells if cell.errata))


@dataclasses.dataclass(frozen=True)
class Checked:
    """What one check gave: `tested` counts the cells it could be applied to."""

    check: str
    tested: int
    findings: tuple[Finding, ...]


Check = Callable[[Sequence[Published]], Checked]
