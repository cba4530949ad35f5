"""The simulated D435's depth noise beside that of real frames: the same figures over tables in the same pose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.noise import DepthNoise, d435_depth
from gpnet_ros.data.noise_statistics import table_plane
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics, depth_from_raw
from gpnet_ros.pose import Transform, invert, transform
from gpnet_ros.sim.camera.meshes import box_mesh, cylinder_mesh, table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.camera.render import View, render
from gpnet_ros.sim.looks.style import Style, random_object


def read_frame_depth(folder: Path) -> tuple[NDArray[np.float32], Intrinsics]:
    """Depth (H, W) [m], NaN where unknown, and camera model of a folder with depth.png and camera.json.

    Raises:
        BadInput: a file is missing or cannot be read.
    """
    raw = cv2.imread(str(folder / "depth.png"), cv2.IMREAD_UNCHANGED)
    try:
        camera = json.loads((folder / "camera.json").read_text())
        intrinsics = Intrinsics(**{k: camera[k] for k in ("width", "height", "fx", "fy", "cx", "cy")})
        unit = float(camera["depth_unit_m"])
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"{folder}/camera.json cannot be used ({error!r}): see the frames in test/data.") from error
    if raw is None:
        raise BadInput(f"{folder}/depth.png cannot be read: a 16 bit image is needed.")
    return depth_from_raw(np.asarray(raw), unit), intrinsics


def simulated_twin(
    depth: NDArray[np.float32], intrinsics: Intrinsics, seed: int, noise: DepthNoise | None = None
) -> tuple[View, NDArray[np.float32]]:
    """What a simulated camera sees of a table in the pose of a real one, with other objects on it.

    Args:
        depth: (H, W) [m] of the real camera, NaN where unknown.
        intrinsics: its camera model.
        seed: of objects, looks and noise.
        noise: of the simulated camera; an average D435 without it.

    Returns:
        The exact view, and its depth (H, W) [m] with noise.

    Raises:
        NoDepth: no table is found in the depth.
    """
    rng = np.random.default_rng(seed)
    T_table_camera = _table_pose(table_plane(depth, intrinsics))
    meshes, poses = _things(intrinsics, T_table_camera, rng)
    style = replace(Style(), seed=seed)
    view = render(RayScene(meshes), poses, intrinsics, T_table_camera, style)
    return view, d435_depth(view.depth, intrinsics, noise or DepthNoise(), rng, view.color)


def _table_pose(plane: NDArray[np.float64]) -> Transform:
    """T_table_camera of a camera that sees the table as `plane`; the origin is below the camera."""
    z, distance = plane[:3], float(plane[3])
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    return invert(transform(np.column_stack([x, np.cross(z, x), z]), -distance * z))


def _things(intrinsics: Intrinsics, T_table_camera: Transform, rng: np.random.Generator) -> tuple[list[Mesh], list]:
    """A table, and boxes and cylinders on it where the camera looks."""
    meshes, poses = [table_mesh((6.0, 6.0), centre=(0.0, 0.0))], [np.eye(4)]
    while len(meshes) < 7:
        pixel = rng.uniform([0.15, 0.3], [0.85, 0.9]) * [intrinsics.width, intrinsics.height]
        ray = T_table_camera[:3, :3] @ intrinsics.deproject(pixel, 1.0)
        if ray[2] > -0.05:
            continue
        height = float(rng.uniform(0.04, 0.14))
        spot = T_table_camera[:3, 3] - ray * T_table_camera[2, 3] / ray[2]
        texture = random_object(int(rng.integers(1 << 30)))
        if rng.random() < 0.5:
            meshes.append(box_mesh((*rng.uniform(0.03, 0.1, 2), height), len(meshes), texture))
        else:
            meshes.append(cylinder_mesh(float(rng.uniform(0.02, 0.04)), height, len(meshes), texture))
        poses.append(transform(np.eye(3), spot + [0.0, 0.0, height / 2]))
    return meshes, poses


def _heat(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Depth (H, W) as colours, holes black."""
    low, high = np.nanpercentile(depth, [2, 98])
    level = np.nan_to_num(np.clip((depth - low) / max(high - low, 1e-6), 0, 1)) * 255
    heat = np.asarray(cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_TURBO), dtype=np.uint8)
    heat[np.isnan(depth)] = 0
    return heat


def write_pair(out: Path, folder: Path, depth: NDArray[np.float32], view: View, twin: NDArray[np.float32]) -> None:
    """Write FOLDER.png into `out`, at half size: the real frame above, its simulated twin below.

    Args:
        out: folder of the picture.
        folder: of the real frame, whose color.png or color.jpg is shown if it is there.
        depth: (H, W) [m] of the real frame.
        view: exact view of the twin.
        twin: (H, W) [m] depth of the twin, with noise.
    """
    color = np.zeros((*depth.shape, 3), dtype=np.uint8)
    path = next((p for p in (folder / "color.png", folder / "color.jpg") if p.is_file()), None)
    image = None if path is None else cv2.imread(str(path))
    if image is not None and image.shape == color.shape:
        color = np.asarray(image, dtype=np.uint8)
    real = np.hstack([color, _heat(depth)])
    simulated = np.hstack([view.color[:, :, ::-1], _heat(twin)])
    pair = cv2.resize(np.vstack([real, simulated]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(out / f"{folder.name}.png"), pair)
