"""GraspNet-1Billion, its planar half: pictures, masks and the rectangles that were projected from 6D grasps.

Format as read by the public graspnetAPI (graspnetAPI/graspnet.py, grasp.py; Fang, Wang, Gou and Lu, CVPR 2020):
scenes/scene_%04d/{realsense,kinect}/{rgb,depth,label}/%04d.png, rect/%04d.npy, camK.npy, camera_poses.npy,
cam0_wrt_table.npy. Depth is in millimetres, labels are object ids plus one. The rectangles come as a download of their
own (rect_labels/scene_%04d/<camera>/%04d.npy) that the API copies into the scenes; both places are read. meta/%04d.mat
is not: it repeats the camera and the unit, and SciPy's parser of such files crashes the process on damaged ones. The
set may not be used commercially.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from gpnet_ros.data.loaders.reading import MILLIMETRE, found_in, read_ids, read_npy, read_pair
from gpnet_ros.data.loaders.rigid import rigid
from gpnet_ros.data.loaders.sieve import NO_AREA, NOT_A_NUMBER, OFF_PICTURE, sieved
from gpnet_ros.data.loaders.tree import files_in, find_folders, name_of
from gpnet_ros.data.masks import shown_ids, visible_boxes
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles

CAMERAS = ("realsense", "kinect")
#: Camera models that graspnetAPI (utils/utils.py) projects with where a scene lacks its camK.npy; both 1280x720.
PUBLISHED_CAMERAS = {
    "realsense": Intrinsics(1280, 720, 927.17, 927.37, 651.32, 349.62),
    "kinect": Intrinsics(1280, 720, 631.55, 631.21, 638.43, 366.50),
}
#: Scene numbers of each official part.
OFFICIAL = {
    "train": range(100),
    "test_seen": range(100, 130),
    "test_similar": range(130, 160),
    "test_novel": range(160, 190),
}
_SCENE = re.compile(r"scene_\d{4}")
_COLUMNS = 7


class GraspNet:
    """Samples of GraspNet-1Billion; a name is scene/camera/picture, a split names scenes such as scene_0042.

    Args:
        root: the data set, its folder `scenes`, or one scene; what was not downloaded is absent in the samples.
        split: file of scene names; None for all that are there.
        camera: "realsense" or "kinect"; None for both.
        score_min: rectangles of at least this score, which is 1.1 minus the friction coefficient that suffices:
            0.7 keeps what holds with a friction of 0.4 (the API's own default); all are kept by default.

    Raises:
        BadInput: no scene is there, or an argument is wrong.
    """

    def __init__(
        self, root: Path | str, split: Path | None = None, camera: str | None = None, score_min: float = 0.0
    ) -> None:
        if camera is not None and camera not in CAMERAS:
            raise BadInput(f"Camera '{camera}' is not part of GraspNet: take one of {', '.join(CAMERAS)}, or none.")
        self._root, self._score_min = Path(root), score_min
        cameras = CAMERAS if camera is None else (camera,)
        found = find_folders(self._root, _is_scene)
        rows = [(scene, c, stem) for scene in found for c in cameras for stem in _pictures(scene / c)]
        if not rows:
            raise BadInput(
                f"{root} is no GraspNet-1Billion: expected scenes/scene_0000/{cameras[0]}/rgb/0000.png and so on, "
                f"but {found_in(self._root)}; name the folder that holds 'scenes'."
            )
        kept = keep_split(tuple(name_of(scene) for scene, _, _ in rows), split)
        self._rows = [rows[index] for index in kept]
        self.scenes = tuple(name_of(scene) for scene, _, _ in self._rows)
        self.names = tuple(f"{name_of(scene)}/{c}/{stem}" for scene, c, stem in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture.

        Raises:
            BadInput: a file is damaged or hostile; names it.
        """
        scene, camera, stem = self._rows[index]
        folder = scene / camera
        frame = _frame(folder, stem, camera)
        label = folder / "label" / f"{stem}.png"
        ids = read_ids(label) if label.is_file() else None
        if ids is not None and ids.shape != frame.shape:
            raise BadInput(f"{label} is of another size than its picture: the data set is damaged; unpack it again.")
        return Sample(
            name=self.names[index],
            scene=self.scenes[index],
            frame=frame,
            rectangles=self._rectangles(scene, camera, stem, frame.shape),
            ids=ids,
            objects=None if ids is None else Objects(shown_ids(ids), boxes=visible_boxes(ids, shown_ids(ids))),
            T_base_camera=_pose(folder, int(stem)),
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        scene, camera, stem = self._rows[index]
        images = [scene / camera / kind / f"{stem}.png" for kind in ("rgb", "depth", "label")]
        poses = [scene / camera / name for name in ("camK.npy", "cam0_wrt_table.npy", "camera_poses.npy")]
        return [*images, *poses, *self._rectangle_files(scene, camera, stem)]

    def official_splits(self) -> dict[str, tuple[str, ...]]:
        """Scenes of each official part (train, test_seen, test_similar, test_novel) that are here."""
        present = sorted(set(self.scenes))
        return {part: tuple(s for s in present if int(s[-4:]) in numbers) for part, numbers in OFFICIAL.items()}

    def _rectangle_files(self, scene: Path, camera: str, stem: str) -> list[Path]:
        """Where the rectangles of a picture may lie; the first that is there is read."""
        name = Path(name_of(scene)) / camera / f"{stem}.npy"
        above = (self._root, scene.parent, scene.parent.parent)
        return [scene / camera / "rect" / f"{stem}.npy", *(folder / "rect_labels" / name for folder in above)]

    def _rectangles(self, scene: Path, camera: str, stem: str, shape: tuple[int, int]) -> Rectangles | None:
        path = next((place for place in self._rectangle_files(scene, camera, stem) if place.is_file()), None)
        return None if path is None else _read_rectangles(path, shape, self._score_min)


def _is_scene(folder: Path) -> bool:
    if not _SCENE.fullmatch(name_of(folder)):
        return False
    return any((folder / camera / kind).is_dir() for camera in CAMERAS for kind in ("rgb", "depth"))


def _pictures(folder: Path) -> list[str]:
    """Four-digit numbers of the pictures that have colour or depth."""
    names = {name for kind in ("rgb", "depth") for name in files_in(folder / kind)}
    return sorted(name[:-4] for name in names if re.fullmatch(r"\d{4}\.png", name))


def _frame(folder: Path, stem: str, camera: str) -> Frame:
    rgb, range_ = folder / "rgb" / f"{stem}.png", folder / "depth" / f"{stem}.png"
    color, depth = read_pair(rgb, range_, MILLIMETRE)
    image = color if color is not None else depth
    assert image is not None  # _pictures lists what has one of the two
    return Frame(color, depth, _intrinsics(folder / "camK.npy", camera, image.shape[1], image.shape[0]))


def _intrinsics(path: Path, camera: str, width: int, height: int) -> Intrinsics | None:
    if not path.is_file():
        published = PUBLISHED_CAMERAS[camera]
        return published if (published.width, published.height) == (width, height) else None
    K = read_npy(path)
    usable = K.shape == (3, 3) and K.dtype.kind in "iuf" and bool(np.isfinite(K).all())
    if not usable or min(K[0, 0], K[1, 1]) <= 0:
        raise BadInput(f"{path} is no camera matrix, 3x3 with positive focal lengths: it is damaged; unpack it again.")
    return Intrinsics(width, height, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))


def _pose(folder: Path, number: int) -> Transform | None:
    """T_base_camera with the base on the table, z up: camera_poses are relative to the first picture's camera."""
    paths = folder / "cam0_wrt_table.npy", folder / "camera_poses.npy"
    if not all(path.is_file() for path in paths):
        return None
    first, poses = read_npy(paths[0]), read_npy(paths[1])
    if poses.ndim != 3 or number >= len(poses):
        raise BadInput(f"{paths[1]} has shape {poses.shape}, which holds no pose of picture {number}: it is damaged.")
    return rigid(first, 1.0, str(paths[0])) @ rigid(poses[number], 1.0, str(paths[1]))


def _read_rectangles(path: Path, shape: tuple[int, int], score_min: float) -> Rectangles:
    """Rectangles of rows center_x, center_y, open_x, open_y, height, score, object id.

    The open point is the middle of one pad, so the opening is twice its distance from the centre; the height is the
    pad. The first published rectangles lie partly outside the picture (graspnetAPI issue 33): they are left out, as
    are rows without area.
    """
    rows = read_npy(path)
    if rows.size == 0:
        return Rectangles.none()
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS or not np.issubdtype(rows.dtype, np.number):
        raise BadInput(f"{path} has shape {rows.shape}, but rows of {_COLUMNS} numbers belong there: it is damaged.")
    rows = rows.astype(np.float64)
    half = rows[:, 2:4] - rows[:, :2]
    opening = 2 * np.hypot(*half.T)
    inside = ((rows[:, :2] > -0.5) & (rows[:, :2] < np.array(shape[::-1]) - 0.5)).all(axis=1)
    faults = {
        NOT_A_NUMBER: ~(np.abs(rows) < 2**31).all(axis=1),  # finite, and no cast of it overflows
        OFF_PICTURE: ~inside,
        NO_AREA: ~((opening > 0) & (rows[:, 4] > 0)),
    }
    keep, left_out = sieved(len(rows), faults)
    keep &= rows[:, 5] >= score_min
    rows, half, opening = rows[keep], half[keep], opening[keep]
    object_id = np.rint(rows[:, 6]).astype(np.int64) + 1
    return Rectangles(
        rows[:, :2],
        np.arctan2(half[:, 1], half[:, 0]),
        opening,
        rows[:, 4],
        score=rows[:, 5],
        object_id=object_id if (object_id > 0).all() else None,  # -1 says that it was not recorded
        left_out=left_out,
    )
