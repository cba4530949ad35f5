"""The camera over a heap that is being cleared: what it sees, pick after pick, with the noise of a D435."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gpnet_ros.data.noise import DepthNoise, color_noise, d435_exposures
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import Grid
from gpnet_ros.merged_frame import merged_depth
from gpnet_ros.pose import Transform
from gpnet_ros.settings import Workspace
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.meshes import table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, PlacedScene, RayScene
from gpnet_ros.sim.camera.render import View, linear_light, render
from gpnet_ros.sim.camera.shading import expose
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.looks.style import Style, random_object, random_style

#: Outside the window the picture is rendered with every pixel this many pixels wide.
_COARSE = 4
#: The window reaches this far [px] beyond the network's grid, so that a wrong hand-eye does not look out of it.
_MARGIN = 24


@dataclass(frozen=True)
class PixelWindow:
    """Pixels of an image: columns `left` to before `left + width`, rows `top` to before `top + height`."""

    left: int
    top: int
    width: int
    height: int

    @property
    def cut(self) -> tuple[slice, slice]:
        """Index of its pixels in an image."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class Look:
    """The camera over a heap whose objects keep their surfaces from look to look."""

    def __init__(
        self,
        heap: Heap,
        seed: int,
        T_base_camera: Transform,
        noise: bool = True,
        workspace: Workspace | None = None,
        exposures: int = 1,
    ) -> None:
        """Draw light and surfaces; nothing is rendered yet.

        Args:
            heap: all of it.
            seed: of light, surfaces and noise.
            T_base_camera: the camera.
            noise: whether it is noisy.
            workspace: what the network looks at: the rest of the picture is coarse then, which halves the time.
            exposures: of the depth, merged into one frame.
        """
        self._rng = np.random.default_rng([7, seed])
        self._style: Style = random_style(int(self._rng.integers(2**31)))
        surfaces = [random_object(int(self._rng.integers(2**31)), model.family) for model in heap.objects]
        self._meshes = [Mesh(o.vertices, o.faces, 1, s) for o, s in zip(heap.objects, surfaces, strict=True)]
        self._noise, self._exposures, self.T_base_camera = noise, exposures, T_base_camera
        self._depth_noise = DepthNoise()  # as fitted to real frames; training varies it
        self._window = None if workspace is None else seen_window(T_base_camera, workspace)

    def depth(self, heap: Heap) -> View:
        """Exact depth and ids, without colour: a tenth of the time of `view`."""
        meshes = [table_mesh(), *(Mesh(o.vertices, o.faces, k + 1) for k, o in enumerate(heap.objects))]
        placed = RayScene(meshes).place([np.eye(4), *heap.T_base_object])
        depth, ids = placed.depth(D435_640x480, self.T_base_camera)
        return View(np.zeros((*depth.shape, 3), dtype=np.uint8), depth, ids)

    def view(self, heap: Heap, remaining: list[int]) -> View:
        """The true picture of what remains; ids are 1 + the index within `remaining`."""
        meshes = [table_mesh()]
        for k, i in enumerate(remaining):
            mesh = self._meshes[i]
            meshes.append(Mesh(mesh.vertices, mesh.faces, k + 1, mesh.texture))
        scene, poses = RayScene(meshes), [np.eye(4), *heap.T_base_object]
        if self._window is None:
            return render(scene, poses, D435_640x480, self.T_base_camera, self._style, "fast", self._rng)
        return focused(scene.place(poses), self._window, self.T_base_camera, self._style, self._rng)

    def frame(self, view: View) -> Frame:
        """The frame that the camera hands out of a view, with its noise."""
        if not self._noise:
            return Frame(view.color, view.depth, D435_640x480)
        told = (view.depth, D435_640x480, self._depth_noise, self._rng, self._exposures, view.color)
        depth = merged_depth(d435_exposures(*told))
        return Frame(color_noise(view.color, self._rng), depth, D435_640x480)


def seen_window(T_base_camera: Transform, workspace: Workspace) -> PixelWindow:
    """The pixels [px] of a D435's picture that the network's grid shows, with a margin, and even for the renderer.

    Args:
        T_base_camera: (4, 4), the camera.
        workspace: square that the grid shows.
    """
    camera = D435_640x480
    grid = Grid.workspace(camera, T_base_camera, workspace.centre, workspace.side, workspace.table_z)
    corners = np.array([grid.to_image((0, 0)), grid.to_image((grid.width - 1, grid.height - 1))])
    low = np.floor((corners[0] - _MARGIN) / 2).astype(int) * 2
    high = np.ceil((corners[1] + _MARGIN) / 2).astype(int) * 2
    left, top = (int(v) for v in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(high, (camera.width, camera.height)))
    return PixelWindow(left, top, right - left, bottom - top)


def focused(
    placed: PlacedScene, window: PixelWindow, T_base_camera: Transform, style: Style, rng: np.random.Generator
) -> View:
    """Render as `render` does with quality "fast", but with coarse colour outside a window [px].

    Depth and ids are the same everywhere; within the window the colour differs in the jitter of its noise and
    shadows only, since light, vignette and exposure are those of the whole picture.
    """
    camera, k = D435_640x480, _COARSE
    depth, ids = placed.depth(camera, T_base_camera)
    small = Intrinsics(
        camera.width // k, camera.height // k, camera.fx / k, camera.fy / k,
        (camera.cx - (k - 1) / 2) / k, (camera.cy - (k - 1) / 2) / k,
    )  # fmt: skip
    inside = Intrinsics(
        window.width, window.height, camera.fx, camera.fy, camera.cx - window.left, camera.cy - window.top
    )
    coarse, _ = linear_light(placed, small, T_base_camera, style, "fast", rng)
    light = cv2.resize(coarse, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    light[window.cut], _ = linear_light(placed, inside, T_base_camera, style, "fast", rng)
    return View(expose(light, style, rng), depth, ids)
