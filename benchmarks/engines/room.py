"""Which jobs have room beside each other on one machine, and which accelerator each gets."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.engines import Job
from benchmarks.engines.machine import device_memory, memory


class Room:
    """The jobs that run on this machine, with the memory they are expected to need.

    A job whose need is not known needs nothing here. One job always has room, however much it needs.

    Args:
        devices: The accelerators that jobs are given, one each; none: jobs are given none.
        available: Bytes of memory that may be taken now; None where that is not known.
        device_available: Free bytes of the accelerators; those it does not name are not counted.
    """

    def __init__(
        self,
        devices: Sequence[str] = (),
        available: Callable[[], int | None] = memory,
        device_available: Callable[[], Mapping[str, int]] = device_memory,
    ) -> None:
        self._devices = tuple(devices)
        self._available = available
        self._device_available = device_available
        self._inside: dict[str, tuple[Job, str | None]] = {}
        self._whole: int | None = None  # what could be taken when nothing of ours ran
        self._free: Mapping[str, int] | None = None  # of the accelerators, when the first job came

    def fits(self, memory: int, device_memory: int) -> bool:
        """Whether a job that needs so many bytes may start beside those inside."""
        if not self._inside:
            return True
        if self._devices and self._place(device_memory) is None:
            return False
        if not memory:
            return True
        now = self._available()
        taken = sum(other.memory for other, _ in self._inside.values())
        # What runs may not have grown to its peak yet, and others may have come: both must leave enough.
        return (now is None or memory <= now) and (self._whole is None or taken + memory <= self._whole)

    def enter(self, job: Job) -> str | None:
        """A job starts; returns the accelerator it gets."""
        if not self._inside:
            self._whole = self._available()
        if self._devices and self._free is None:
            self._free = self._device_available()
        place = self._place(job.device_memory)
        if place is None and self._devices:  # started all the same: where it disturbs least
            place = min(self._devices, key=lambda device: len(self._on(device)))
        self._inside[job.key] = (job, place)
        return place

    def leave(self, key: str) -> None:
        """A job has ended."""
        self._inside.pop(key, None)

    def _place(self, need: int) -> str | None:
        """The accelerator with the fewest jobs of those that have memory for this need."""
        able = [device for device in self._devices if self._holds(device, need)]
        return min(able, key=lambda device: len(self._on(device)), default=None)

    def _holds(self, device: str, need: int) -> bool:
        others = self._on(device)
        free = (self._free or {}).get(device)
        if not others or free is None:
            return True
        return sum(other.device_memory for other in others) + need <= free

    def _on(self, device: str) -> list[Job]:
        return [job for job, place in self._inside.values() if place == device]
