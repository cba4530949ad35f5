"""Free objects first: the second network says whose turn it is, GP-Net where a grasp holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.boxes import D435, T_CAMERA, box, see

from gpnet_ros.cell import load_cell
from gpnet_ros.detections import Detections
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.free_objects import LEAST, UNKNOWN, free_chance, free_first
from gpnet_ros.maps import Grid, Maps, encode_angle, encode_width
from gpnet_ros.pick import Decision, decide
from gpnet_ros.pose import image_angles, invert

CELL = load_cell()
#: x in base [m] of two equal boxes: GP-Net prefers the first, the second lies free.
HIDDEN, FREE = 0.60, 0.72


def two_boxes() -> tuple[Frame, Maps, dict[float, NDArray[np.bool_]]]:
    """Frame and maps of the two boxes, Q 1.0 and 0.8, P the other way about, and the mask of each."""
    frame = see([box(x, 0.0, (0.03, 0.03, 0.06)) for x in (HIDDEN, FREE)])
    assert frame.depth is not None
    T_camera_base = invert(T_CAMERA)
    grid = Grid.workspace(D435, T_CAMERA, CELL.workspace.centre, CELL.workspace.side)
    quality, masks = np.zeros((grid.height, grid.width), np.float32), {}
    v, u = np.mgrid[0 : D435.height, 0 : D435.width]
    for x, value in ((HIDDEN, 1.0), (FREE, 0.8)):
        point = D435.project((T_camera_base @ [x, 0.0, 0.06, 1.0])[:3])
        column, row = np.round(grid.to_grid(point)).astype(int)
        quality[row - 3 : row + 4, column - 3 : column + 4] = value
        masks[x] = np.hypot(u - point[0], v - point[1]) < 14
    top = (T_camera_base @ [HIDDEN, 0.0, 0.06, 1.0])[:3]
    cos2, sin2 = (np.full_like(quality, a) for a in encode_angle(image_angles(top, T_camera_base[:3, 1], D435)))
    width = np.full_like(quality, encode_width(0.03, top[2], D435.fx * grid.scale))
    return frame, Maps(quality, cos2, sin2, width, np.ones_like(quality), grid), masks


FRAME, MAPS, MASKS = two_boxes()


def detections(chances: dict[float, float], scores: dict[float, float] | None = None) -> Detections:
    """What a second network says that sees the boxes at these x, each occluded by a chance."""
    sure = scores or dict.fromkeys(chances, 1.0)
    order = sorted(chances, key=lambda x: -sure[x])
    nothing = np.zeros((D435.height, D435.width), np.float32)
    masks = np.array([MASKS[x] for x in order], bool).reshape(-1, *nothing.shape)
    occluded = np.array([chances[x] for x in order], float)
    boxes, certain = np.zeros((len(order), 4)), np.array([sure[x] for x in order], float)
    return Detections(boxes, certain, masks, masks, occluded, nothing, nothing, 0.0, "camera")


def taken(seen: Detections | None) -> float:
    """x [m] of the box that is taken."""
    decision: Decision = decide(FRAME, MAPS, T_CAMERA, CELL, None, detections=seen)
    assert decision.T_base_grasp is not None, decision.rejected
    return round(float(decision.T_base_grasp[0, 3]), 2)


def test_the_better_grasp_of_a_hidden_object_loses_to_that_of_a_free_one() -> None:
    assert taken(None) == HIDDEN, "without detections the better Q wins"
    assert taken(detections({HIDDEN: 1.0, FREE: 0.0})) == FREE
    assert taken(detections({HIDDEN: 0.0, FREE: 1.0})) == HIDDEN, "the chances decide, not the order"
    assert taken(detections({HIDDEN: 0.0, FREE: 0.0})) == HIDDEN, "of two free objects the better Q wins"


def test_what_was_not_detected_comes_after_the_free_and_before_the_hidden() -> None:
    assert taken(detections({FREE: 0.1})) == FREE
    assert taken(detections({FREE: 0.9})) == HIDDEN
    assert taken(detections({})) == HIDDEN, "where nothing was detected, Q and the maps' own P decide"


def test_where_all_looks_hidden_the_least_hidden_is_taken_and_no_round_stalls() -> None:
    assert taken(detections({HIDDEN: 0.95, FREE: 0.7})) == FREE
    assert taken(detections({HIDDEN: 1.0, FREE: 1.0})) == HIDDEN, "as Q says where nobody knows better"
    nothing_else = replace(MAPS, quality=np.where(MAPS.quality > 0.9, MAPS.quality, np.float32(0.0)))
    waits = decide(FRAME, nothing_else, T_CAMERA, CELL, None, detections=detections({HIDDEN: 1.0, FREE: 0.0}))
    assert waits.status == "grasp", "where no free object has a grasp, one that should wait is better than none"
    doubted = nothing_else.with_priority(np.full_like(MAPS.priority, 0.3))
    refused = decide(FRAME, doubted, T_CAMERA, CELL, None, detections=detections({HIDDEN: 1.0, FREE: 0.0}))
    assert refused.status == "nothing_graspable", "not where both networks say that it must wait"


def test_p_of_the_maps_may_veto_too() -> None:
    told = detections({HIDDEN: 0.0, FREE: 0.0})
    doubting = MAPS.with_priority(np.where(MAPS.quality > 0.9, np.float32(0.2), np.float32(1.0)))
    decision = decide(FRAME, doubting, T_CAMERA, CELL, None, detections=told)
    assert decision.T_base_grasp is not None and round(float(decision.T_base_grasp[0, 3]), 2) == FREE


def test_a_detection_counts_as_far_as_it_is_sure() -> None:
    hides = {HIDDEN: 1.0, FREE: 0.0}
    assert taken(detections(hides, {HIDDEN: 0.9, FREE: 0.9})) == FREE
    assert taken(detections(hides, {HIDDEN: 0.05, FREE: 0.05})) == HIDDEN, "what may be nothing at all decides nothing"


def test_where_masks_overlap_the_surer_detection_counts() -> None:
    first = detections({HIDDEN: 0.0, FREE: 1.0}, {HIDDEN: 1.0, FREE: 0.99})
    both = replace(first, visible=np.array([MASKS[HIDDEN], MASKS[HIDDEN] | MASKS[FREE]]))
    chance = free_chance(both)
    assert (chance[MASKS[HIDDEN]] == 1.0).all() and (chance[MASKS[FREE]] == np.float32(LEAST)).all()
    assert (chance[~(MASKS[HIDDEN] | MASKS[FREE])] == UNKNOWN).all()


def test_p_is_a_chance_on_the_grid_of_the_maps() -> None:
    column, row = np.round(MAPS.grid.to_grid(np.argwhere(MASKS[FREE]).mean(0)[::-1])).astype(int)
    for occluded, here, elsewhere in ((0.0, 1.0, UNKNOWN), (0.25, 1.0, UNKNOWN / 0.75), (0.75, 0.25 / UNKNOWN, 1.0)):
        told = free_first(MAPS, FRAME, detections({FREE: occluded}))
        assert told.priority.dtype == np.float32 and (told.quality == MAPS.quality).all()
        assert told.priority[row, column] == pytest.approx(here) and told.priority[0, 0] == pytest.approx(elsewhere)


def test_detections_of_another_picture_are_refused() -> None:
    seen = detections({FREE: 0.0})
    small = replace(seen, visible=seen.visible[:, ::2, ::2], mass=seen.mass[::2, ::2])
    with pytest.raises(BadInput, match="320x240 px, the frame has 640x480"):
        decide(FRAME, MAPS, T_CAMERA, CELL, None, detections=small)
