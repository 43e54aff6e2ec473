"""Every topic of recorded numbers has its tests, or is one visible skip with the reason."""

import re
from pathlib import Path

import pytest

from oracle_cases import FOLDER

TESTS = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_oracles*.py"))
NO_METHOD = {  # topic -> the method that is not there yet
    "cofi": "CoFi",
    "cofi_model": "CoFi",
    "flop": "FLOP",
    "nn_pruning_hybrid": "hybrid block pruning",
}


@pytest.mark.parametrize("topic", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_oracle_topic_is_checked(topic: str) -> None:
    if topic in NO_METHOD:
        pytest.skip(f"{topic}: {NO_METHOD[topic]} is not implemented yet")
    assert re.search(rf"[\"/]{topic}(\.json)?\"", TESTS), f"{topic}: recorded numbers that no test reads"
