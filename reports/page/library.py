"""The script that draws the plots: plotly.js, as the Python package plotly ships it."""

from reports.faults import UsageError

FILE = "plotly.min.js"


def script() -> str:
    """The library, minified, with its licence on top.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as fault:
        raise UsageError(
            "the page's plots are drawn by plotly.js, which comes with the package plotly, and that is not "
            "installed; pip install 'weighin[page]'"
        ) from fault
    text: str = get_plotlyjs()
    return text
