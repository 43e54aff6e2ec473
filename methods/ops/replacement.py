"""Module replacing: how often a successor layer stands in, and for how many layers (BERT-of-Theseus).

Source: Xu, Zhou, Ge, Wei & Zhou, EMNLP 2020; JetRunner/bert-of-theseus.
"""


def linear_rate(step: int, slope: float, start: float) -> float:
    """Return the replacing rate of the forward pass of update `step`: min(1, k t + b) (Eq. 6).

    Args:
        step: t, updates done so far, from 0.
        slope: k, what is added after each update, at least 0.
        start: b, in (0, 1].

    Raises:
        ValueError: a value out of range; all faults at once.
    """
    faults = _faults(step, "start", start)
    if slope < 0:
        faults.append(f"slope is what the rate grows by an update, >= 0, got {slope}")
    _refuse("linear_rate", faults)
    return min(1.0, slope * step + start)  # Eq. 6


def constant_rate(step: int, rate: float, steps: int | None) -> float:
    """Return the replacing rate of the forward pass of update `step`: `rate`, then 1 once `steps` are done.

    The rate changes after an update, so the first pass runs at `rate` even where `steps` is 0; None never ends.

    Raises:
        ValueError: a value out of range; all faults at once.
    """
    faults = _faults(step, "rate", rate)
    if steps is not None and steps < 0:
        faults.append(f"steps is a number of updates >= 0 or None, got {steps}")
    _refuse("constant_rate", faults)
    return rate if steps is None or step == 0 or step < steps else 1.0


def module_size(predecessors: int, successors: int) -> int:
    """Return how many predecessor layers one successor layer replaces.

    Raises:
        ValueError: the predecessor does not fall into that many equal modules.
    """
    if successors < 1 or predecessors < 1 or predecessors % successors:
        whole = ", ".join(str(count) for count in range(1, predecessors + 1) if predecessors % count == 0)
        raise ValueError(
            f"module replacing: the successor's layers divide the predecessor's {predecessors}, got {successors}; "
            f"possible are {whole or 'none'}"
        )
    return predecessors // successors


def _faults(step: int, name: str, rate: float) -> list[str]:
    faults = []
    if step < 0:
        faults.append(f"step is never negative, got {step}; count from the first step of this training")
    if not 0 < rate <= 1:
        faults.append(f"{name} is a probability in (0, 1], got {rate}; write 0.5 for 50 %")
    return faults


def _refuse(name: str, faults: list[str]) -> None:
    if faults:
        raise ValueError(f"{name}: " + "; ".join(faults))
