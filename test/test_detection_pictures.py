"""Six panels of what the multi-task network sees: one per task, in the size of the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gpnet_ros.detection_pictures import FREE, OCCLUDED, PANELS, detection_panels, panel_sheet
from gpnet_ros.detections import Detections

COLOR = np.full((40, 60, 3), 90, np.uint8)


def two_objects() -> Detections:
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 5:15, 5:15] = masks[1, 20:35, 30:50] = True
    boxes = np.array([[5, 5, 15, 15], [30, 20, 50, 35]], float)
    heat = np.zeros((40, 60), np.float32)
    return Detections(boxes, np.array([0.9, 0.8]), masks, masks, np.array([0.9, 0.1]), heat, heat, 0.0, "camera")


def test_panels_have_the_picture_s_size_and_the_sheet_holds_all_six() -> None:
    panels = detection_panels(COLOR, two_objects())
    assert tuple(panels) == PANELS
    assert {panel.shape for panel in panels.values()} == {COLOR.shape}
    assert panel_sheet(panels).shape == (80, 180, 3)


def test_occluded_objects_are_blue_and_free_ones_red() -> None:
    panel = detection_panels(COLOR, two_objects())["occlusion"].astype(int)
    hidden, free = panel[10, 10], panel[27, 40]
    assert np.argmax(hidden) == np.argmax(OCCLUDED) == 2
    assert np.argmax(free) == np.argmax(FREE) == 0


def test_an_object_of_which_the_network_is_not_sure_is_not_drawn() -> None:
    panel = detection_panels(COLOR, replace(two_objects(), scores=np.array([0.4, 0.3])))
    assert np.array_equal(panel["boxes"], COLOR)
    assert np.array_equal(panel["visible"], COLOR)


def test_heat_is_bright_where_it_is_high_only() -> None:
    seen = two_objects()
    seen.suction[10, 20] = 1.0
    panel = detection_panels(COLOR, seen)["suction"].astype(int).sum(axis=2)
    assert panel[10, 20] > 2 * panel[30, 5]
