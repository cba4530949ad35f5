"""Detections: which objects are free, and peaks of a heat map."""

from __future__ import annotations

import numpy as np

from gpnet_ros.detections import Detections, heat_peaks


def test_peaks_are_local_maxima_highest_first_and_none_lower_than_asked() -> None:
    heat = np.zeros((8, 9), np.float32)
    heat[2, 3], heat[2, 4], heat[6, 8], heat[0, 0] = 0.9, 0.7, 0.95, 0.05
    places, heights = heat_peaks(heat, 10, 0.1)
    assert places.tolist() == [[8.0, 6.0], [3.0, 2.0]]
    assert np.allclose(heights, [0.95, 0.9])
    assert len(heat_peaks(heat, 1, 0.1)[0]) == 1


def test_a_flat_map_of_nothing_has_no_peak() -> None:
    assert len(heat_peaks(np.zeros((4, 4), np.float32), 5, 0.1)[0]) == 0


def test_objects_are_free_below_an_even_chance_of_being_occluded() -> None:
    masks = np.zeros((3, 2, 2), bool)
    heat = np.zeros((2, 2), np.float32)
    seen = Detections(np.zeros((3, 4)), np.ones(3), masks, masks, np.array([0.1, 0.5, 0.9]), heat, heat, 0.0, "c")
    assert seen.free.tolist() == [True, False, False]
