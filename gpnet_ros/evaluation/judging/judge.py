"""Judge a model on one picture: the frame as a camera gives it, the maps, the grasp, the rectangle rule, the lift."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.data.noise import DepthNoise, d435_exposures
from gpnet_ros.data.sample import Sample
from gpnet_ros.detections import Detections
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.choice import Choice, at_argmax, in_cell
from gpnet_ros.evaluation.judging.failures import blame
from gpnet_ros.evaluation.judging.judged_pictures import Picture
from gpnet_ros.evaluation.judging.judgement import Decode, JudgedPicture, Verdict
from gpnet_ros.evaluation.judging.substitution import Substitute, substituted
from gpnet_ros.evaluation.second_network import ObjectTeller
from gpnet_ros.frame import Frame
from gpnet_ros.free_objects import free_first
from gpnet_ros.look_again import LOOKS, look_again
from gpnet_ros.maps import Grid, Maps, prioritise, workspace_grid
from gpnet_ros.merged_frame import merged_depth
from gpnet_ros.network.detector import Detector
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import JAW_SHARE, matches, predicted
from gpnet_ros.region import Region
from gpnet_ros.settings import GripperGeometry, Workspace
from gpnet_ros.sim.hand.lift import Lift, try_lift
from gpnet_ros.sim.labels.true_detections import true_detections
from gpnet_ros.sim.scenes.arrangement import Arrangement

_GRIPPER, _shipped = GripperGeometry(), cache(load_cell)


@dataclass(frozen=True)
class JudgeSettings:
    """Settings by which a model is judged.

    Attributes:
        seed: of the depth camera's noise; the picture's name goes in, too.
        noise: D435 noise on simulated depth; pictures of a public data set are left as they are.
        priority: one of `free_objects.PRIORITIES`.
        scene_model: of the second network, or "truth", for priority "graspnext"; see `second_network.second_model`.
        lift: execute the grasps where the heap is known.
        public_rule: count rectangles as the public implementation does: pixels, and a jaw of half the opening. Else
            exact polygons; on simulated pictures the jaw is the gripper's pad, which no network has to predict.
        as_published: decode as the public implementation of the network does, known bugs included.
        substitute: which maps are replaced by true ones, to find out what a model lacks.
        region: the pixels that count; all without. True grasps elsewhere stay true.
        runtime, precision: what runs the network, see `Detector`.
        exposures: of the depth camera, which are merged (`merged_frame`); with noise on simulated depth only.
    """

    seed: int = 0
    noise: bool = True
    priority: str = "learned"
    scene_model: str | None = None
    lift: bool = True
    public_rule: bool = False
    as_published: bool = False
    substitute: Substitute = "nothing"
    region: Region | None = None
    runtime: str = "torch"
    precision: str = "float32"
    exposures: int = 1


class Judge:
    """Judges one model on single pictures: `Judge(model, settings).row(index, picture)`."""

    def __init__(self, model: str, settings: JudgeSettings) -> None:
        """Load the model.

        Raises:
            ModelRefused: the model cannot be used; see `Detector`.
        """
        self.settings = settings
        self._view: tuple[Transform, Workspace] | None = None
        self._T_base_camera: Transform | None = None
        self._objects = None if settings.scene_model is None else ObjectTeller(settings.scene_model, self._grid)
        how = (settings.as_published, None, settings.runtime, settings.precision)
        self._detector = Detector(model, "cpu", self._grid, *how)

    def row(self, index: int, picture: Picture) -> JudgedPicture:
        """Judge the model on one picture, in all ways that the picture allows.

        Raises:
            BadInput: the picture lacks what the model needs.
        """
        sample, arrangement = picture.sample, picture.arrangement
        frame, cell = seen(sample, arrangement, self.settings), cell_of(arrangement)
        began = time.perf_counter()
        maps = self.maps(picture, frame)
        path = time.perf_counter() - began
        T_base_camera = None if self._view is None else self._view[0]
        bugs = self._detector.bugs if self.settings.as_published else None
        chosen: dict[Decode, tuple[Choice, Maps, Frame]] = {
            "argmax": (at_argmax(maps, frame, T_base_camera, cell, bugs), maps, frame)
        }
        began = time.perf_counter()
        if T_base_camera is not None and bugs is None:
            chosen["cell"] = self._in_cell(picture, maps, frame, T_base_camera, cell)
        path += time.perf_counter() - began
        verdicts: dict[Decode, Verdict] = {}
        thickness = None if arrangement is None else [float(min(o.extent)) for o in arrangement.heap.objects]
        lifts: dict[tuple[bytes, float], Lift] = {}
        for name, (choice, told, looked) in chosen.items():
            verdict = self._by_rule(_verdict(choice, told, sample), sample, arrangement is not None)
            verdicts[name] = blame(self._by_lift(verdict, choice, arrangement, lifts), sample, looked, thickness)
        times = {key: round(value, 2) for key, value in {**self._detector.time_ms, "path": 1e3 * path}.items()}
        top = sample.top_rectangles()
        return JudgedPicture(index, sample.name, None if top is None else len(top) > 0, verdicts, times)

    def _in_cell(
        self, picture: Picture, maps: Maps, frame: Frame, T_base_camera: Transform, cell: Cell
    ) -> tuple[Choice, Maps, Frame]:
        """What the cell chooses, which looks again where nothing is graspable."""

        def chosen(look: int) -> tuple[Choice, Maps, Frame]:
            at = seen(picture.sample, picture.arrangement, self.settings, look) if look else frame
            told = self.maps(picture, at) if look else maps
            return in_cell(told, at, T_base_camera, cell), told, at

        return look_again(chosen, lambda found: found[0].status, LOOKS if self.settings.noise else 1)

    def maps(self, picture: Picture, frame: Frame) -> Maps:
        """The maps of a picture's frame, with the priority and the substitutes that were asked for."""
        T_base_camera = self._T_base_camera = picture.sample.T_base_camera
        # Elsewhere the base is another one: where the workspace lies in it is not known.
        at_home = picture.arrangement is not None and frame.depth is not None and frame.intrinsics is not None
        self._view = None
        if at_home and T_base_camera is not None:
            self._view = (T_base_camera, cell_of(picture.arrangement).workspace)
        maps = prioritise(self._detector(frame), frame, self.settings.priority, T_base_camera)
        if self._objects is not None:
            maps = free_first(maps, frame, self._objects(frame, lambda: _true_objects(picture, frame)))
        return substituted(maps, picture.sample, self.settings.substitute)

    def _grid(self, frame: Frame) -> Grid:
        """The workspace square as a cell sees it, where the camera's pose is known; else the whole frame.

        Never a square around the objects of this very picture: where the heap lies in the workspace is not known to
        a cell, and neither is it to the network.
        """
        if self._view is None and self.settings.region is not None:
            return self.settings.region.view(frame, self._T_base_camera)
        if self._view is None:
            return Grid.whole_frame(frame.shape[1], frame.shape[0])
        return workspace_grid(frame, *self._view)

    def _by_rule(self, verdict: Verdict, sample: Sample, simulated: bool) -> Verdict:
        """The rectangle rule."""
        everything, top = sample.rectangles, sample.top_rectangles()
        rectangle = as_rectangle(verdict, sample, simulated and not self.settings.public_rule)
        if rectangle is None:
            lost, lost_top = (None if truth is None else False for truth in (everything, top))
            return replace(verdict, any=lost, any50=lost, top=lost_top, top50=lost_top, object_level=lost)

        def agrees(truth: Rectangles | None, iou_min: float = 0.25) -> bool | None:
            if truth is None:
                return None
            return bool(matches(rectangle, truth, iou_min, rasterised=self.settings.public_rule).any())

        same = None
        if verdict.object is not None and everything is not None and everything.object_id is not None:
            same = agrees(everything.take(everything.object_id == verdict.object))
        return replace(
            verdict,
            any=agrees(everything),
            any50=agrees(everything, 0.5),
            top=agrees(top),
            top50=agrees(top, 0.5),
            object_level=same,
        )

    def _by_lift(
        self,
        verdict: Verdict,
        choice: Choice,
        arrangement: Arrangement | None,
        lifts: dict[tuple[bytes, float], Lift],
    ) -> Verdict:
        """The execution; a grasp that was executed already is not executed again."""
        if arrangement is None or not self.settings.lift:
            return verdict
        if choice.T_base_tcp is None or choice.opening is None:
            nothing = Lift("not executed", (), False, False, False, 0.0)
            return _with_lift(verdict, nothing)
        key = (choice.T_base_tcp.tobytes(), choice.opening)
        if key not in lifts:
            of = arrangement.heap, arrangement.relations.before, choice.T_base_tcp, choice.opening
            lifts[key] = try_lift(*of, cell_of(arrangement))
        return _with_lift(verdict, lifts[key])


