"""The cell as it looks: meshes of exactly the shapes that the physics collides with, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import ARMS
from gpnet_ros.pose import Transform, transform
from gpnet_ros.settings import Box
from gpnet_ros.sim.camera.meshes import box_mesh, capsule_mesh, cylinder_mesh, join_meshes, table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.cell.stage import Hidden, Stage
from gpnet_ros.sim.cell.state import read_scene
from gpnet_ros.sim.cell.world import CELL_TABLE_CENTRE, CELL_TABLE_SIZE, FLOOR_Z, build_world, machine_bodies
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.looks.style import Style, random_object, random_style
from gpnet_ros.sim.looks.texture import Texture

_FLOOR = Texture("mottled", 3, (0.42, 0.42, 0.41), (0.5, 0.5, 0.49), tile=1.5, gloss=0.05)
_TOTE = Texture("plain", 0, (0.16, 0.33, 0.62), gloss=0.25)
_MAST = Texture("plain", 0, (0.75, 0.76, 0.78), gloss=0.3)
#: Radius and height of the arm's base; UR10 user manual, drawing of the base [m].
_BASE_RADIUS, _BASE_HEIGHT = 0.095, 0.08

_SHAPES = {
    mujoco.mjtGeom.mjGEOM_BOX: lambda size: box_mesh(2 * size),
    mujoco.mjtGeom.mjGEOM_CAPSULE: lambda size: capsule_mesh((0, 0, -size[1]), (0, 0, size[1]), size[0]),
    mujoco.mjtGeom.mjGEOM_CYLINDER: lambda size: cylinder_mesh(size[0], 2 * size[1]),
}


class Scenery:
    """Meshes of one heap in the cell.

    Attributes:
        scene: for the renderer; ids 1..n are the objects of the heap in their order.
    """

    def __init__(self, heap: Heap, cell: Cell, with_mast: bool = False, stage: Stage | None = None) -> None:
        """Make the meshes of furniture, objects and machine.

        Args:
            heap: objects; where they are comes with each state.
            cell: furniture and arm.
            stage: its cylinder is one of the meshes; its board is laid into the picture, see `ShownBoard.lay`.
            with_mast: show the keep-out boxes too. The camera sits inside of one, so it does not see them.
        """
        static = furniture(cell) + ([_boxes(cell.keep_out, _MAST)] if with_mast and cell.keep_out else [])
        static += [_cylinder(stage)] if stage is not None and stage.cylinder else []
        objects = [
            Mesh(model.vertices, model.faces, index + 1, random_object(model.texture_seed, model.family))
            for index, model in enumerate(heap.objects)
        ]
        machine = machine_meshes(cell)
        self._static = len(static)
        #: Row of the state's poses to which each moving mesh belongs.
        self._rows = np.array([*range(len(objects)), *(len(objects) + body for body, _ in machine)])
        self._bodies = len(objects) + len(machine_bodies(cell.tool))
        self.scene = RayScene([*static, *objects, *(mesh for _, mesh in machine)])

    def place(self, poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """T_base_mesh (m, 4, 4) of all meshes for the poses (n, 7) of a state."""
        if poses.shape != (self._bodies, 7):
            raise BadInput(f"Poses of shape {poses.shape} do not belong to this heap: ({self._bodies}, 7) is needed.")
        return np.concatenate([np.tile(np.eye(4), (self._static, 1, 1)), poses_of(poses[self._rows])])


class RunScenery:
    """The scenery of one run, whose heaps follow each other; made anew only when another heap lies there.

    Attributes:
        heap: the one that was asked for last, at its start.
        scenery: of that heap.
        style: table and light.
        stage: what stands there for a calibration.
        hidden: what is otherwise than the files say; None where nothing is.
    """

    heap: Heap
    scenery: Scenery
    style: Style
    stage: Stage
    hidden: Hidden | None

    def __init__(self, run_dir: Path, cell: Cell, with_mast: bool = False) -> None:
        """Read nothing yet; arguments as those of `Scenery`, with the folder of the run."""
        self._run_dir, self._cell, self._with_mast = run_dir, cell, with_mast
        self._version = -1

    def show(self, version: int) -> Scenery:
        """The scenery of heap number `version`.

        Raises:
            BadInput: the run has no such heap.
        """
        if version != self._version:
            scene = read_scene(self._run_dir, version)
            self.heap = Heap.from_dict(scene.heap)
            self.hidden = Hidden.from_dict(scene.hidden) if scene.hidden else None
            self.stage = Stage.from_dict(scene.stage) if scene.stage else Stage()
            cell = self._cell if self.hidden is None else self.hidden.cell(self._cell)
            self.scenery = Scenery(self.heap, cell, self._with_mast, self.stage)
            self.style = Style() if scene.style is None else random_style(scene.style)
            self._version = version
        return self.scenery


def furniture(cell: Cell) -> list[Mesh]:
    """Table, floor, tote and the arm's base: what never moves, in base."""
    floor = box_mesh((8.0, 8.0, 0.02), 0, _FLOOR, (*CELL_TABLE_CENTRE, FLOOR_Z - 0.01))
    base = cylinder_mesh(_BASE_RADIUS, _BASE_HEIGHT, 0, _paint((0.55, 0.57, 0.6)))
    base = Mesh(base.vertices + [0, 0, _BASE_HEIGHT / 2], base.faces, 0, base.texture)
    top = table_mesh(CELL_TABLE_SIZE, centre=CELL_TABLE_CENTRE)
    table = Mesh(top.vertices + [0, 0, cell.workspace.table_z], top.faces, top.id, top.texture)
    return [table, floor, _boxes(cell.tote.walls, _TOTE), base]


