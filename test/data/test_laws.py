"""The laws of samples: a true one keeps them all, and each is shown to notice its violation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.labelled_pictures import labelled_sample

from gpnet_ros.data.laws import LAWS, OUR_LAWS, violations
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles

Change = Callable[[Sample], Sample]


def test_a_true_sample_keeps_all_laws() -> None:
    assert violations(labelled_sample(), ours=True) == []


def test_a_picture_of_which_nothing_is_known_breaks_no_law() -> None:
    bare = Sample("a", "a", Frame(np.zeros((8, 8, 3), np.uint8), None))
    assert violations(bare, ours=True) == []
    assert violations(replace(bare, rectangles=Rectangles.none(), objects=Objects(np.array([], int))), ours=True) == []


def objects(**changes: object) -> Change:
    def change(sample: Sample) -> Sample:
        assert sample.objects is not None
        return replace(sample, objects=replace(sample.objects, **changes))  # type: ignore[arg-type]

    return change


def grasps(**changes: Callable[[DenseGrasps], np.ndarray]) -> Change:
    def change(sample: Sample) -> Sample:
        assert sample.grasps is not None
        made = {key: make(sample.grasps).astype(np.float32) for key, make in changes.items()}
        return replace(sample, grasps=replace(sample.grasps, **made))

    return change


def rectangle(u: float, v: float, opening: float, number: int) -> Change:
    one = Rectangles(np.array([[u, v]]), np.zeros(1), np.array([opening]), np.ones(1), None, np.array([number]))
    return lambda sample: replace(sample, rectangles=one)


def lone_object_under_itself(sample: Sample) -> Sample:
    assert sample.ids is not None
    lone = Objects(np.array([3]), covered_by=np.array([[True]]))
    ids = np.where(sample.ids == 3, 3, 0).astype(np.int32)
    return replace(sample, ids=ids, objects=lone, rectangles=None, grasps=None)


def nearer(factor: float) -> Change:
    def change(sample: Sample) -> Sample:
        assert sample.frame.depth is not None
        return replace(sample, frame=replace(sample.frame, depth=sample.frame.depth * np.float32(factor)))

    return change


ANYBODYS = {
    "which the list of objects": lambda s: replace(s, ids=np.where(s.ids == 3, 9, s.ids)),
    "ids are 1 or more": lambda s: replace(s, ids=np.where(s.ids == 3, -1, s.ids)),
    "distinct": objects(ids=np.array([1, 1, 3])),
    "a rectangle is on object 8": rectangle(36, 40, 20, 8),
    "object 3 lies on itself": lone_object_under_itself,
    "do not fit 3 objects": objects(covered_by=np.zeros((2, 2), bool)),
    r"a rectangle of object 3 at \[60.0, 60.0\] px is 50 px off it": rectangle(60, 60, 20, 3),
    r"a rectangle has its centre at \[-3.0, 40.0\] px, off the picture of 160x120": rectangle(-3, 40, 20, 1),
    "a rectangle measures 300x1 px": rectangle(36, 40, 300, 1),
    "none of its rectangles is usable": lambda s: replace(
        s, rectangles=replace(Rectangles.none(), left_out={"not a number": 2})
    ),
    "quality reaches from": grasps(quality=lambda g: g.quality * 2),
    "disagree": grasps(opening=lambda g: np.zeros_like(g.opening)),
    "disagree ": grasps(opening=lambda g: np.full_like(g.opening, 0.05)),
    r"\[-90, 90\)": grasps(angle=lambda g: g.angle + 2.0),
    "where no object is": grasps(
        quality=lambda g: np.roll(g.quality, 30, axis=1), opening=lambda g: np.roll(g.opening, 30, axis=1)
    ),
    "the median depth is 800": nearer(1000.0),
    "the median depth is 0.080": nearer(0.1),
    "hidden shares": objects(occlusion=np.array([0.2, -0.1, 0.0])),
    "visible pixels of object 3": objects(amodal_masks=np.zeros((3, 120, 160), bool)),
    "the box": objects(boxes=np.array([[30, 30, 42, 90], [24, 50, 48, 62], [110, 20, 125, 80]], float)),
    "no rigid": lambda s: replace(s, T_base_camera=np.diag([1.0, 1.0, -1.0, 1.0])),
}
OURS = {
    "an opening of the dense map is 100.0 mm": grasps(opening=lambda g: g.opening * 2),
    "a rectangle's opening is 40 px": rectangle(36, 40, 40, 1),
    "object 2 is said to have no grasp": rectangle(36, 56, 20, 2),
}


@pytest.mark.parametrize("words", ANYBODYS)
def test_each_broken_law_is_named(words: str) -> None:
    broken = ANYBODYS[words](labelled_sample())
    found = violations(broken, ours=False)
    assert len(found) >= 1
    assert any(re.search(words.strip(), sentence) for sentence in found), found


@pytest.mark.parametrize("words", OURS)
def test_each_broken_law_of_our_own_is_named(words: str) -> None:
    broken = OURS[words](labelled_sample())
    assert any(words.strip() in sentence for sentence in violations(broken, ours=True))
    assert not any(words.strip() in sentence for sentence in violations(broken, ours=False))


def test_every_law_is_broken_by_some_test() -> None:
    """No law is there that notices nothing."""
    broken = [change(labelled_sample()) for change in (*ANYBODYS.values(), *OURS.values())]
    for law in (*LAWS, *OUR_LAWS):
        assert any(list(law(sample)) for sample in broken), law.__name__
