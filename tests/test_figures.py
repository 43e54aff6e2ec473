"""Figures: they are written, show every line, and stay readable without colour."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from reports.figures import palette, trade_off
from reports.tables.consistency import MixedRecordsError
from sample_records import sample, samples


def test_the_trade_off_is_written_as_a_picture(tmp_path: Path) -> None:
    path = trade_off.draw(samples(), tmp_path / "deep" / "figure.png")
    picture = matplotlib.image.imread(path)
    assert picture.shape[0] > 400
    assert picture.shape[1] > 800
    assert float(np.std(picture[..., :3])) > 0.05  # not blank


def test_every_method_and_unit_is_named(tmp_path: Path) -> None:
    words = trade_off.draw(samples(("rte", "mrpc", "sst2", "qqp")), tmp_path / "figure.svg").read_text(
        encoding="utf-8"
    )
    for label in ("LPAF", "SVD_Ft", "UP_zero", "Dense", "rte", "n = 3 seeds", "accuracy (%)", "weights kept (%"):
        assert f"<!-- {label}" in words or label in words


def test_missing_seeds_change_the_stated_n(tmp_path: Path) -> None:
    words = trade_off.draw(samples()[:-1], tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert "n = 2 to 3 seeds" in words


def test_one_record_is_enough_and_none_is_not(tmp_path: Path) -> None:
    assert trade_off.draw([sample()], tmp_path / "one.png").is_file()
    with pytest.raises(ValueError, match="at least one record"):
        trade_off.draw([], tmp_path / "none.png")
    with pytest.raises(MixedRecordsError):
        trade_off.draw([sample(), sample(protocol="paper")], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_styles_are_distinct_in_colour_and_marker() -> None:
    styles = [palette.style(place) for place in range(len(palette.COLOURS) * len(palette.MARKERS))]
    assert len(set(styles)) == len(styles)
    assert len({marker for _, marker in styles[:9]}) == 9
