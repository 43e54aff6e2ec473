"""What reading and checking task data finds: faults, raised together in one message, and notes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN = 3  # places named a fault; the rest are counted


class DataError(ValueError):
    """Task data that cannot be used; the message names each fault, its file and its first places."""


@dataclass
class Findings:
    """Collects what is found about one task.

    Attributes:
        task: Name of the task, first in the message.
        faults: One finished sentence a kind of fault.
        notes: Oddities that real data has and that a reader of results should know.
    """

    task: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, where: str, law: str, places: Sequence[str] = (), cure: str = "") -> None:
        """Add one kind of fault.

        Args:
            where: File, or split when there is no file.
            law: What must hold, and what was found instead.
            places: All places where it does not hold, such as ``"line 7 (got '-1')"``.
            cure: What to do about it.
        """
        shown = ": " + ", ".join(places[:SHOWN]) if places else ""
        more = f" ... ({len(places):,} in all)" if len(places) > SHOWN else ""
        self.faults.append(f"{where}: {law}{shown}{more}" + (f"; {cure}" if cure else ""))

    def note(self, text: str) -> None:
        """Add one note."""
        self.notes.append(text)

    def check(self) -> None:
        """Raise the faults.

        Raises:
            DataError: There is one or more.
        """
        if not self.faults:
            return
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} kinds of fault"
        listing = "".join(f"\n- {fault}" for fault in self.faults)
        raise DataError(f"{self.task}: the data cannot be used, {count} (rows and lines count from 1):{listing}")
