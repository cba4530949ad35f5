"""OCID-Grasp: cluttered tables and floors with object masks and grasp rectangles.

Format: `<root>/<sequence>/{rgb, depth, label, seg_mask_instances_combi, seg_mask_labeled_combi}/<stem>.png`,
`Annotations/<stem>.txt`, `Annotations_per_class/<stem>/<class>/<stem>.txt` and `<root>/data_split/*.txt` (Ainetter and
Fraundorfer, ICRA 2021, stefan-ainetter/grasp_det_seg_cnn; the pictures are those of OCID, Suchi et al., ICRA 2019).
Rectangles have the plate first, p0 -> p1, and the opening second, p1 -> p2: the opposite of Cornell.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.corner_file import read_corners
from gpnet_ros.data.loaders.reading import (
    MILLIMETRE,
    check_size,
    found_in,
    metres,
    read_color,
    read_ids,
    read_lines,
    read_plane,
)
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles

#: Names by class id, of OCID_class_dict.py in stefan-ainetter/grasp_det_seg_cnn.
OCID_CLASSES = (
    *("background", "apple", "ball", "banana", "bell_pepper", "binder", "bowl", "cereal_box", "coffee_mug"),
    *("flashlight", "food_bag", "food_box", "food_can", "glue_stick", "hand_towel", "instant_noodles", "keyboard"),
    *("kleenex", "lemon", "lime", "marker", "orange", "peach", "pear", "potato", "shampoo", "soda_can", "sponge"),
    *("stapler", "tomato", "toothpaste", "unknown"),
)
_INSTANCES, _CLASSES, _LABELS = "seg_mask_instances_combi", "seg_mask_labeled_combi", "label"
_COMPANIONS = frozenset((_INSTANCES, _CLASSES, _LABELS, "Annotations", "Annotations_per_class"))
#: GraspNet-1Billion names the cameras' folders so, which hold rgb, depth and label too, with other ids.
_NOT_OURS = ("realsense", "kinect")
_OPENING_EDGE = 1


class Ocid:
    """Samples of OCID-Grasp, complete or in part. A scene is a sequence, in which object after object was added.

    The order of the additions hints at what lies on what, but does not say it, so relations are absent.
    """

    def __init__(self, root: Path, split: Path | None = None) -> None:
        """List the pictures under `root`.

        Args:
            root: folder OCID_grasp, one above it, or a part of it that holds sequences.
            split: file of sequences, or a published data_split file, whose lines `sequence,picture.png` choose single
                pictures; those split by picture, not by scene: use them for comparison with published figures only.

        Raises:
            BadInput: no pictures there, or a bad split file.
        """
        self._root = Path(root)
        pictures = _pictures(self._root)
        if not pictures:
            raise BadInput(
                f"No OCID-Grasp data in {root}: sequences such as ARID20/table/top/seq01 with folders rgb and "
                f"Annotations are expected there, but {found_in(self._root)}."
            )
        scenes = tuple(_scene(self._root, picture) for picture in pictures)
        published = None if split is None else _published(Path(split))
        if published is None:
            kept = keep_split(scenes, split)
        else:
            kept = _listed(published, scenes, pictures, Path(str(split)))
        self._pictures = [pictures[i] for i in kept]
        self.scenes = tuple(scenes[i] for i in kept)
        self.names = tuple(f"{scene}/{picture.stem}" for scene, picture in zip(self.scenes, self._pictures))

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture.

        Raises:
            BadInput: a file is missing, damaged or hostile; names the file.
        """
        picture, scene = self._pictures[index], self.scenes[index]
        sequence, stem = picture.parent.parent, picture.stem
        color = read_color(picture)
        depth = _optional(sequence / "depth" / picture.name)
        ids = _ids(sequence, picture.name)
        classes = _optional(sequence / _CLASSES / picture.name)
        for kind, plane in (("depth", depth), (_INSTANCES, ids), (_CLASSES, classes)):
            if plane is not None:
                check_size(sequence / kind / picture.name, plane.shape, color.shape)
        objects = None if ids is None else _objects(ids, classes)
        return Sample(
            self.names[index],
            scene,
            Frame(color, None if depth is None else metres(depth, MILLIMETRE)),
            _rectangles(sequence, stem, ids, classes),
            ids=ids,
            objects=objects,
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        sequence, picture = self._pictures[index].parent.parent, self._pictures[index]
        planes = [sequence / kind / picture.name for kind in ("rgb", "depth", _INSTANCES, _CLASSES, _LABELS)]
        by_class = sequence / "Annotations_per_class" / picture.stem
        return [*planes, sequence / "Annotations" / f"{picture.stem}.txt", *sorted(by_class.glob("*/*.txt"))]


def _pictures(root: Path) -> list[Path]:
    """Pictures of all folders rgb that stand beside masks or annotations."""
    found: list[Path] = []
    for folder, subfolders, _ in os.walk(root):
        subfolders.sort()
        if "rgb" in subfolders and _COMPANIONS.intersection(subfolders) and Path(folder).name not in _NOT_OURS:
            found.extend(sorted(Path(folder, "rgb").glob("*.png")))
            subfolders.clear()  # a sequence holds no sequences
    return found


def _scene(root: Path, picture: Path) -> str:
    sequence = picture.parent.parent
    return sequence.resolve().name if sequence == root else sequence.relative_to(root).as_posix()


def _published(split: Path) -> list[tuple[str, str]] | None:
    """Sequence and picture of each line of a data_split file; None if it is a file of scenes."""
    lines = read_lines(split)
    if not any("," in line for line in lines):
        return None
    pairs = [tuple(line.split(",")) for line in lines]
    for line, pair in zip(lines, pairs):
        if len(pair) != 2:
            raise BadInput(f"Split file {split} has {line[:60]!r} where 'sequence,picture.png' belongs: correct it.")
    return [(pair[0].strip().strip("/"), pair[1].strip()) for pair in pairs]


def _listed(wanted: list[tuple[str, str]], scenes: tuple[str, ...], pictures: list[Path], split: Path) -> list[int]:
    """Indices of the wanted pictures that are there: part of a data set goes with the published split of all."""
    places: dict[tuple[str, str], int] = {}
    for index, (scene, picture) in enumerate(zip(scenes, pictures)):
        parts = scene.split("/")  # the root may be above the folder that the split file starts at
        for start in range(len(parts)):
            places.setdefault(("/".join(parts[start:]), picture.name), index)
    kept = [places[pair] for pair in wanted if pair in places]
    if not kept:
        raise BadInput(
            f"Split file {split} names '{wanted[0][0]},{wanted[0][1]}' and others, of which none is in this data set: "
            "use the split file of this very data set."
        )
    return kept


def _optional(path: Path) -> NDArray[np.generic] | None:
    return read_plane(path) if path.is_file() else None


def _ids(sequence: Path, name: str) -> NDArray[np.int32] | None:
    """Visible masks; table, floor and support have no id."""
    if (sequence / _INSTANCES / name).is_file():
        return read_ids(sequence / _INSTANCES / name)
    if not (sequence / _LABELS / name).is_file():
        return None
    ids = read_ids(sequence / _LABELS / name)
    # OCID's labels count the floor or table as 1, and in its table sequences the table as 2.
    support = 2 if "table" in sequence.resolve().parts[-4:] else 1
    return np.where(ids <= support, 0, ids).astype(np.int32)


def _objects(ids: NDArray[np.int32], classes: NDArray[np.generic] | None) -> Objects:
    known = np.unique(ids[ids > 0]).astype(np.int64)
    if classes is None:
        return Objects(known)
    return Objects(known, tuple(_class_name(_class_of(ids, classes, i)) for i in known))


def _class_of(ids: NDArray[np.int32], classes: NDArray[np.generic], object_id: int) -> int:
    """Most frequent class among the pixels of an object."""
    return int(np.bincount(classes[ids == object_id].astype(np.int64)).argmax())


def _class_name(number: int) -> str:
    return OCID_CLASSES[number] if number < len(OCID_CLASSES) else f"class {number}"


def _rectangles(
    sequence: Path, stem: str, ids: NDArray[np.int32] | None, classes: NDArray[np.generic] | None
) -> Rectangles | None:
    """Grasps of a picture, with their objects where all are annotated by class; None if there is no annotation."""
    path, by_class = sequence / "Annotations" / f"{stem}.txt", sequence / "Annotations_per_class" / stem
    everything, left_out = read_corners(path) if path.is_file() else (None, {})
    if ids is not None and classes is not None and by_class.is_dir():
        parts = [_of_class(file, ids, classes) for file in sorted(by_class.glob("*/*.txt"))]
        corners = np.concatenate([np.empty((0, 4, 2)), *(corners for corners, _, _ in parts)])
        dropped = dict(sum((Counter(dropped) for _, _, dropped in parts), Counter()))
        if everything is None or len(corners) == len(everything):
            owners = np.concatenate([np.empty(0, dtype=np.int64), *(owners for _, owners, _ in parts)])
            return Rectangles.from_corners(corners, _OPENING_EDGE, object_id=owners, left_out=left_out or dropped)
    return None if everything is None else Rectangles.from_corners(everything, _OPENING_EDGE, left_out=left_out)


def _of_class(
    path: Path, ids: NDArray[np.int32], classes: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.int64], dict[str, int]]:
    """Corners of the grasps of one class, the object of the class nearest to each centre, and what was left out."""
    corners, left_out = read_corners(path)
    if not path.parent.name.isdigit():
        raise BadInput(f"{path.parent} is not named by a class number: unpack the data set again.")
    ours = (ids > 0) & (classes == int(path.parent.name))
    rows, columns = np.nonzero(ours if ours.any() else ids > 0)
    if not len(rows):
        raise BadInput(f"{path} has grasps, but there is no object in its picture: unpack the data set again.")
    places = np.stack([columns, rows], axis=-1)
    nearest = [int(np.argmin(np.sum((places - center) ** 2, axis=-1))) for center in corners.mean(axis=1)]
    return corners, np.array([ids[rows[i], columns[i]] for i in nearest], dtype=np.int64), left_out