def machine_meshes(cell: Cell) -> list[tuple[int, Mesh]]:
    """Meshes of arm and tool, each with the index of its body in `machine_bodies`, in the frame of that body."""
    empty = Heap((), np.zeros((0, 4, 4)))
    model = build_world(empty, ARMS[cell.arm], cell, cell.home).model
    meshes = []
    for row, name in enumerate(machine_bodies(cell.tool)):
        geoms = np.flatnonzero(model.geom_bodyid == model.body(name).id).tolist()
        for color in np.unique(model.geom_rgba[geoms, :3], axis=0):
            same = [g for g in geoms if np.array_equal(model.geom_rgba[g, :3], color)]
            paint = _paint(tuple(float(level) for level in color))
            meshes.append((row, join_meshes([_shape(model, g) for g in same], 0, paint)))
    return meshes


def poses_of(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transforms (n, 4, 4) of rows of position [m] and quaternion wxyz (n, 7)."""
    T = np.tile(np.eye(4), (len(poses), 1, 1))
    if len(poses):
        T[:, :3, :3] = Rotation.from_quat(poses[:, [4, 5, 6, 3]]).as_matrix()
        T[:, :3, 3] = poses[:, :3]
    return T


def body_pose(poses: NDArray[np.float64], body: str) -> Transform:
    """T_base_body of a body of the arm, flange included, in the poses (n, 7) of a state, whatever the tool is."""
    machine = machine_bodies("jaw")
    pose = poses[len(poses) - len(machine) + machine.index(body)]
    return transform(Rotation.from_quat(pose[[4, 5, 6, 3]]).as_matrix(), pose[:3])


def _shape(model: mujoco.MjModel, geom: int) -> Mesh:
    """A collision shape of the compiled model as a mesh in the frame of its body."""
    mesh = _SHAPES[mujoco.mjtGeom(model.geom_type[geom])](model.geom_size[geom])
    R = Rotation.from_quat(model.geom_quat[geom][[1, 2, 3, 0]]).as_matrix()
    return Mesh(mesh.vertices @ R.T + model.geom_pos[geom], mesh.faces)


def _cylinder(stage: Stage) -> Mesh:
    x, y, radius, tall = stage.cylinder
    mesh = cylinder_mesh(radius, tall, 0, _paint((0.7, 0.68, 0.6)))
    return Mesh(mesh.vertices + [x, y, stage.table_z + tall / 2], mesh.faces, 0, mesh.texture)


def _boxes(boxes: Sequence[Box], texture: Texture) -> Mesh:
    """Axis-aligned boxes in base as one mesh."""
    parts = [
        box_mesh(np.subtract(box.high, box.low), centre=(np.array(box.low) + np.array(box.high)) / 2) for box in boxes
    ]
    return join_meshes(parts, 0, texture)


def _paint(color: tuple[float, ...]) -> Texture:
    r, g, b = color
    return Texture("plain", 0, (r, g, b), gloss=0.35)
