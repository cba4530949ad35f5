"""MetaGraspNet V1 and V2, simulated and real: bins seen from many sides, with who covers whom.

Format as described and read by the public repository maximiliangilles/MetaGraspNet (README.md, Scripts/visualize_2d.py,
colored_pcl.py, visualize_layout.py; Gilles et al., CASE 2022 and T-ASE 2023): folders scene<name> with, per view v,
v_rgb.png, v.npz, v_scene.hdf5, v_camera_params.json, v_order.csv or v_order.json, and of real scenes v_grasps.npz and
v_amodal.npz. All lengths are in centimetres; depth is in v.npz, v_depth.png is a preview. The set may be used for
academic purposes only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.hdf5 import read_hdf5
from gpnet_ros.data.loaders.metagraspnet import grasps, labels
from gpnet_ros.data.loaders.metagraspnet.labels import is_camera
from gpnet_ros.data.loaders.reading import found_in, metres, read_color, read_npz
from gpnet_ros.data.loaders.rigid import rigid
from gpnet_ros.data.loaders.tree import files_in, find_folders, name_of
from gpnet_ros.data.masks import mask_boxes, shown_ids, visible_boxes
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform

_PICTURE = re.compile(r"(\d{1,9})(?:_rgb\.png|\.npz)")
_NPZ = ("depth", "instances_objects", "instances_semantic", "occlusion", "seg_masks_single", "occlusion_objects")
_POSES = ("camera/pose_relative_to_world", "camera/poses_relative_to_world")  # as the files say, and as the README


class MetaGraspNet:
    """Samples of MetaGraspNet; a name is scene/view, a scene is its folder as seen from `root`.

    Relations: the set's parents lie on top, and so are taken first; -1 in order.csv says that the row's object is
    covered by the column's. Rectangles: of real scenes as drawn by people; of simulated ones the grasps whose approach
    is within 8 degrees of the optical axis, as the authors advise (issue 25 of their repository).

    Args:
        root: the data set, dataset_sim, dataset_real, or one scene; what is not there is absent in the samples.
        split: file of scene names; None for all that are there.
        score_min: a grasp of a simulated scene is a rectangle if its score is at least this; it is a negative if its
            score is 0, which says that it never held.

    Raises:
        BadInput: no scene is there.
    """

    def __init__(self, root: Path | str, split: Path | None = None, score_min: float = 0.5) -> None:
        self._root, self._score_min = Path(root), score_min
        rows = [(scene, view) for scene in find_folders(self._root, _is_scene) for view in _views(scene)]
        if not rows:
            raise BadInput(
                f"{root} is no MetaGraspNet: expected dataset_sim/scene0/0_rgb.png with 0.npz and so on, "
                f"but {found_in(self._root)}; name the folder that holds the scenes."
            )
        names = [_scene_name(self._root, folder) for folder, _ in rows]
        kept = keep_split(tuple(names), split)
        self._rows = [rows[index] for index in kept]
        self.scenes = tuple(names[index] for index in kept)
        self.names = tuple(f"{names[index]}/{rows[index][1]}" for index in kept)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one view.

        Raises:
            BadInput: a file is damaged or hostile; names it.
        """
        folder, view = self._rows[index]
        arrays = _npz(folder / f"{view}.npz", _NPZ)
        frame = _frame(folder, view, arrays)
        ids = _whole(arrays.get("instances_objects"), folder / f"{view}.npz", frame.shape)
        poses = _hdf5(folder / f"{view}_scene.hdf5")
        drawn = _npz(folder / f"{view}_grasps.npz", ("suction_bitmap", "parallel_jaw_2d"))
        rows = grasps.matched(poses, folder / f"{view}_scene.hdf5", frame, ids)
        rectangles, negatives = grasps.projected(poses, folder / f"{view}_scene.hdf5", frame, rows, self._score_min)
        if "parallel_jaw_2d" in drawn:
            lines = drawn["parallel_jaw_2d"]
            rectangles, negatives = grasps.drawn(lines, folder / f"{view}_grasps.npz", frame, ids), None
        return Sample(
            name=self.names[index],
            scene=self.scenes[index],
            frame=frame,
            rectangles=rectangles,
            negatives=negatives,
            ids=ids,
            objects=_objects(folder, view, arrays, frame, ids, poses, rows),
            suction=_suction(drawn.get("suction_bitmap"), folder / f"{view}_grasps.npz", frame.shape),
            T_base_camera=_pose(poses, folder / f"{view}_scene.hdf5"),
        )

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        folder, view = self._rows[index]
        names = (name for name in files_in(folder) if name.startswith((f"{view}_", f"{view}.")) or is_camera(name))
        return [folder / name for name in names]


