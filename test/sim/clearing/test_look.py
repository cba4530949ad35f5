"""The camera over a heap: a picture that is fine only where the network looks is the same there."""

from __future__ import annotations

import numpy as np

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.maps import workspace_grid
from gpnet_ros.pose import transform
from gpnet_ros.sim.clearing.look import Look, PixelWindow, seen_window
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import make_object

CELL, T = load_cell(), load_hand_eye().T_base_camera()


def two() -> Heap:
    poses = [transform(np.eye(3), [0.60, 0.02, 0.03]), transform(np.eye(3), [0.70, -0.04, 0.04])]
    return Heap((make_object("box", 3), make_object("mug", 5)), np.array(poses))


def test_fine_where_the_network_looks_and_true_everywhere() -> None:
    heap = two()
    look = Look(heap, 3, T)
    whole, again = (look.view(heap, [0, 1]) for _ in range(2))
    part = Look(heap, 3, T, workspace=CELL.workspace).view(heap, [0, 1])
    assert np.array_equal(whole.depth, part.depth, equal_nan=True)
    assert np.array_equal(whole.ids, part.ids) and set(np.unique(part.ids)) == {0, 1, 2}
    cut = seen_window(T, CELL.workspace).cut
    outside = np.ones(part.depth.shape, dtype=bool)
    outside[cut] = False
    grain, gap = (np.abs(whole.color.astype(int) - v.color.astype(int))[cut].mean() for v in (again, part))
    assert gap < 1.02 * grain  # no more than jitter of shadows and noise of the sensor
    assert abs(np.mean(whole.color[cut]) - np.mean(part.color[cut])) < 1.0  # exposed alike
    blurred = np.abs(np.diff(part.color.astype(float), axis=1)).mean(axis=2)[outside[:, 1:]].mean()
    sharp = np.abs(np.diff(whole.color.astype(float), axis=1)).mean(axis=2)[outside[:, 1:]].mean()
    assert blurred < sharp  # it did save the work


def test_several_exposures_are_nearer_to_the_truth_than_one() -> None:
    heap = two()
    view = Look(heap, 3, T).depth(heap)

    def error(exposures: int) -> float:
        looks = [Look(heap, seed, T, exposures=exposures).frame(view).depth - view.depth for seed in range(3)]
        return float(np.mean([np.nanmean(np.abs(np.clip(each, -0.01, 0.01))) for each in looks]))

    assert error(8) < 0.95 * error(1)


def test_window_holds_the_grid_and_little_more() -> None:
    heap = two()
    frame = Look(heap, 3, T, workspace=CELL.workspace).frame(Look(heap, 3, T).depth(heap))
    grid = workspace_grid(frame, T, CELL.workspace)
    window = seen_window(T, CELL.workspace)
    low, high = grid.to_image((0, 0)), grid.to_image((grid.width - 1, grid.height - 1))
    assert window.left + 20 <= low[0] and window.top + 20 <= low[1]
    assert high[0] + 20 <= window.left + window.width and high[1] + 20 <= window.top + window.height
    assert window.width * window.height < 0.4 * 640 * 480
    assert all(v % 2 == 0 for v in (window.left, window.top, window.width, window.height))
    assert PixelWindow(2, 4, 6, 8).cut == (slice(4, 12), slice(2, 8))
