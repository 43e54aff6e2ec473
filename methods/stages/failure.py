"""How a stage says that the method, not the machine, failed."""


class MethodFailure(RuntimeError):  # noqa: N818  # a failure is a result here, not a programming error
    """The method failed by its own fault (NaN loss, budget missed): recorded with its reason, never retried."""
