"""The rectangle metric: exact overlap, angle rule, three views, and the public implementation's pixel count."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import angle_difference, iou, matches, pixels, predicted, raster_iou

DEGREE = np.pi / 180


def make(*rows: tuple[float, float, float, float, float], ids: list[int] | None = None) -> Rectangles:
    """Rectangles of (u, v, angle [deg], opening, jaw)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Rectangles(
        table[:, :2], table[:, 2] * DEGREE, table[:, 3], table[:, 4], object_id=None if ids is None else np.array(ids)
    )


box = st.tuples(
    st.floats(-60, 60), st.floats(-60, 60), st.floats(-180, 180), st.floats(1.0, 120.0), st.floats(1.0, 60.0)
)


def opencv_iou(a: Rectangles, b: Rectangles) -> float:
    """The same by OpenCV's polygon clipping, in single precision."""

    def as_cv(r: Rectangles) -> tuple[tuple[float, float], tuple[float, float], float]:
        c = (float(r.center[0, 0]), float(r.center[0, 1]))
        return c, (float(r.opening[0]), float(r.jaw[0])), float(np.degrees(r.angle[0]))

    kind, points = cv2.rotatedRectangleIntersection(as_cv(a), as_cv(b))
    common = 0.0 if kind == cv2.INTERSECT_NONE or points is None else cv2.contourArea(cv2.convexHull(points))
    return common / (a.opening[0] * a.jaw[0] + b.opening[0] * b.jaw[0] - common)


def counted_iou(a: Rectangles, b: Rectangles, side: int = 900) -> float:
    """The same by counting points of a fine grid over both."""
    every = np.concatenate([a.corners()[0], b.corners()[0]])
    low, high = every.min(axis=0), every.max(axis=0)
    u, v = np.meshgrid(*(np.linspace(low[k], high[k], side) for k in range(2)))

    def inside(r: Rectangles) -> np.ndarray:
        x, y = u - r.center[0, 0], v - r.center[0, 1]
        c, s = np.cos(r.angle[0]), np.sin(r.angle[0])
        return (np.abs(c * x + s * y) <= r.opening[0] / 2) & (np.abs(c * y - s * x) <= r.jaw[0] / 2)

    one, other = inside(a), inside(b)
    return float((one & other).sum() / max((one | other).sum(), 1))


def clipped_iou(a: Rectangles, b: Rectangles) -> float:
    """The same by Sutherland and Hodgman's clipping, one point after the other."""
    polygon = [tuple(p) for p in a.corners()[0]]
    clip = b.corners()[0]
    for p, q in zip(clip, np.roll(clip, -1, axis=0), strict=True):
        left = [float((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) for x, y in polygon]
        kept: list[tuple[float, float]] = []
        for k, here in enumerate(polygon):
            before, d0, d1 = polygon[k - 1], left[k - 1], left[k]
            if (d0 < 0) != (d1 < 0):
                t = d0 / (d0 - d1)
                kept.append((before[0] + t * (here[0] - before[0]), before[1] + t * (here[1] - before[1])))
            if d1 >= 0:
                kept.append(here)
        polygon = kept
    common = sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True)) / 2
    return common / float(a.opening[0] * a.jaw[0] + b.opening[0] * b.jaw[0] - common)


@settings(max_examples=150, deadline=None)
@given(box, box)
@example((0, 0, 0, 10, 10), (0, 0, 0, 10, 10))
@example((0, 0, 0, 10, 10), (0, 0, 90, 10, 10))
@example((0, 0, 0, 10, 4), (10, 0, 0, 10, 4))  # a common edge
@example((0, 0, 45, 10, 4), (0, 0, 135, 10, 4))
@example((12, 0, 12, 14, 14), (12, 0, 12, 2, 14))  # OpenCV 5.0 answers 0.24 here
def test_exact_overlap_agrees_with_clipping(p: tuple, q: tuple) -> None:
    a, b = make(p), make(q)
    assert iou(a, b)[0, 0] == pytest.approx(clipped_iou(a, b), abs=1e-7)


