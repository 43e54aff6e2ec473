"""Which stages are missing, which may start, and in what order."""

import heapq
from collections.abc import Callable, Iterable, Sequence

from methods.stages.stage import Stage


class Schedule:
    """The missing part of some stages' graphs.

    What a complete stage stands on is not looked at: it is not needed. Of the stages that may start, those
    come first that the earliest wanted stage needs, so that results come early; among these long chains.

    Args:
        wanted: The stages whose artifacts are wanted, most urgent first.
        complete: Whether the artifact of a stage is there.
    """

    def __init__(self, wanted: Iterable[Stage], complete: Callable[[Stage], bool]) -> None:
        self.stages: dict[str, Stage] = {}  # the missing ones, dependencies first
        self.present: dict[str, Stage] = {}  # met and found complete
        self._complete = complete
        self._waits: dict[str, set[str]] = {}
        self._dependants: dict[str, set[str]] = {}
        self._rank: dict[str, tuple[int, int, int]] = {}
        self._ready: list[tuple[tuple[int, int, int], str]] = []
        self._wanted: set[str] = set()
        for place, stage in enumerate(wanted):
            self._wanted.add(stage.key)
            self.add(stage, place)

    def add(self, stage: Stage, place: int = -1) -> None:
        """Want one more stage; `place` is its urgency, the lower the more urgent."""
        new: list[str] = []
        self._visit(stage, new)
        height = dict.fromkeys(new, 0)  # stages between this one and the wanted one
        for key in reversed(new):
            for needed in self._waits[key]:
                if needed in height:
                    height[needed] = max(height[needed], height[key] + 1)
        for order, key in enumerate(new):
            self._rank[key] = (place, -height[key], order)
            if not self._waits[key]:
                self._push(key)

    def _visit(self, stage: Stage, new: list[str]) -> bool:
        """Enter a stage and what it stands on, dependencies first; whether it is missing."""
        if stage.key in self.stages:
            return True
        if stage.key in self.present:
            return False
        if self._complete(stage):
            self.present[stage.key] = stage
            return False
        needed = {part.key for part in stage.needs if self._visit(part, new)}
        self.stages[stage.key] = stage
        self._waits[stage.key] = needed
        for key in needed:
            self._dependants.setdefault(key, set()).add(stage.key)
        new.append(stage.key)
        return True

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (self._rank[key], key))

    def pop(self) -> Stage | None:
        """The next stage that may start; None when there is none just now."""
        while self._ready:
            key = heapq.heappop(self._ready)[1]
            if key in self.stages:  # not given up meanwhile
                return self.stages[key]
        return None

    def again(self, stage: Stage) -> None:
        """Put a popped stage back."""
        self._push(stage.key)

    def finish(self, stage: Stage) -> None:
        """A stage's artifact is there; its dependants may become ready."""
        self.present[stage.key] = self.stages.pop(stage.key, stage)
        for key in self._dependants.pop(stage.key, ()):
            waits = self._waits.get(key)
            if waits is not None and stage.key in waits:
                waits.remove(stage.key)
                if not waits:
                    self._push(key)

    def fail(self, stage: Stage) -> Sequence[Stage]:
        """A stage failed for good; returns what can no longer be made, and forgets it all.

        What only the lost stages would have needed is forgotten too, silently.
        """
        self.stages.pop(stage.key, None)
        lost: list[Stage] = []
        for key in sorted(self._dependants.pop(stage.key, ()), key=lambda each: self._rank[each]):
            if key in self.stages:
                dependant = self.stages[key]
                lost += [dependant, *self.fail(dependant)]
        self._drop_parts(stage)
        return lost

    def _drop_parts(self, stage: Stage) -> None:
        for part in stage.needs:
            needed = self._dependants.get(part.key, set()) & self.stages.keys()
            if part.key in self.stages and part.key not in self._wanted and not needed:
                del self.stages[part.key]
                self._drop_parts(part)

    def lack(self, stage: Stage, needed: Stage) -> None:
        """A popped stage turned out to lack `needed`, thought complete: it waits until that is made anew."""
        self.present.pop(needed.key, None)
        self.add(needed, self._rank[stage.key][0])
        if needed.key in self.stages:
            self._waits[stage.key].add(needed.key)
            self._dependants.setdefault(needed.key, set()).add(stage.key)
        else:
            self._push(stage.key)
