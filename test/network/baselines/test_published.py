"""The known bugs of the public code: each does what its sentence says, and none is on unless asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gpnet_ros.frame import Frame
from gpnet_ros.maps import WIDTH_SCALE, Grid, Maps, encode_angle
from gpnet_ros.network.baselines.published import Bugs, decode
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import GRASP_ARCHITECTURES, build, save
from gpnet_ros.network.detector import Detector
from gpnet_ros.normalise import VERSIONS

SIDE = 96
GRID = Grid(SIDE, SIDE, 1.0, (0.0, 0.0))
RNG = np.random.default_rng(0)
FRAME = Frame(RNG.integers(0, 255, (224, 224, 3), dtype=np.uint8), RNG.uniform(0.7, 0.8, (224, 224)).astype(np.float32))


def _maps(peaks: dict[tuple[int, int], float], degrees: np.ndarray | float = 0.0, width: float = 0.4) -> Maps:
    """Maps with Gaussian peaks of these heights at these cells (row, column)."""
    v, u = np.mgrid[0:SIDE, 0:SIDE]
    bumps = [h * np.exp(-((v - r) ** 2 + (u - c) ** 2) / (2 * 6.0**2)) for (r, c), h in peaks.items()]
    cos2, sin2 = encode_angle(np.radians(np.broadcast_to(degrees, (SIDE, SIDE))))
    wide = np.full((SIDE, SIDE), width, np.float32)
    return Maps(np.max(bumps, axis=0).astype(np.float32), cos2, sin2, wide, np.ones_like(wide), GRID)


def _model(folder: Path, architecture: str, channels: str = "rgbd", normalisation: str = "relief-1") -> Path:
    torch.manual_seed(0)
    kwargs = {"grconvnet": {"width": 4}, "orange": {"width": 4}, "gpnet": {"widths": [8, 16, 32]}}
    card = Card(architecture, kwargs.get(architecture, {}), channels, normalisation)
    save(build(card).eval(), card, folder)
    return folder


def _stacked(maps: Maps) -> np.ndarray:
    return np.stack([maps.quality, maps.cos2, maps.sin2, maps.width, maps.priority])


def test_every_bug_says_what_it_does_where_it_is_and_whose_it_is() -> None:
    for bug in fields(Bugs):
        assert bug.default is False
        assert len(bug.metadata["sentence"]) > 40 and bug.metadata["source"]
        assert set(bug.metadata["architectures"]) <= set(GRASP_ARCHITECTURES) and bug.metadata["architectures"]
    assert not Bugs().listed()
    assert set(Bugs.of("orange").listed()) == {"doubled_colour", "one_pixel", "unclamped"}
    assert Bugs.of("ggcnn").stretched_output and not Bugs.of("ggcnn2").stretched_output
    assert Bugs.of("grconvnet").wide_width and not Bugs.of("ggcnn").wide_width
    assert Bugs.of("mine") == Bugs()


@pytest.mark.parametrize("seed", range(5))
def test_without_bugs_the_grasp_is_the_one_that_is_decoded_elsewhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = Maps(*rng.normal(0.2, 0.5, (5, SIDE, SIDE)).astype(np.float32), GRID)
    q = maps.q_star
    row, column = (int(k) for k in np.unravel_index(int(q.argmax()), q.shape))
    assert decode(maps, Bugs()) == ((column, row), maps.angle_at(row, column, q), maps.width_px_at(row, column, q))


@pytest.mark.parametrize("architecture", GRASP_ARCHITECTURES)
def test_a_detector_has_no_bug_unless_asked_for(architecture: str, tmp_path: Path) -> None:
    model = _model(tmp_path, architecture)
    plain, none, buggy = (
        Detector(model, "cpu"),
        Detector(model, "cpu", as_published=Bugs()),
        Detector(model, "cpu", as_published=True),
    )
    assert plain.bugs == none.bugs == Bugs() and buggy.bugs == Bugs.of(architecture)
    np.testing.assert_array_equal(_stacked(plain(FRAME)), _stacked(none(FRAME)))
    if architecture in ("ggcnn", "grconvnet", "orange"):
        assert not np.array_equal(_stacked(plain(FRAME)), _stacked(buggy(FRAME)))


def test_stretched_output_shifts_the_maps_to_the_top_left(tmp_path: Path) -> None:
    model = _model(tmp_path, "ggcnn")
    right = Detector(model, "cpu")(FRAME)
    wrong = Detector(model, "cpu", as_published=Bugs(stretched_output=True))(FRAME)
    assert wrong.quality.shape == right.quality.shape == (224, 224)
    area = (slice(150, 190), slice(150, 190))

    def error(shift: int) -> float:
        moved = np.roll(right.quality, (-shift, -shift), axis=(0, 1))
        return float(np.abs(moved[area] - wrong.quality[area]).mean())

    assert min(range(-5, 6), key=error) == 3, "170 px times 4/228"
    # GG-CNN2 has the size of its input: nothing to stretch.
    other = _model(tmp_path / "2", "ggcnn2")
    bugs = Bugs(stretched_output=True)
    np.testing.assert_array_equal(
        _stacked(Detector(other, "cpu")(FRAME)), _stacked(Detector(other, "cpu", as_published=bugs)(FRAME))
    )


def test_wide_width_opens_a_third_too_far(tmp_path: Path) -> None:
    model = _model(tmp_path, "grconvnet")
    right = Detector(model, "cpu")(FRAME)
    wrong = Detector(model, "cpu", as_published=Bugs(wide_width=True))(FRAME)
    np.testing.assert_allclose(wrong.width, right.width * 150 / 112, rtol=1e-5)
    np.testing.assert_array_equal(_stacked(wrong)[[0, 1, 2, 4]], _stacked(right)[[0, 1, 2, 4]])


def test_blurred_angle_is_wrong_at_the_wrap_and_nowhere_else() -> None:
    checked = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 89.0, -89.0)
    at_wrap, elsewhere = _maps({(48, 48): 0.9}, checked), _maps({(48, 48): 0.9}, 30.0)
    bug = Bugs(blurred_angle=True)
    right, wrong = decode(at_wrap, Bugs()), decode(at_wrap, bug)
    assert right is not None and wrong is not None and right[0] == wrong[0] == (48, 48)
    assert abs(np.degrees(right[1])) > 89 and abs(np.degrees(wrong[1])) < 10
    same = decode(elsewhere, bug)
    assert same is not None and np.degrees(same[1]) == pytest.approx(30.0, abs=1e-3)
    assert same[2] == pytest.approx(0.4 * WIDTH_SCALE, rel=1e-4)


def test_threshold_misses_low_peaks_and_those_at_the_border() -> None:
    bug = Bugs(threshold=True)
    low, border = _maps({(48, 48): 0.15}), _maps({(10, 50): 0.9})
    both = _maps({(10, 50): 0.9, (60, 40): 0.5})
    for maps, pixel in ((low, (48, 48)), (border, (50, 10)), (both, (50, 10))):
        found = decode(maps, Bugs())
        assert found is not None and found[0] == pixel
    assert decode(low, bug) is None and decode(border, bug) is None
    second = decode(both, bug)
    assert second is not None and second[0] == (40, 60)
    # A slope inside that rises towards the border is no peak.
    v = np.mgrid[0:SIDE, 0:SIDE][0]
    slope = replace(low, quality=(1 - v / SIDE).astype(np.float32))
    assert decode(slope, bug) is None


def test_doubled_colour_makes_a_network_all_but_colour_blind(tmp_path: Path) -> None:
    model = _model(tmp_path / "a", "orange", normalisation="published-1")
    other = Frame(255 - np.asarray(FRAME.color), FRAME.depth)

    def influence(as_published: bool | Bugs) -> float:
        detector = Detector(model, "cpu", as_published=as_published)
        return float(np.abs(_stacked(detector(FRAME)) - _stacked(detector(other))).mean())

    assert influence(Bugs(doubled_colour=True)) < 0.05 * influence(False)
    # Depth alone has no colour; what was trained with doubled division is not divided a third time.
    for name, channels, normalisation in (("b", "depth", "published-1"), ("c", "rgbd", "published-doubled-1")):
        model = _model(tmp_path / name, "orange", channels, normalisation)
        plain, wrong = (Detector(model, "cpu", as_published=b) for b in (False, Bugs(doubled_colour=True)))
        np.testing.assert_array_equal(_stacked(plain(FRAME)), _stacked(wrong(FRAME)))


def test_one_pixel_decides_where_quality_is_not_blurred() -> None:
    maps = _maps({(48, 48): 0.8}, 20.0)
    maps.quality[20, 70], maps.cos2[20, 70], maps.sin2[20, 70] = 0.9, 0.0, 1.0  # a single odd pixel at 45 degrees
    right, wrong = decode(maps, Bugs()), decode(maps, Bugs(one_pixel=True))
    assert right is not None and right[0] == (48, 48) and np.degrees(right[1]) == pytest.approx(20.0, abs=0.01)
    assert wrong is not None and wrong[0] == (70, 20) and np.degrees(wrong[1]) == pytest.approx(45.0, abs=0.01)


def test_unclamped_takes_two_negatives_for_a_positive() -> None:
    good = _maps({(48, 48): 0.3})
    table = np.indices((SIDE, SIDE))[1] > 80
    quality, priority = np.where(table, -0.7, good.quality), np.where(table, -0.7, 1.0)
    maps = replace(good, quality=quality.astype(np.float32), priority=priority.astype(np.float32))
    right, wrong = decode(maps, Bugs()), decode(maps, Bugs(unclamped=True))
    assert right is not None and right[0] == (48, 48)
    assert wrong is not None and wrong[0][0] > 80


def test_bugs_leave_widths_unbounded() -> None:
    wide = _maps({(48, 48): 0.9}, width=1.3)
    plain, published = decode(wide, Bugs()), decode(wide, Bugs.of("grconvnet"))
    assert plain is not None and plain[2] == pytest.approx(WIDTH_SCALE)
    assert published is not None and published[2] == pytest.approx(1.3 * WIDTH_SCALE, rel=1e-4)


def test_the_page_of_baselines_names_every_bug_and_every_architecture() -> None:
    page = (Path(__file__).parents[3] / "docs" / "baselines.md").read_text(encoding="utf-8")
    for bug in fields(Bugs):
        assert f"| `{bug.name}` |" in page
    for name in set(GRASP_ARCHITECTURES) - {"gpnet", "joined"}:
        assert f"`{name}`" in page
    for version in VERSIONS:
        assert f"| `{version}` |" in page
