"""Classes of failure, each on a case that was built for it, and none where the grasp was right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.evaluation.judging.failures import FAILURES, blame, nearest_true, twin_of
from gpnet_ros.evaluation.judging.judgement import Verdict
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.rectangle import Rectangles

#: 1 px is 1 mm: 0.5 m away with a focal length of 500 px.
CAMERA = Intrinsics(200, 200, 500.0, 500.0, 99.5, 99.5)
THICK = (0.04, 0.04, 0.04)


def sample(twins: bool = False) -> Sample:
    """Object 1 (columns 20 to 80) waits for object 2 (81 to 120); object 3 lies apart and has no grasp."""
    ids = np.zeros((200, 200), dtype=np.int32)
    ids[60:140, 20:81], ids[60:140, 81:121], ids[60:140, 150:181] = 1, 2, 3
    covered = np.zeros((3, 3), dtype=bool)
    covered[0, 1] = True
    category = ("mug", "mug" if twins else "box", "bolt")
    truth = Rectangles([[50, 100], [100, 100]], [0.0, 0.0], [70, 50], [22, 22], [0.9, 0.9], [1, 2])
    depth = np.full((200, 200), 0.5, dtype=np.float32)
    return Sample(
        "a",
        "a",
        Frame(None, depth, CAMERA),
        truth,
        ids=ids,
        objects=Objects(np.arange(1, 4), category, covered_by=covered),
    )


#: A grasp on object 2 that agrees with its true one in all, and yet was not lifted.
MISSED = Verdict(
    "grasp", (100.0, 100.0), 0.0, 50.0, 0.050, 0.5, 0.6, 0.7, 0.9, object=2, on_top=True, top=True, any=True,
    lift="slipped", lift_top=False, lift_clean=False, lift_any=False,
)  # fmt: skip


def told(verdict: Verdict, thickness: tuple[float, ...] = THICK, twins: bool = False) -> str | None:
    picture = sample(twins)
    return blame(verdict, picture, picture.frame, thickness).failure


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "slipped"),
        ({"lift": "collision"}, "collision"),
        ({"lift": "lifted", "lift_any": True}, "took another"),
        ({"status": "hole", "depth": None}, "hole"),
        ({"depth": 0.53}, "hole"),
        ({"status": "nothing_graspable", "pixel": None}, "refused"),
        ({"pixel": (50.0, 100.0), "object": 1, "on_top": False}, "wrong object"),
        ({"pixel": (135.0, 100.0), "object": 0, "on_top": False}, "edge"),
        ({"pixel": (118.0, 100.0)}, "edge"),
        ({"pixel": (100.0, 125.0)}, "wrong place"),
        ({"pixel": (165.0, 100.0), "object": 3}, "no grasp"),
        ({"angle": 0.9}, "wrong angle"),
        ({"angle": -0.9}, "wrong angle"),
        ({"opening": 0.035}, "width"),
        ({"opening": 0.080}, "width"),
        ({"lift": None, "lift_top": None, "top": False}, "overlap"),
    ],
)
def test_each_cause_has_its_class(changes: dict[str, object], wanted: str) -> None:
    verdict = replace(MISSED, **changes)  # type: ignore[arg-type]
    picture = sample()
    found = blame(verdict, picture, picture.frame, THICK)
    assert found.failure == wanted and found.reason
    assert wanted in FAILURES


def test_a_thin_object_is_told_from_a_thick_one_by_its_own_thickness() -> None:
    assert told(MISSED, (0.04, 0.008, 0.04)) == "thin"
    assert told(MISSED, (0.008, 0.04, 0.008)) == "slipped"
    assert told(replace(MISSED, lift="collision"), (0.04, 0.008, 0.04)) == "collision"


def test_a_twin_is_one_of_the_same_kind_that_touches() -> None:
    waits = replace(MISSED, pixel=(50.0, 100.0), object=1, on_top=False)
    assert told(waits, twins=True) == "stacked twin"
    assert told(waits, twins=False) == "wrong object"
    assert twin_of(1, sample(twins=True)) == 2
    apart = sample(twins=True)
    assert apart.ids is not None
    far = replace(apart, ids=np.where(apart.ids == 2, 0, apart.ids))
    assert twin_of(1, far) is None


def test_what_was_right_is_not_blamed_whatever_else_is_odd() -> None:
    assert told(replace(MISSED, lift_top=True, angle=0.9)) is None
    by_rule = replace(MISSED, lift=None, lift_top=None, lift_clean=None, lift_any=None)
    assert told(by_rule) is None
    assert told(replace(by_rule, top=None)) is None
    assert told(replace(by_rule, top=None, any=False)) == "overlap"


def test_a_small_turn_and_place_are_no_wrong_ones() -> None:
    for changes in ({"angle": 0.4}, {"pixel": (100.0, 107.0)}, {"opening": 0.045}, {"depth": 0.506}):
        assert told(replace(MISSED, **changes)) == "slipped", changes  # type: ignore[arg-type]


def test_the_grasp_to_compare_with_is_one_of_a_topmost_object() -> None:
    on_waiting = replace(MISSED, pixel=(50.0, 100.0), object=1)
    assert nearest_true(on_waiting, sample()) == 1
    assert nearest_true(on_waiting, replace(sample(), objects=None)) == 0
    assert nearest_true(replace(MISSED, pixel=None), sample()) is None
