"""VMRD, the visual manipulation relationship data: piles of objects with what lies on what, and grasps.

Format: `<root>/{JPEGImages/<id>.jpg, Annotations/<id>.xml, Grasps/<id>.txt, ImageSets/Main/*.txt}`, colour only (Zhang
et al., "Visual manipulation relationship network", IROS 2018, and "A multi-task convolutional neural network for
autonomous robotic grasping in object stacking scenes", IROS 2019; the authors' VMRN reads it in datasets/vmrd.py).
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.corner_file import corner_faults
from gpnet_ros.data.loaders.reading import found_in, read_color, read_lines, read_xml
from gpnet_ros.data.loaders.sieve import NOT_A_NUMBER, sieved
from gpnet_ros.data.loaders.tree import walked
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles

_PICTURES, _ANNOTATIONS, _GRASPS = "JPEGImages", "Annotations", "Grasps"
_FOLDERS_DEEP = 3


class Vmrd:
    """Samples of VMRD, complete or in part; a scene is a picture, and ImageSets/Main/*.txt are its split files.

    Relations and grasps were annotated by hand and the authors admit errors: a relation or a grasp of an object that
    the picture's annotation lacks is left out.
    """

    def __init__(self, root: Path, split: Path | None = None) -> None:
        """List the pictures under `root`.

        Args:
            root: folder vmrdcompv1, or one above it.
            split: file of picture names, such as ImageSets/Main/test.txt.

        Raises:
            BadInput: no pictures there, or a bad split file.
        """
        base = _base(Path(root))
        if base is None:
            raise BadInput(
                f"No VMRD data in {root}: folders JPEGImages, Annotations and Grasps are expected there, but "
                f"{found_in(Path(root))}."
            )
        self._base = base
        names = tuple(sorted(path.stem for path in (base / _PICTURES).glob("*.jpg")))
        if not names:
            raise BadInput(
                f"No pictures (*.jpg) in {base / _PICTURES}, {found_in(base / _PICTURES)}: unpack VMRD again."
            )
        self.names = self.scenes = tuple(names[i] for i in keep_split(names, split))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture.

        Raises:
            BadInput: a file is missing, damaged or hostile; names the file.
        """
        name = self.names[index]
        color = read_color(self._base / _PICTURES / f"{name}.jpg")
        annotation, grasps = self._base / _ANNOTATIONS / f"{name}.xml", self._base / _GRASPS / f"{name}.txt"
        objects = _objects(annotation) if annotation.is_file() else None
        rectangles = _rectangles(grasps, objects) if grasps.is_file() else None
        return Sample(name, name, Frame(color, None), rectangles, objects=objects)

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        folders = ((_PICTURES, "jpg"), (_ANNOTATIONS, "xml"), (_GRASPS, "txt"))
        return [self._base / folder / f"{self.names[index]}.{ending}" for folder, ending in folders]


def _base(root: Path) -> Path | None:
    return next((folder for folder, inside, _ in walked(root, _FOLDERS_DEEP) if _PICTURES in inside), None)


def _objects(path: Path) -> Objects:
    """Objects of a picture in the order of the file."""
    nodes = read_xml(path).findall("object")
    ids = [_number(node, "index", path) for node in nodes]
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        raise BadInput(f"{path} numbers its objects {ids}, but each needs a number of its own from 1 on: correct it.")
    # Boxes are 1-based and include their last pixel; ours are edges from 0 on, so only the first corner moves.
    edges = [[_number(node, f"bndbox/{key}", path) for key in ("xmin", "ymin", "xmax", "ymax")] for node in nodes]
    boxes = np.array(edges, dtype=np.float64).reshape(-1, 4) - (1, 1, 0, 0)
    category = tuple((node.findtext("name") or "").strip().lower() for node in nodes)
    return Objects(np.array(ids, dtype=np.int64), category, boxes, covered_by=_covered_by(nodes, ids, path))


def _covered_by(nodes: list[ElementTree.Element], ids: list[int], path: Path) -> NDArray[np.bool_]:
    """[i, j]: j lies on i. VMRD's children of an object lie on it, its father lies below and is taken after it."""
    row = {number: i for i, number in enumerate(ids)}
    covered = np.zeros((len(ids), len(ids)), dtype=bool)
    for node, number in zip(nodes, ids):
        for kin, below in (("children", True), ("father", False)):
            for other in (_integer(element.text, path) for element in node.findall(f"{kin}/num")):
                if other in row and other != number:
                    lower, upper = (row[number], row[other]) if below else (row[other], row[number])
                    covered[lower, upper] = True
    return covered


def _number(node: ElementTree.Element, key: str, path: Path) -> int:
    text = node.findtext(key)
    if text is None:
        raise BadInput(f"{path} has an object without {key}: the file is damaged; unpack the data set again.")
    return _integer(text, path)


def _integer(text: str | None, path: Path) -> int:
    try:
        return round(float(text or ""))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{path} has {str(text)[:40]!r} where a number belongs: unpack the data set again.") from error


def _rectangles(path: Path, objects: Objects | None) -> Rectangles:
    """Grasps of lines `x1 y1 x2 y2 x3 y3 x4 y4 object [easy or hard]`; the first edge is the opening."""
    rows = []
    for line in read_lines(path):
        words = line.split()
        try:
            rows.append([float(word) for word in words[:9]])
        except ValueError:
            rows.append([])
        if len(rows[-1]) != 9:
            raise BadInput(f"{path} has {line[:60]!r} where eight coordinates and an object belong: unpack it again.")
    values = np.array(rows, dtype=np.float64).reshape(-1, 9)
    faults = {
        NOT_A_NUMBER: np.asarray(~np.isfinite(values).all(axis=1)),
        **corner_faults(values[:, :8].reshape(-1, 4, 2)),
    }
    if objects is not None:
        faults["of an object that the picture does not list"] = ~np.isin(np.rint(values[:, 8]), objects.ids)
    keep, left_out = sieved(len(values), faults)
    corners, owners = values[keep, :8].reshape(-1, 4, 2), np.rint(values[keep, 8]).astype(np.int64)
    return Rectangles.from_corners(corners, opening_edge=0, object_id=owners, left_out=left_out)
