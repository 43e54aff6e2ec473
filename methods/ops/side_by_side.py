"""Work on many matrices at once: one thread a matrix instead of many threads on one.

Decompositions of a few hundred rows hardly gain from a second thread, two of them at once gain all of it. And since
each is computed by one thread, its bits do not depend on how many there are.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `work(item)` in the items' order, as many at a time as torch has threads, each on one of them.

    torch's thread count is one while this runs and is restored at the end, or when the iterator is closed.
    """
    threads = torch.get_num_threads()

    def alone(item: T) -> R:
        torch.set_num_threads(1)  # OpenMP keeps the count by calling thread
        return work(item)

    try:
        with ThreadPoolExecutor(threads, thread_name_prefix="weighin-matrix") as pool:
            yield from pool.map(alone, items)
    finally:
        torch.set_num_threads(threads)
