"""The Cornell grasping data: 885 pictures of single objects with hand-drawn grasp rectangles.

Format: `<root>/<01..10>/pcdNNNN{r.png, cpos.txt, cneg.txt, .txt}` (Jiang, Moseson, Saxena, ICRA 2011; Lenz, Lee,
Saxena, IJRR 2015), and pcdNNNNd.tiff, which GG-CNN's scripts (dougsm/ggcnn) make of the point cloud.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.cornell.cloud import read_cloud
from gpnet_ros.data.loaders.cornell.range import depth_of_range
from gpnet_ros.data.loaders.corner_file import read_corners
from gpnet_ros.data.loaders.reading import check_size, found_in, read_color, read_depth, read_lines
from gpnet_ros.data.loaders.tree import walked
from gpnet_ros.data.sample import Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles

CornellDepth = Literal["auto", "cloud", "tiff", "none"]

_FILE = re.compile(r"(pcd\d{4})(r\.png|cpos\.txt|cneg\.txt|d\.tiff|\.txt)")
_COLOR, _POSITIVE, _NEGATIVE, _TIFF, _CLOUD = "r.png", "cpos.txt", "cneg.txt", "d.tiff", ".txt"
_OBJECTS = "z.txt"
_FOLDERS_DEEP = 3


class Cornell:
    """Samples of the Cornell data, in any of the folder layouts that its copies have, complete or in part.

    p0 -> p1 of a rectangle is taken as the opening, p1 -> p2 as the plate, as in GG-CNN and GR-ConvNet. (The set's own
    description says plate of the first edge; the pictures say opening.) A scene is the object where the set's z.txt
    is there, which lists image, object and category, else the picture.
    """

    def __init__(self, root: Path, split: Path | None = None, depth: CornellDepth = "auto") -> None:
        """List the pictures under `root`.

        Args:
            root: folder that holds 01 to 10, or the pictures themselves.
            split: file of scene names.
            depth: "cloud" takes true depth, the camera model and the camera's pose over the robot from the point
                cloud. "auto" does so too, and where the cloud is missing estimates depth from d.tiff, whose values
                are distances from the robot's base; see `range.py`. "tiff" takes these values as they are, as
                published networks do. "none" leaves depth out. Where there is no source, depth is absent.

        Raises:
            BadInput: no pictures there, a bad split file, or an unknown `depth`.
        """
        if depth not in ("auto", "cloud", "tiff", "none"):
            raise BadInput(f"Depth {depth!r} of the Cornell data is unknown: choose auto, cloud, tiff or none.")
        self._root, self._depth = Path(root), depth
        files, mapping = _files(self._root)
        if not files:
            raise BadInput(
                f"No Cornell data in {root}: folders 01 to 10 with pcdNNNNr.png and pcdNNNNcpos.txt are expected "
                f"there, but {found_in(self._root)}."
            )
        objects = {} if mapping is None else _objects(mapping)
        self._files = [files[number] for number in sorted(files)]
        names = [_name(self._root, kinds) for kinds in self._files]
        scenes = [objects.get(number, name) for number, name in zip(sorted(files), names)]
        kept = keep_split(tuple(scenes), split)
        self._files = [self._files[i] for i in kept]
        self.names, self.scenes = tuple(names[i] for i in kept), tuple(scenes[i] for i in kept)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            BadInput: a file is missing, damaged or hostile; names the file.
        """
        kinds = self._files[index]
        if _COLOR not in kinds:
            some = next(iter(kinds.values()))
            missing = some.with_name(some.name[:7] + _COLOR)
            raise BadInput(f"{missing} is missing, but {some.name} is there: unpack the data set again.")
        color = read_color(kinds[_COLOR])
        depth, intrinsics, T_base_camera = self._read_depth(kinds, (color.shape[0], color.shape[1]))
        return Sample(
            self.names[index],
            self.scenes[index],
            Frame(color, depth, intrinsics),
            _rectangles(kinds.get(_POSITIVE)),
            _rectangles(kinds.get(_NEGATIVE)),
            T_base_camera=T_base_camera,
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        return [path for _, path in sorted(self._files[index].items())]

    def _read_depth(
        self, kinds: dict[str, Path], shape: tuple[int, int]
    ) -> tuple[NDArray[np.float32] | None, Intrinsics | None, Transform | None]:
        if self._depth in ("auto", "cloud") and _CLOUD in kinds:
            cloud = read_cloud(kinds[_CLOUD])
            check_size(kinds[_CLOUD], cloud.depth.shape, shape)
            return cloud.depth, cloud.intrinsics, cloud.T_base_camera
        if self._depth in ("auto", "tiff") and _TIFF in kinds:
            distance = read_depth(kinds[_TIFF], 1.0)
            check_size(kinds[_TIFF], distance.shape, shape)
            return distance if self._depth == "tiff" else depth_of_range(distance), None, None
        return None, None, None


def _files(root: Path) -> tuple[dict[str, dict[str, Path]], Path | None]:
    """Files of each picture by kind, and z.txt; where copies hold a picture twice, the folder of its first r.png."""
    found: dict[str, list[tuple[str, Path]]] = {}
    mapping = None
    for folder, _, names in walked(root, _FOLDERS_DEEP):
        for name in names:
            match = _FILE.fullmatch(name)
            if match:
                found.setdefault(match[1], []).append((match[2], folder / name))
            elif name == _OBJECTS and mapping is None:
                mapping = folder / name
    return {number: _one_each(entries) for number, entries in found.items()}, mapping


def _one_each(entries: list[tuple[str, Path]]) -> dict[str, Path]:
    home = next((path.parent for kind, path in entries if kind == _COLOR), entries[0][1].parent)
    kinds: dict[str, Path] = {}
    for kind, path in sorted(entries, key=lambda entry: (entry[1].parent != home, str(entry[1]))):
        kinds.setdefault(kind, path)
    return kinds


def _name(root: Path, kinds: dict[str, Path]) -> str:
    path = kinds.get(_COLOR, next(iter(kinds.values())))
    return path.with_name(path.name[:7]).relative_to(root).as_posix()


def _objects(path: Path) -> dict[str, str]:
    """Object of each picture ("pcd0100": "object 12") by the rows `image object category ...` of z.txt."""
    objects = {}
    for line in read_lines(path):
        words = line.split()
        if len(words) < 2 or not words[0].removeprefix("pcd").isdigit():
            raise BadInput(f"{path} has {line[:40]!r} where image, object and category belong: unpack it again.")
        objects[f"pcd{int(words[0].removeprefix('pcd')):04d}"] = f"object {words[1]}"
    return objects


def _rectangles(path: Path | None) -> Rectangles | None:
    if path is None:
        return None
    corners, left_out = read_corners(path)
    return Rectangles.from_corners(corners, opening_edge=0, left_out=left_out)
