"""The Jacquard grasping data: rendered single objects with grasps that were tried in simulation.

Format: `<root>/<object>/<k>_<object>_{RGB.png, mask.png, perfect_depth.tiff, stereo_depth.tiff, grasps.txt}`, pictures
of 1024x1024, one grasp per line `x;y;theta;opening;jaw` in pixels and degrees, y towards the bottom of the picture
(Depierre, Dellandréa and Chen, IROS 2018, and the read-me of the data; dougsm/ggcnn reads it in jacquard_data.py). The
official archives unpack to Jacquard_Dataset_0 to 11, the sample archive to Samples; all may lie under the root.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.reading import check_size, found_in, read_color, read_depth, read_ids, read_lines
from gpnet_ros.data.loaders.sieve import NO_AREA, NOT_A_NUMBER, sieved
from gpnet_ros.data.loaders.tree import walked
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles

JacquardDepth = Literal["perfect", "stereo", "none"]

_COLOR, _MASK, _GRASPS = "_RGB.png", "_mask.png", "_grasps.txt"
_DEPTHS = {"perfect": "_perfect_depth.tiff", "stereo": "_stereo_depth.tiff"}
_ENDINGS = (_COLOR, _MASK, _GRASPS, *_DEPTHS.values())
_FOLDERS_DEEP = 4
_OBJECT_ID = 1  # of the one object in each picture


class Jacquard:
    """Samples of the Jacquard data, complete or in part; a scene is an object, so its views stay together.

    Each picture shows one object, hence its top level is known. Lines that repeat a grasp with other jaws are grasps of
    their own, in the order of the file.
    """

    def __init__(self, root: Path, split: Path | None = None, depth: JacquardDepth = "perfect") -> None:
        """List the views under `root`.

        Args:
            root: folder of the unpacked archives, or of one of them.
            split: file of scene names.
            depth: "perfect" is rendered, "stereo" was matched in a rendered pair and has holes, "none" leaves it out.

        Raises:
            BadInput: no views there, a bad split file, or an unknown `depth`.
        """
        if depth not in (*_DEPTHS, "none"):
            raise BadInput(f"Depth {depth!r} of the Jacquard data is unknown: choose perfect, stereo or none.")
        self._root, self._depth = Path(root), depth
        stems = _stems(self._root)
        if not stems:
            raise BadInput(
                f"No Jacquard data in {root}: object folders with N_<object>_RGB.png and N_<object>_grasps.txt are "
                f"expected there, but {found_in(self._root)}."
            )
        scenes = tuple(_object(stem) for stem in stems)
        kept = keep_split(scenes, split)
        self._stems = [stems[i] for i in kept]
        self.scenes = tuple(scenes[i] for i in kept)
        self.names = tuple(f"{_object(stem)}/{stem.name}" for stem in self._stems)

    def __len__(self) -> int:
        return len(self._stems)

    def __getitem__(self, index: int) -> Sample:
        """Read one view.

        Raises:
            BadInput: a file is missing, damaged or hostile; names the file.
        """
        stem = self._stems[index]
        color_path, depth_path = _file(stem, _COLOR), _file(stem, _DEPTHS.get(self._depth, ""))
        color = read_color(color_path) if color_path.is_file() else None
        depth = read_depth(depth_path, 1.0) if self._depth in _DEPTHS and depth_path.is_file() else None
        if color is None and depth is None:
            raise BadInput(f"{color_path} is missing, and there is no depth either: unpack the data set again.")
        frame = _frame(color, depth, depth_path)
        mask, grasps = _file(stem, _MASK), _file(stem, _GRASPS)
        return Sample(
            self.names[index],
            self.scenes[index],
            frame,
            _rectangles(grasps) if grasps.is_file() else None,
            ids=_mask(mask, frame.shape) if mask.is_file() else None,
            objects=Objects(np.array([_OBJECT_ID]), covered_by=np.zeros((1, 1), dtype=bool)),
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        return [_file(self._stems[index], ending) for ending in _ENDINGS]


def _frame(color: NDArray[np.uint8] | None, depth: NDArray[np.float32] | None, depth_path: Path) -> Frame:
    if color is not None and depth is not None:
        check_size(depth_path, depth.shape, color.shape)
    return Frame(color, depth)


def _mask(path: Path, shape: tuple[int, int]) -> NDArray[np.int32]:
    ids = read_ids(path)
    check_size(path, ids.shape, shape)
    return (ids > 0).astype(np.int32) * _OBJECT_ID


def _stems(root: Path) -> list[Path]:
    """Path of each view without the endings of its files, in order; a view that lies there twice counts once."""
    stems: dict[str, Path] = {}
    for folder, _, names in walked(root, _FOLDERS_DEEP):
        for name in names:
            for ending in _ENDINGS:
                stem = name.removesuffix(ending)
                if stem != name and stem.partition("_")[0].isdigit():
                    stems.setdefault(stem, folder / stem)
    return sorted(stems.values(), key=lambda stem: (_object(stem), int(stem.name.partition("_")[0])))


def _object(stem: Path) -> str:
    return stem.name.partition("_")[2]


def _file(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _rectangles(path: Path) -> Rectangles:
    rows = []
    for line in read_lines(path):
        try:
            row = [float(word) for word in line.rstrip(";").split(";")]
        except ValueError:
            row = []
        if len(row) != 5:
            raise BadInput(f"{path} has {line[:60]!r} where x;y;theta;opening;jaw belongs: unpack the data set again.")
        rows.append(row)
    values = np.array(rows, dtype=np.float64).reshape(-1, 5)
    faults = {
        NOT_A_NUMBER: np.asarray(~np.isfinite(values).all(axis=1)),
        NO_AREA: np.asarray(~(values[:, 3:] > 0).all(axis=1)),
    }
    keep, left_out = sieved(len(values), faults)
    values = values[keep]
    # theta turns clockwise in the picture, from +u towards +v, since y points down: no change of sign.
    angle = np.radians(values[:, 2])
    ids = np.full(len(values), _OBJECT_ID)
    return Rectangles(values[:, :2], angle, values[:, 3], values[:, 4], object_id=ids, left_out=left_out)
