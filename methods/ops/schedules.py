"""What changes with the training step: kept share, chance of the sparse parent, learning rate."""


def kept_share(step: int, total: int, start: int, cooldown: int, final: float, *, initial: float = 1.0) -> float:
    """Return the share of weights kept at a step: cubic decay from `initial` to `final` (LPAF, Eq. 5).

    Args:
        step: t, from 0.
        total: T, steps of the whole training.
        start: t_i, steps before the decay.
        cooldown: t_f, steps at the final share, at the end.
        final: v_f, in (0, 1].
        initial: v_i, in [final, 1].

    Raises:
        ValueError: a value out of range, or no step left for the decay; all faults at once.
    """
    faults = _cubic_faults(step, total, start, cooldown)
    if not 0 < final <= initial <= 1:
        faults.append(
            f"kept shares obey 0 < final <= initial <= 1, got final {final} and initial {initial}; write 0.5 for 50 %"
        )
    _refuse("kept_share", faults)
    return _cubic(step, total, start, cooldown, final, initial)  # Eq. 5


def cubic_rise(step: int, total: int, start: int, cooldown: int) -> float:
    """Return how far a threshold has risen at a step, in [0, 1]: the cubic of Eq. 5 upwards, from 0 to 1.

    Soft movement pruning lays it on its threshold and on its penalty. Source: Sanh et al., 2020.

    Args:
        step: t, from 0.
        total: T, steps of the whole training.
        start: steps at 0, at the beginning.
        cooldown: steps at 1, at the end.

    Raises:
        ValueError: a value out of range, or no step left for the rise; all faults at once.
    """
    _refuse("cubic_rise", _cubic_faults(step, total, start, cooldown))
    return _cubic(step, total, start, cooldown, 1.0, 0.0)


def parent_probability(step: int, total: int, initial: float, end: float = 0.5) -> float:
    """Return the probability that a factor pair gives way to its sparse parent: linear to 0 (LPAF, Eq. 13).

    Args:
        step: t, from 0.
        total: T, steps of the whole training.
        initial: p_init, in [0, 1].
        end: share of the steps after which the probability is 0, in (0, 1]; a half in the paper.

    Raises:
        ValueError: a value out of range; all faults at once.
    """
    faults = _span_faults(step, total)
    if not 0 <= initial <= 1:
        faults.append(f"initial is a probability in [0, 1], got {initial}; write 0.5 for 50 %")
    if not 0 < end <= 1:
        faults.append(f"end is a share of the steps in (0, 1], got {end}; the paper has 0.5")
    _refuse("parent_probability", faults)
    return max(0.0, initial * (1 - step / (end * total)))  # Eq. 13: p_init - d t, d = p_init / (T / 2)


def learning_rate_multiplier(step: int, total: int, warmup: float) -> float:
    """Return the factor on the learning rate: linear from 0 to 1 in the warm-up, then linear to 0 at the end.

    Args:
        step: optimizer steps taken so far, from 0.
        total: T, steps of the whole training.
        warmup: share of the steps, in [0, 1); rounded to whole steps.

    Raises:
        ValueError: a value out of range; all faults at once.
    """
    faults = _span_faults(step, total)
    if not 0 <= warmup < 1:
        faults.append(f"warmup is a share of the steps in [0, 1), got {warmup}; write 0.06 for 6 %")
    _refuse("learning_rate_multiplier", faults)
    warm = round(warmup * total)
    if step < warm:
        return step / warm
    return max(0.0, (total - step) / max(1, total - warm))


def _cubic(step: int, total: int, start: int, cooldown: int, final: float, initial: float) -> float:
    if step < start:
        return initial
    if step >= total - cooldown:
        return final
    left = (total - cooldown - step) / (total - cooldown - start)
    return final + (initial - final) * left**3


def _cubic_faults(step: int, total: int, start: int, cooldown: int) -> list[str]:
    faults = _span_faults(step, total)
    if start < 0 or cooldown < 0:
        faults.append(f"start and cooldown are never negative, got {start} and {cooldown}; give steps")
    if total >= 1 and start + cooldown >= total:
        # the value would jump from the initial to the final one in a single step
        faults.append(
            f"start + cooldown leave steps for the decay, got {start} + {cooldown} of {total}; "
            "scale both with the number of steps"
        )
    return faults


def _span_faults(step: int, total: int) -> list[str]:
    faults = []
    if step < 0:
        faults.append(f"step is never negative, got {step}; count from the first step of this training")
    if total < 1:
        faults.append(f"total is at least 1 step, got {total}; epochs times batches")
    return faults


def _refuse(name: str, faults: list[str]) -> None:
    if faults:
        raise ValueError(f"{name}: " + "; ".join(faults))