def _with_lift(verdict: Verdict, came: Lift) -> Verdict:
    return replace(
        verdict,
        lift=came.status,
        lift_top=came.top,
        lift_clean=came.clean,
        lift_any=came.any,
        disturbed=came.disturbed,
    )


def seen(sample: Sample, arrangement: Arrangement | None, settings: JudgeSettings, look: int = 0) -> Frame:
    """The frame of a picture as a camera gives it: simulated depth through a D435, the same one each time.

    Colour of simulated pictures has the camera's noise already. Each look, counted from 0, has depth noise of its own;
    of its exposures only that part which flickers.
    """
    frame = sample.frame
    if settings.region is not None:
        frame = settings.region.applied(frame, sample.T_base_camera)
    if arrangement is None or not settings.noise or frame.depth is None or frame.intrinsics is None:
        return frame
    rng = np.random.default_rng([settings.seed, zlib.crc32(sample.name.encode()), *([look] if look else [])])
    exposures = d435_exposures(frame.depth, frame.intrinsics, DepthNoise(), rng, settings.exposures, frame.color)
    return replace(frame, depth=merged_depth(exposures))


def _true_objects(picture: Picture, frame: Frame) -> Detections:
    """What a perfect second network would say of a picture.

    Raises:
        BadInput: it does not say what lay where.
    """
    sample, arrangement = picture.sample, picture.arrangement
    if arrangement is None or sample.ids is None or sample.T_base_camera is None:
        raise BadInput(
            f"Picture {sample.name} does not say what lay where, which --scene-model truth needs: name a model, or "
            "take simulated pictures."
        )
    return true_detections(arrangement.heap, sample.ids, frame, sample.T_base_camera)


