"""REGRAD, the data set GP-Net was trained on, in both published trees (Zhang et al., RA-L 2022).

Formats as written and read by the public repository poisonwine/REGRAD (README.md, Relation_generation and
Grasp_detection) and by the loader of the public Visual Manipulation Relationship Network (datasets/regrad.py):

- V1: <split>/<scene>/{mrt.json, <view>/{rgb.jpg, depth.png, info.json, camera_info.json}}, and apart from it
  2D_Grasp/<split>/<scene>/<view>/<view>.json.
- V2: <split>/{RGBImages, DepthImages, SegmentationImages}/<scene>_<view>.{jpg,png} and mrts.json; no grasps. Its
  objects.json (gigabytes) is not read: names, ids and relations are in mrts.json, masks in the pictures.

The set has no licence and is handed out by its authors.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.data.loaders.reading import MILLIMETRE, found_in, read_ids, read_json, read_pair
from gpnet_ros.data.loaders.regrad.labels import Labels, read_grasps, read_info, read_intrinsics, read_relations
from gpnet_ros.data.loaders.tree import by_number, files_in, find_folders, folders_in, name_of
from gpnet_ros.data.masks import shown_ids, visible_boxes
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform, look_at

SPLITS = ("train", "seen_valid", "unseen_valid", "seen_test", "unseen_test", "test")
#: Nothing of a scene is farther from its camera [m]: it hangs 1.6 m above a table of 1 m; what is, is the background,
#: whose distance overflows the 16 bits.
_DEPTH_MAX = 5.0
#: Blender_Renderer.py renders every picture with this camera.
PUBLISHED_CAMERA = Intrinsics(1280, 960, 1791.3843994140625, 1791.3843994140625, 640.0, 480.0)
#: Where the cameras of views 1 to 9 stand and where they look [m], z up, the table's top at 0.5 (same file).
_EYES = ((0.8, 0), (0.8, -0.8), (0.8, 0.8), (-0.8, 0), (-0.8, 0.8), (-0.8, -0.8), (0, -0.8), (0, 0), (0, 0.8))
_AIMS = (
    (-0.15, 0),
    (-0.15, 0.15),
    (-0.15, -0.15),
    (0.15, 0),
    (0.15, -0.15),
    (0.15, 0.15),
    (0, 0.15),
    (0, 0),
    (0, -0.15),
)
_EYE_HEIGHT = 2.1
_TABLE = 255
_GRASPS = ("2D_Grasp", "3D_Grasp")
_SCENE = re.compile(r"\d{3,6}").fullmatch


@dataclass(frozen=True)
class _View:
    """One picture: `place` is the scene's folder (V1) or the split's (V2)."""

    scene: str
    number: int
    place: Path
    version: int


class Regrad:
    """Samples of REGRAD; a name is split/scene/view, a split file names scenes such as train/00001.

    Objects that a view does not show keep their relations; their boxes are NaN. Relations: REGRAD's parent is what an
    object rests on, so it is taken later.

    Args:
        root: the data set, its relation part, one split, or one scene; either tree, or both side by side.
        split: file of scene names; None for all that are there.
        grasps: folder 2D_Grasp if it is not below `root`.
        vertical_min: grasps of at least this vertical score, which is 1 - tilt / 180 degrees and so never below 0.5:
            0.8333 keeps tilts up to 30 degrees; the README's threshold of 0.5, and the default, keep all.

    Raises:
        BadInput: no picture is there.
    """

    def __init__(
        self, root: Path | str, split: Path | None = None, grasps: Path | None = None, vertical_min: float = 0.0
    ) -> None:
        self._root, self._vertical_min = Path(root), vertical_min
        views = _views(self._root)
        if not views:
            raise BadInput(
                f"{root} is no REGRAD: expected train/00001/1/rgb.jpg (V1) or train/RGBImages/00001_1.jpg (V2), "
                f"but {found_in(self._root)}; name the folder that holds the splits."
            )
        self._views = [views[index] for index in keep_split(tuple(view.scene for view in views), split)]
        self.scenes = tuple(view.scene for view in self._views)
        self.names = tuple(f"{view.scene}/{view.number}" for view in self._views)
        self._grasps = _grasp_folders(Path(grasps) if grasps is not None else self._root)

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture.

        Raises:
            BadInput: a file is damaged or hostile; names it.
        """
        view = self._views[index]
        read = _read_v1 if view.version == 1 else _read_v2
        frame, labels = read(view)
        path = next((place for place in self._grasp_files(view) if place.is_file()), None)
        known = None if labels is None else set(labels.names)
        return Sample(
            name=self.names[index],
            scene=view.scene,
            frame=frame,
            rectangles=None if path is None else read_grasps(path, known, self._vertical_min),
            ids=None if labels is None else labels.ids,
            objects=None if labels is None else _objects(labels),
            T_base_camera=_pose(view.number, frame),
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        view = self._views[index]
        if view.version == 1:
            folder = view.place / str(view.number)
            own = [folder / name for name in ("rgb.jpg", "depth.png", "camera_info.json", "info.json")]
            return [*own, view.place / "mrt.json", *self._grasp_files(view)]
        return [*_pictures_of(view), view.place / "mrts.json"]

    def official_splits(self) -> dict[str, tuple[str, ...]]:
        """Scenes of each official part (train, seen_valid, ...) that are here."""
        present = dict.fromkeys(self.scenes)
        return {part: tuple(s for s in present if s.startswith(f"{part}/")) for part in SPLITS}

    def _grasp_files(self, view: _View) -> list[Path]:
        """Where the grasps of a view may lie; the first that is there is read."""
        if view.version != 1:
            return []
        part, _, scene = view.scene.rpartition("/")
        number = str(view.number)
        tails = [Path(scene) / number / f"{number}.json", Path(scene) / f"{number}.json"]
        # A folder without the split's name is only trusted where the set has one split: scenes repeat across them.
        heads = [folder / part for folder in self._grasps]
        if len({name.rpartition("/")[0] for name in self.scenes}) == 1:
            heads += self._grasps
        return [head / tail for head in heads for tail in tails] + [view.place / number / f"{number}.json"]


def _views(root: Path) -> list[_View]:
    views = []
    for folder in find_folders(root, _holds_views, enter=lambda folder: folder.name not in _GRASPS, depth=5):
        part = _part(folder)
        if _is_split_v2(folder):
            views += [_View(part + scene, number, folder, 2) for scene, number in _pictures_v2(folder)]
        else:
            scene = part + name_of(folder)
            views += [_View(scene, int(sub.name), folder, 1) for sub in folders_in(folder) if _is_view(sub)]
    return views


def _part(folder: Path) -> str:
    """The split that a folder belongs to, with a slash: the nearest folder above, or itself, that has such a name."""
    parts = Path(os.path.abspath(folder)).parts
    return next((f"{name}/" for name in reversed(parts) if name in SPLITS), "")


def _holds_views(folder: Path) -> bool:
    return _is_split_v2(folder) or _is_scene(folder)


def _is_split_v2(folder: Path) -> bool:
    return (folder / "RGBImages").is_dir() or (folder / "DepthImages").is_dir()


def _is_scene(folder: Path) -> bool:
    if not _SCENE(name_of(folder)):
        return False
    return any(_is_view(sub) for sub in folders_in(folder))


def _is_view(folder: Path) -> bool:
    return re.fullmatch(r"[1-9]", folder.name) is not None and (
        (folder / "rgb.jpg").is_file() or (folder / "depth.png").is_file()
    )


def _pictures_v2(folder: Path) -> list[tuple[str, int]]:
    names = {name for sub in ("RGBImages", "DepthImages") for name in files_in(folder / sub)}
    matches = [re.fullmatch(r"(\d+)_([1-9])\.(?:jpg|png)", name) for name in sorted(names, key=by_number)]
    return list(dict.fromkeys((match[1], int(match[2])) for match in matches if match))


def _grasp_folders(root: Path) -> list[Path]:
    found = find_folders(root, lambda folder: folder.name == _GRASPS[0], enter=lambda folder: not _SCENE(folder.name))
    return found or [root]


def _read_v1(view: _View) -> tuple[Frame, Labels | None]:
    folder = view.place / str(view.number)
    frame = _frame(folder / "rgb.jpg", folder / "depth.png", folder / "camera_info.json")
    tree = view.place / "mrt.json"
    relations = read_relations(read_json(tree), tree) if tree.is_file() else None
    info = folder / "info.json"  # segment.jpg holds the ids too, but JPEG does not keep them
    if not info.is_file():
        return frame, None if relations is None else Labels(None, dict(relations.names), relations)
    return frame, read_info(read_json(info), info, frame.shape, relations)


def _pictures_of(view: _View) -> tuple[Path, Path, Path]:
    """Colour, depth and masks of a view of V2."""
    stem = f"{view.scene.rpartition('/')[2]}_{view.number}"
    kinds = (("RGBImages", "jpg"), ("DepthImages", "png"), ("SegmentationImages", "png"))
    rgb, depth, masks = (view.place / folder / f"{stem}.{ending}" for folder, ending in kinds)
    return rgb, depth, masks


def _read_v2(view: _View) -> tuple[Frame, Labels | None]:
    scene = view.scene.rpartition("/")[2]
    rgb, depth, path = _pictures_of(view)
    frame = _frame(rgb, depth, None)
    tree = view.place / "mrts.json"
    scenes = _json_once(tree, tree.stat().st_mtime_ns) if tree.is_file() else {}
    if not isinstance(scenes, dict):
        raise BadInput(f"{tree} is no table of scenes: the file is damaged; unpack the data set again.")
    relations = read_relations(scenes[scene], tree) if scene in scenes else None
    names = {} if relations is None else dict(relations.names)
    if not path.is_file():
        return frame, None if relations is None else Labels(None, names, relations)
    ids = read_ids(path)
    if ids.shape != frame.shape:
        raise BadInput(f"{path} is of another size than its picture: the data set is damaged; unpack it again.")
    ids = np.where(ids == _TABLE, 0, ids).astype(np.int32)
    shown = shown_ids(ids).tolist()
    if relations is not None and not set(shown) <= set(names):
        raise BadInput(f"{path} shows the objects {shown}, but the relations of the scene know {sorted(names)}.")
    return frame, Labels(ids, dict.fromkeys(shown, "") | names, relations)


@lru_cache(maxsize=8)
def _json_once(path: Path, _changed: int) -> Any:
    """The relations of all scenes of a split: tens of megabytes that every view needs a line of."""
    return read_json(path)


def _frame(rgb: Path, range_: Path, camera: Path | None) -> Frame:
    color, depth = read_pair(rgb, range_, MILLIMETRE)
    if depth is not None:
        depth = np.where(depth > _DEPTH_MAX, np.float32(np.nan), depth)
    image = color if color is not None else depth
    assert image is not None  # a view is only listed if it has one of the two
    height, width = image.shape[:2]
    if camera is not None and camera.is_file():
        return Frame(color, depth, read_intrinsics(read_json(camera), camera, width, height))
    same = (PUBLISHED_CAMERA.width, PUBLISHED_CAMERA.height) == (width, height)
    return Frame(color, depth, PUBLISHED_CAMERA if same else None)


def _objects(labels: Labels) -> Objects:
    known = np.array(sorted(labels.names), dtype=np.int64)
    category = tuple(labels.names[k] for k in known.tolist())
    relations = labels.relations
    return Objects(
        known,
        category=category if all(category) else None,
        boxes=None if labels.ids is None else visible_boxes(labels.ids, known),
        covered_by=None if relations is None else relations.covered_by(known),
    )


def _pose(view: int, frame: Frame) -> Transform | None:
    """T_base_camera of a view, from the list that the renderer and the authors' own projection use.

    The extrinsic of camera_info.json is not used: it is read from Blender before the new place takes effect.
    """
    published = PUBLISHED_CAMERA
    if frame.intrinsics is None or abs(frame.intrinsics.fx - published.fx) > 1 or frame.shape != (960, 1280):
        return None
    eye, aim = np.array([*_EYES[view - 1], _EYE_HEIGHT]), np.array([*_AIMS[view - 1], 0.0])
    right = np.cross(aim - eye, (0.0, 0.0, 1.0))
    return look_at(eye, aim, right if np.linalg.norm(right) > 1e-6 else (1.0, 0.0, 0.0))