def _is_scene(folder: Path) -> bool:
    return name_of(folder).startswith("scene") and bool(_views(folder))


def _views(folder: Path) -> list[str]:
    matches = [_PICTURE.fullmatch(name) for name in files_in(folder)]
    return sorted({match[1] for match in matches if match}, key=int)


def _scene_name(root: Path, folder: Path) -> str:
    return name_of(folder) if folder == root else folder.relative_to(root).as_posix()


def _npz(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return read_npz(path, names) if path.is_file() else {}


def _hdf5(path: Path) -> dict[str, NDArray[Any]]:
    return read_hdf5(path, (*_POSES, *grasps.NAMES)) if path.is_file() else {}


def _frame(folder: Path, view: str, arrays: dict[str, NDArray[Any]]) -> Frame:
    path = folder / f"{view}_rgb.png"
    color = read_color(path) if path.is_file() else None
    raw = arrays.get("depth")
    if raw is not None and (raw.ndim != 2 or raw.dtype.kind not in "iuf"):
        raise BadInput(f"{folder / (view + '.npz')} holds depth of shape {raw.shape}: (H, W) numbers belong there.")
    depth = None if raw is None else metres(raw, grasps.CENTIMETRE)
    if color is not None and depth is not None and color.shape[:2] != depth.shape:
        raise BadInput(f"{path} is of another size than the depth in {view}.npz: unpack the data set again.")
    image = color if color is not None else depth
    if image is None:
        raise BadInput(f"{folder} has neither {view}_rgb.png nor depth in {view}.npz: unpack the data set again.")
    return Frame(color, depth, labels.read_camera(folder, view, image.shape[1], image.shape[0]))


def _whole(values: NDArray[Any] | None, path: Path, shape: tuple[int, int]) -> NDArray[np.int32] | None:
    """Ids (H, W) that files store as floats."""
    if values is None:
        return None
    usable = values.shape == shape and values.dtype.kind in "biuf"
    if not usable or not ((values >= 0) & (values < 2**31) & (values % 1 == 0)).all():
        raise BadInput(f"{path} holds instances_objects that are not whole numbers of {shape}: it is damaged.")
    return values.astype(np.int32)


def _objects(
    folder: Path,
    view: str,
    arrays: dict[str, NDArray[Any]],
    frame: Frame,
    ids: NDArray[np.int32] | None,
    poses: dict[str, NDArray[Any]],
    rows: dict[int, int] | None,
) -> Objects | None:
    order = labels.read_order(folder / f"{view}_order.json", folder / f"{view}_order.csv")
    shown = [] if ids is None else shown_ids(ids).tolist()
    known = np.array(sorted(set(shown) | set(() if order is None else order.above)), dtype=np.int64)
    if ids is None and order is None:
        return None
    if order is not None and not set(shown) <= set(order.above):
        order = None  # it does not speak of all objects: who is on top of the others is not known
    masks = None
    if ids is not None:
        real = _npz(folder / f"{view}_amodal.npz", ("amodal_bitmaps_full_size_instances",))
        masks = labels.amodal_masks(arrays | real, ids, known, folder / f"{view}.npz")
    return Objects(
        known,
        category=None if ids is None else labels.categories(arrays.get("instances_semantic"), ids, known),
        boxes=None if ids is None else visible_boxes(ids, known),
        amodal_boxes=None if masks is None else mask_boxes(masks),
        amodal_masks=masks,
        occlusion=labels.hidden_shares(order, masks, arrays.get("occlusion"), ids, known),
        center_of_mass=grasps.centers_of_mass(poses, folder / f"{view}_scene.hdf5", frame, rows, known),
        covered_by=None if order is None else order.covered_by(known),
    )


def _suction(bitmap: NDArray[Any] | None, path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """1 where people marked that a suction cup holds."""
    if bitmap is None:
        return None
    if bitmap.shape != shape or bitmap.dtype.kind not in "biuf":
        raise BadInput(
            f"{path} holds a suction_bitmap of shape {bitmap.shape}, the picture has {shape}: it is damaged."
        )
    return (bitmap != 0).astype(np.float32)


def _pose(poses: dict[str, NDArray[Any]], path: Path) -> Transform | None:
    """T_base_camera in the simulation's world, z up.

    The real scenes' world is not described: a pose whose optical axis does not point down is not used.
    """
    stored = next((poses[name] for name in _POSES if name in poses), None)
    if stored is None or not stored.any():
        return None
    T_base_camera = rigid(stored.reshape(-1, *stored.shape[-2:])[0], grasps.CENTIMETRE, str(path))
    return T_base_camera if T_base_camera[2, 2] < 0 else None