def test_exact_overlap_agrees_with_opencv() -> None:
    rng = np.random.default_rng(1)  # in general position; OpenCV errs where edges coincide
    both = rng.uniform([0, 0, -90, 5, 5], [60, 60, 90, 80, 40], size=(600, 5))
    pairs = [(make(tuple(p)), make(tuple(q))) for p, q in zip(both[:300], both[300:], strict=True)]
    got = np.array([iou(a, b)[0, 0] for a, b in pairs])
    assert (got > 0.1).sum() > 50
    assert np.allclose(got, [opencv_iou(a, b) for a, b in pairs], atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(box, box)
def test_exact_overlap_agrees_with_a_fine_count(p: tuple, q: tuple) -> None:
    assume(min(p[3:]) > 5 and min(q[3:]) > 5)
    a, b = make(p), make(q)
    assert iou(a, b)[0, 0] == pytest.approx(counted_iou(a, b), abs=0.02)


@settings(max_examples=200)
@given(box, box, st.floats(-180, 180), st.floats(-300, 300), st.floats(0.05, 20.0))
def test_overlap_is_symmetric_and_moves_along(p: tuple, q: tuple, turn: float, shift: float, scale: float) -> None:
    a, b = make(p), make(q)
    overlap = iou(a, b)[0, 0]
    assert 0 <= overlap <= 1
    assert iou(b, a)[0, 0] == pytest.approx(overlap, abs=1e-9)
    c, s = scale * np.cos(turn * DEGREE), scale * np.sin(turn * DEGREE)
    motion = np.array([[c, -s, shift], [s, c, -shift]])
    assert iou(a.moved(motion), b.moved(motion))[0, 0] == pytest.approx(overlap, abs=1e-7)
    assert iou(a, a)[0, 0] == pytest.approx(1, abs=1e-9)


def test_overlaps_that_are_known() -> None:
    square = make((0, 0, 0, 2, 2))
    others = make((1, 0, 0, 2, 2), (0, 0, 45, 2, 2), (2, 0, 0, 2, 2), (9, 9, 30, 2, 2), (0, 0, 0, 20, 20))
    octagon = 8 * (np.sqrt(2) - 1)
    expected = [2 / 6, octagon / (8 - octagon), 0, 0, 4 / 400]
    assert np.allclose(iou(square, others)[0], expected, atol=1e-12)
    assert iou(make(), others).shape == (0, 5)
    assert iou(others, make()).shape == (5, 0)


def test_the_table_of_many_pairs_is_that_of_each_pair() -> None:
    rng = np.random.default_rng(3)
    table = rng.uniform([0, 0, -90, 5, 5], [100, 100, 90, 60, 30], size=(40, 5))
    rows = [make(tuple(row)) for row in table]
    both = iou(make(*map(tuple, table[:25])), make(*map(tuple, table[25:])))
    assert both.max() > 0.3
    for i, j in rng.integers([0, 0], [25, 15], size=(60, 2)):
        assert both[i, j] == pytest.approx(iou(rows[i], rows[25 + j])[0, 0], abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [(0, 30, 30), (-89, 89, 2), (75, -75, 30), (10, 190, 0), (-90, 90, 0), (0, 90, 90), (45, -45, 90)],
)
def test_angles_differ_modulo_a_half_turn(a: float, b: float, difference: float) -> None:
    got = angle_difference(make((0, 0, a, 9, 3)), make((0, 0, b, 9, 3)))[0, 0]
    assert got == pytest.approx(difference * DEGREE, abs=1e-9)


def test_exactly_thirty_degrees_pass_and_more_do_not() -> None:
    for base in range(-90, 90, 7):  # whatever rounding does
        truth = make((0, 0, base, 20, 20))
        assert matches(make((0, 0, base + 30, 20, 20)), truth).all()
        assert matches(make((0, 0, base - 30, 20, 20)), truth).all()
        assert not matches(make((0, 0, base + 30.01, 20, 20)), truth).any()
    assert matches(make((0, 0, 44, 20, 20)), make((0, 0, 0, 20, 20)), angle_max=45 * DEGREE).all()


def test_exactly_a_quarter_fails_and_more_passes() -> None:
    truth = make((0, 0, 0, 40, 10))
    for shift, right in ((24.0, False), (23.9, True)):  # overlap of 16 in 64 is a quarter
        assert iou(make((shift, 0, 0, 40, 10)), truth)[0, 0] == pytest.approx(0.25, abs=0.01)
        assert bool(matches(make((shift, 0, 0, 40, 10)), truth)[0, 0]) is right
        turned = make((shift * np.cos(0.3), shift * np.sin(0.3), 0.3 / DEGREE, 40, 10))
        assert bool(matches(turned, make((0, 0, 0.3 / DEGREE, 40, 10)))[0, 0]) is right
    assert not matches(make((15, 0, 0, 40, 10)), truth, iou_min=0.5).any()
    assert matches(make((13, 0, 0, 40, 10)), truth, iou_min=0.5).all()


def test_both_conditions_must_hold_for_the_same_true_grasp() -> None:
    here_but_across = (0.0, 0.0, 90.0, 20.0, 20.0)
    parallel_but_away = (100.0, 0.0, 0.0, 20.0, 20.0)
    guess = make((0, 0, 0, 20, 20))
    assert not matches(guess, make(here_but_across, parallel_but_away)).any()
    assert matches(guess, make(here_but_across, parallel_but_away, (3, 3, 10, 20, 20))).tolist() == [
        [False, False, True]
    ]


def test_predictions_have_a_jaw_of_half_their_opening() -> None:
    guess = predicted([[5, 5]], [0.1], [40], score=[0.9])
    assert guess.jaw.tolist() == [20]
    assert guess.score is not None
    assert predicted([[5, 5]], [0.1], [40], jaw_share=0.25).jaw.tolist() == [10]
    with pytest.raises(BadInput, match="area"):
        predicted([[5, 5]], [0.1], [0.0])


@pytest.mark.parametrize("thresholds", [(-0.1, 0.5), (1.0, 0.5), (0.25, -0.1), (0.25, 2.0), (float("nan"), 0.5)])
def test_thresholds_that_decide_nothing_are_refused(thresholds: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match="overlap must be"):
        matches(make((0, 0, 0, 9, 3)), make((0, 0, 0, 9, 3)), *thresholds)


# --- three views ---


def picture(rectangles: Rectangles | None, covered: list[list[int]] | None = None) -> Sample:
    """Two objects, 4 and 7."""
    objects = Objects(np.array([4, 7]), covered_by=None if covered is None else np.array(covered, dtype=bool))
    return Sample("a", "a", Frame(np.zeros((8, 8, 3), np.uint8), None), rectangles=rectangles, objects=objects)


TRUTH = make((0, 0, 0, 20, 10), (100, 0, 0, 20, 10), ids=[4, 7])
ON_4, ON_7 = (0, 0, 5, 20, 10), (100, 0, -5, 20, 10)


def test_topmost_grasps_are_those_of_objects_on_which_nothing_lies() -> None:
    top = picture(TRUTH, [[0, 1], [0, 0]]).top_rectangles()  # 7 lies on 4
    assert top is not None
    assert matches(make(ON_7), top).any() and not matches(make(ON_4), top).any()
    other = picture(TRUTH, [[0, 0], [1, 0]]).top_rectangles()
    assert other is not None and not matches(make(ON_7), other).any()
    assert picture(TRUTH).top_rectangles() is None, "no relations"
    nameless = Rectangles(TRUTH.center, TRUTH.angle, TRUTH.opening, TRUTH.jaw)
    assert picture(nameless, [[0, 0], [0, 0]]).top_rectangles() is None


# --- the public implementation's pixel count ---


def test_pixels_are_those_of_the_documented_example() -> None:
    """The example in the documentation of `skimage.draw.polygon`: rows 1, 2, 8 and columns 1, 7, 4."""
    rows = [1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 8]
    columns = [1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 4, 5, 4, 4]
    got = pixels([[1, 1], [7, 2], [4, 8]])
    assert sorted(map(tuple, got.tolist())) == sorted(zip(columns, rows, strict=True))
    backwards = pixels([[4, 8], [7, 2], [1, 1]])
    assert sorted(map(tuple, backwards.tolist())) == sorted(map(tuple, got.tolist()))


def test_a_rectangle_owns_both_of_its_edges() -> None:
    assert len(pixels([[2, 3], [6, 3], [6, 5], [2, 5]])) == 5 * 3
    assert len(pixels([[2.5, 3.5], [6.5, 3.5], [6.5, 5.5], [2.5, 5.5]])) == 4 * 2  # its true area


def test_pixels_left_of_or_above_the_image_are_cut_away() -> None:
    assert len(pixels([[-3, 0], [1, 0], [1, 2], [-3, 2]])) == 2 * 3
    assert len(pixels([[-9, -9], [-3, -9], [-3, -3], [-9, -3]])) == 0


def test_where_pixel_count_and_exact_overlap_differ() -> None:
    left, right = make((105, 105, 0, 10, 4)), make((115, 105, 0, 10, 4))
    assert iou(left, right)[0, 0] == 0  # they only touch,
    assert raster_iou(left, right)[0, 0] == pytest.approx(5 / (2 * 11 * 5 - 5))  # but share a row of pixels
    # A thin rectangle gains or loses a whole row of pixels.
    truth, guess = make((100, 100, 0, 40, 2)), make((100, 101, 0, 40, 2))
    assert iou(truth, guess)[0, 0] == pytest.approx(1 / 3)
    assert raster_iou(truth, guess)[0, 0] == pytest.approx(0.5)
    truth, beside = make((100, 100.1, 0, 40, 2)), make((100, 101.9, 0, 40, 2))
    assert iou(truth, beside)[0, 0] == pytest.approx(0.2 / 3.8)
    assert raster_iou(truth, beside)[0, 0] == pytest.approx(1 / 3)
    assert not matches(beside, truth).any()
    assert matches(beside, truth, rasterised=True).all()
    # The other way round: three rows of pixels against two, of which one is shared.
    truth, beside = make((100, 100, 0, 40, 2)), make((100, 101.1, 0, 40, 2))
    assert matches(beside, truth).all()
    assert not matches(beside, truth, rasterised=True).any()
    # At the image's corner only what lies inside is compared.
    half_out, inside = make((0, 50, 0, 40, 9)), make((9.75, 50, 0, 20.5, 9))
    assert iou(half_out, inside)[0, 0] == pytest.approx(20.5 / 40)
    assert raster_iou(half_out, inside)[0, 0] == 1


@settings(max_examples=20, deadline=None)
@given(box, box)
def test_pixel_count_approaches_exact_overlap_as_rectangles_grow(p: tuple, q: tuple) -> None:
    assume(min(p[3:]) > 8 and min(q[3:]) > 8)
    large = np.array([[8.0, 0, 2000.3], [0, 8.0, 2000.4]])
    a, b = make(p).moved(large), make(q).moved(large)
    assert raster_iou(a, b)[0, 0] == pytest.approx(iou(a, b)[0, 0], abs=0.02)


def test_pixel_rule_also_holds_in_matching() -> None:
    rng = np.random.default_rng(5)
    table = rng.uniform([50, 50, -90, 20, 10], [120, 120, 90, 60, 30], size=(60, 5))
    a, b = make(*map(tuple, table[:30])), make(*map(tuple, table[30:]))
    expected = (angle_difference(a, b) <= np.pi / 6) & (raster_iou(a, b) > 0.25)
    assert expected.sum() > 5
    assert (matches(a, b, rasterised=True) == expected).all()
    assert (matches(a, b) == (angle_difference(a, b) <= np.pi / 6) & (iou(a, b) > 0.25)).all()
