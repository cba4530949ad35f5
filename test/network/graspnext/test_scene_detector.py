"""Frame to detections: where the network looks, and that what it sees comes back in the frame's pixels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from gpnet_ros.detection_pictures import detection_panels  # noqa: E402
from gpnet_ros.detections import heat_peaks  # noqa: E402
from gpnet_ros.errors import BadInput  # noqa: E402
from gpnet_ros.frame import Frame  # noqa: E402
from gpnet_ros.maps import Grid  # noqa: E402
from gpnet_ros.network.graspnext.detector import MARGIN, SceneDetector, whole_square, widened  # noqa: E402
from gpnet_ros.network.graspnext.network import SeenObjects  # noqa: E402

SIDE = 64
#: Pixels of the frame at which the fake network's object lies: u0, v0, u1, v1.
PLACE = (60, 40, 84, 56)


class Paints(torch.nn.Module):
    """Stands for a network: sees one object where the image is white, and its heat there."""

    architecture = None

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.given = torch.zeros(0)

    def see(self, images):
        self.given = images
        white = images[0].amin(0) > 0.5
        rows, columns = torch.nonzero(white, as_tuple=True)
        low, high = torch.stack([columns, rows]).amin(1), torch.stack([columns, rows]).amax(1) + 1
        box = torch.stack([*low, *high]).float()[None]
        heat = white.float()[2::4, 2::4]
        full = torch.ones(1, 28, 28)
        return [SeenObjects(box, torch.tensor([0.9]), full, full, torch.tensor([0.2]), heat, heat)]


def frame(size: tuple[int, int] = (96, 128)) -> Frame:
    color = np.zeros((*size, 3), np.uint8)
    color[PLACE[1] : PLACE[3], PLACE[0] : PLACE[2]] = 255
    return Frame(color=color, depth=None, intrinsics=None, stamp=1.5, frame_id="camera")


def overlap(one, other) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return shared / (sum(areas) - shared)


def square_of(centre: tuple[float, float], extent: float) -> Grid:
    scale = 224 / extent
    return Grid(224, 224, scale, (centre[0] - 111.5 / scale, centre[1] - 111.5 / scale))


@pytest.mark.parametrize("grid", [None, lambda _: square_of((72, 48), 50), lambda _: square_of((60, 40), 70)])
def test_an_object_comes_back_where_it_is(grid):
    seen = SceneDetector(Paints(), SIDE, grid)(frame())
    assert overlap(seen.boxes[0], np.array(PLACE, float)) > 0.8
    rows, columns = np.nonzero(seen.visible[0])
    assert abs(columns.mean() - 71.5) < 1.5 and abs(rows.mean() - 47.5) < 1.5
    assert seen.mass[47, 71] > 0.9 and seen.stamp == 1.5 and seen.frame_id == "camera"
    peaks, _ = heat_peaks(seen.suction, 100, 0.9)
    assert len(peaks) and all(PLACE[0] - 2 <= u <= PLACE[2] + 1 for u, _ in peaks)


def test_nearer_an_object_is_larger_in_what_the_network_gets():
    far, near = Paints(), Paints()
    SceneDetector(far, SIDE)(frame())
    SceneDetector(near, SIDE, lambda _: square_of((72, 48), 40))(frame())
    assert (near.given > 0.5).sum() > 4 * (far.given > 0.5).sum()


def test_where_the_network_did_not_look_nothing_is_claimed():
    seen = SceneDetector(Paints(), SIDE, lambda _: square_of((72, 48), 50))(frame())
    half = 25 * (1 + 2 * MARGIN)
    u, v = np.meshgrid(np.arange(128), np.arange(96))
    outside = (np.abs(u - 72) > half + 1) | (np.abs(v - 48) > half + 1)
    assert np.isnan(seen.mass[outside]).all() and np.isnan(seen.suction[outside]).all()
    assert not seen.visible[:, outside].any() and not seen.amodal[:, outside].any()
    inside = (np.abs(u - 72) < half - 1) & (np.abs(v - 48) < half - 1)
    assert np.isfinite(seen.mass[inside]).all()
    assert np.isfinite(SceneDetector(Paints(), SIDE)(frame()).mass).all()
    assert all(panel.shape == (96, 128, 3) for panel in detection_panels(frame().color, seen).values())


def test_the_widened_square_has_its_margin_on_each_edge():
    inner, outer = square_of((72, 48), 50), widened(square_of((72, 48), 50), SIDE)
    low, high = outer.to_image((-0.5, -0.5)), outer.to_image((SIDE - 0.5, SIDE - 0.5))
    assert np.allclose(low, inner.to_image((-0.5, -0.5)) - 50 * MARGIN)
    assert np.allclose(high, inner.to_image((223.5, 223.5)) + 50 * MARGIN)


def test_the_whole_square_shows_the_longer_side():
    grid = whole_square(128, 96, SIDE)
    assert np.allclose(grid.to_image((-0.5, -0.5)), -0.5)
    assert np.allclose(grid.to_image((SIDE - 0.5, SIDE - 0.5)), 127.5)


def test_a_frame_without_colour_is_refused():
    bare = Frame(color=None, depth=np.ones((8, 8), np.float32), intrinsics=None, stamp=0.0, frame_id="")
    with pytest.raises(BadInput, match="no colour"):
        SceneDetector(Paints(), SIDE)(bare)