def cell_of(arrangement: Arrangement | None) -> Cell:
    """The shipped cell; the heap's bin raises the floor."""
    bin, cell = None if arrangement is None else arrangement.heap.bin, _shipped()
    return cell if bin is None else replace(cell, workspace=replace(cell.workspace, table_z=bin.floor))


def _verdict(choice: Choice, maps: Maps, sample: Sample) -> Verdict:
    """What is known of a choice before it is judged."""
    if choice.pixel is None:
        told = sample.ids is not None and sample.top_ids() is not None
        return Verdict(choice.status, rank=choice.rank, on_top=False if told else None)
    column, row = (int(i) for i in np.rint(maps.grid.to_grid(choice.pixel)))
    on, top = _object_at(sample, choice.pixel)
    return Verdict(
        status=choice.status,
        pixel=(round(choice.pixel[0], 3), round(choice.pixel[1], 3)),
        angle=choice.angle,
        opening_px=choice.opening_px,
        opening=choice.opening,
        depth=choice.depth,
        score=float(maps.q_star[row, column]),
        quality=float(np.clip(maps.quality[row, column], 0, 1)),
        priority=float(np.clip(maps.priority[row, column], 0, 1)),
        rank=choice.rank,
        object=on,
        on_top=top,
    )


def _object_at(sample: Sample, pixel: tuple[float, float]) -> tuple[int | None, bool | None]:
    """Id of the object at a pixel, 0 for none, and whether nothing lies on it; None where that is not known."""
    if sample.ids is None:
        return None, None
    height, width = sample.ids.shape
    column, row = (int(np.clip(round(at), 0, size - 1)) for at, size in zip(pixel, (width, height), strict=True))
    found = int(sample.ids[row, column])
    top = sample.top_ids()
    return found, None if top is None else found in top


def as_rectangle(verdict: Verdict, sample: Sample, pad: bool) -> Rectangles | None:
    """The rectangle of a verdict; None if there is none.

    Args:
        verdict: with pixel, angle and opening.
        sample: its picture.
        pad: the jaw is the gripper's pad at the depth of the centre; else half of the opening, as published.
    """
    if verdict.pixel is None or verdict.angle is None or verdict.opening_px is None:
        return None
    share = JAW_SHARE
    if pad and sample.frame.depth is not None and sample.frame.intrinsics is not None:
        depth = verdict.depth if verdict.depth is not None else float(np.nanmedian(sample.frame.depth))
        share = _GRIPPER.pad_width * sample.frame.intrinsics.fx / depth / verdict.opening_px
    return predicted([verdict.pixel], [verdict.angle], [verdict.opening_px], jaw_share=share)
