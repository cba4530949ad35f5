"""What a perfect second network would say: who hides a part of whom, and that it is free once the other is gone."""

from __future__ import annotations

import numpy as np
import pytest
from support.judged_scene import picture

from gpnet_ros.evaluation.judging import judge
from gpnet_ros.evaluation.judging.judge import Judge, JudgeSettings
from gpnet_ros.free_objects import LEAST, UNKNOWN
from gpnet_ros.sim.labels.true_detections import true_detections


def test_of_two_crossed_boxes_the_lower_is_occluded_until_the_upper_is_gone() -> None:
    sample, arrangement = picture().sample, picture().arrangement
    assert arrangement is not None and sample.ids is not None and sample.T_base_camera is not None
    told = true_detections(arrangement.heap, sample.ids, sample.frame, sample.T_base_camera)
    assert told.free.tolist() == [False, True]
    assert not (told.visible[0] & told.visible[1]).any() and (told.amodal & told.visible == told.visible).all()
    assert (told.amodal[0] & told.visible[1]).any(), "the upper covers a part of the lower"
    lower = np.where(told.amodal[0], 1, 0).astype(np.int32)
    alone = true_detections(arrangement.heap.take([0]), lower, sample.frame, sample.T_base_camera)
    assert alone.free.tolist() == [True]
    nobody = true_detections(arrangement.heap, 0 * sample.ids, sample.frame, sample.T_base_camera)
    assert len(nobody.scores) == len(nobody.visible) == 0, "an object of which nothing is seen is not told"


@pytest.mark.parametrize("frees", [True, False])
def test_a_judge_ranks_by_what_the_second_network_says(frees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """P is least on the hidden object by the truth; without the second network it stays as it was."""
    monkeypatch.setattr(judge, "prioritise", lambda maps, *_: maps.with_priority(np.ones_like(maps.priority)))
    settings = JudgeSettings(priority="graspnext", scene_model="truth") if frees else JudgeSettings()
    sample, arrangement = picture().sample, picture().arrangement
    maps = Judge("gpnet-s", settings).maps(picture(), sample.frame)
    assert arrangement is not None and sample.ids is not None
    ids = maps.grid.warp_depth(sample.ids.astype(np.float32))
    found = {k: set(np.unique(maps.priority[ids == k])) for k in (0, 1, 2)}
    assert found == ({0: {UNKNOWN}, 1: {np.float32(LEAST)}, 2: {1.0}} if frees else {k: {1.0} for k in (0, 1, 2)})
