"""The process that owns the physics: simulated controller, cell, shared state, recorder, admin commands."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.board import Board
from gpnet_ros.cell import Cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import invert, to_rotvec, transform
from gpnet_ros.scheduling import change_niceness, come_before_leader
from gpnet_ros.settings import setting, validate
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.recording import Recorder
from gpnet_ros.sim.cell.stage import Hidden, hidden_truth, stage_of
from gpnet_ros.sim.cell.state import RING_FILE, SceneFile, StateWriter, scene_file
from gpnet_ros.sim.cell.truth import Truth
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.heap.maker import HeapMaker
from gpnet_ros.sim.objects.model import GRASPABLE_BY
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.server import (
    ADMIN_PORT,
    DASHBOARD_PORT,
    GRIPPER_PORT,
    RTDE_PORT,
    SCRIPT_PORTS,
    Controller,
)

_log = logging.getLogger(__name__)
#: Change of this process's nice value: a controller is a real-time system, before renderer and network.
_NICE = -10


@dataclass(frozen=True)
class SimSettings:
    """Settings of the simulated cell, `config/sim.yaml`."""

    model: str = setting(
        "auto", "Controller and arm; auto: of the arm that the cell file names.", choices=("auto", "ur10-cb3", "ur10e")
    )
    calibration: int = setting(1, "Seed of the arm's hidden calibration; 0 for none.", low=0, high=2**31)
    force_limit: float = setting(150.0, "Contact force of a protective stop.", unit="N", low=20.0, high=1000.0)
    style: int = setting(-1, "Seed of table and light; -1 for the plain workshop.", low=-1, high=2**31)
    record_rate: float = setting(20.0, "Recorded states per second; 0 for none.", unit="Hz", low=0.0, high=125.0)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class CellRun:
    """One run of the simulated cell.

    Attributes:
        run_dir: folder for states and recording.
        ip: loopback address of the controller, one per cell.
        seed, objects: of the heap of what the cell's tool can take, see `stack_heap`; no object is an empty table.
        factor: simulated seconds per second.
        hidden: seed of what is otherwise than the files say (camera, table, length of the tool); 0: nothing is.
    """

    run_dir: Path
    ip: str
    seed: int
    objects: int
    factor: float
    hidden: int = 0


class CellProcess:
    """A controller with a cell behind it, publishing into a run folder."""

    def __init__(self, run: CellRun, settings: SimSettings, cell: Cell) -> None:
        """Make the heap and open the ports; nothing runs yet.

        Raises:
            BadInput: no such heap, address or factor, or a run folder that cannot be written.
            DeviceError: a port is taken.
        """
        self.settings, self.run_dir = settings, run.run_dir
        try:
            self._writer = StateWriter(run.run_dir)
        except OSError as error:
            why = f"The run folder {run.run_dir} cannot be written ({error.strerror})"
            raise BadInput(f"{why}: make room there, or name another one.") from error
        self._recorder = Recorder(run.run_dir, settings.record_rate) if settings.record_rate else None
        self._maker = HeapMaker()
        self._error = ""
        heap = stack_heap(run.seed, run.objects, GRASPABLE_BY[cell.tool]) if run.objects else empty_heap()
        self.model = _model_of(settings.model, cell)
        true_dh = calibrated_dh(settings.calibration, find_model(self.model).dh)
        self.told = load_hand_eye()
        self.hidden: Hidden | None = hidden_truth(run.hidden, self.told) if run.hidden else None
        self.plant = CellPlant(heap, self.hidden.cell(cell) if self.hidden else cell, true_dh)
        self.truth = Truth(self.plant)
        self._seed, self._described, self._describe_from = run.seed, 0, -np.inf
        self.controller = Controller(self.plant, run.ip, self.model, run.factor, settings.force_limit)
        self.controller.commands.update({
            "truth": lambda _: self.truth.report().to_dict(),
            "load_heap": self.load_heap,
            "heap": self.heap_status,
            "stage": self.put_up,
            "lead": self.lead,
            "where": self.where,
        })  # fmt: skip
        robot = self.controller.robot  # as somebody has entered on the pendant who set up this cell
        robot.payload, robot.payload_cog = cell.hand.mass, list(cell.hand.centre_of_gravity)
        robot.arm.T_flange_tcp = cell.T_flange_tcp
        self.plant.watchers.append(self.publish)
        self.publish(self.plant)

    def ready(self) -> dict[str, Any]:
        """The ready line: ports and files that a starter of the cell needs to know."""
        return {
            "ready": True,
            "ip": self.controller.ip,
            "model": self.model,
            "ports": {
                "rtde": RTDE_PORT,
                "script": list(SCRIPT_PORTS),
                "dashboard": DASHBOARD_PORT,
                "gripper": GRIPPER_PORT,
                "admin": ADMIN_PORT,
            },
            "run_dir": str(self.run_dir),
            "state": str(self.run_dir / RING_FILE),
            "scene": str(scene_file(self.run_dir, self.plant.version)),
            "factor": self.controller.factor,
        }

    def serve(self, stop: Callable[[], bool]) -> None:
        """Run until `stop` says so; then write the rest of the recording."""
        try:
            self.controller.serve(stop)
        finally:
            if self._recorder:
                self._recorder.flush()
            self._maker.stop()

    def publish(self, plant: CellPlant) -> None:
        """Watcher of the plant: take a heap that is ready, publish the state, record it."""
        if self._maker.busy:
            self._take_heap()
        if plant.version != self._described and plant.time >= self._describe_from:
            self._describe(plant)
        state = plant.state()
        self._writer.write(state)
        if self._recorder:
            self._recorder.add(state)

    def _describe(self, plant: CellPlant) -> None:
        """Write the heap's scene file; on a full disk the controller runs on, and tries again every second."""
        style = None if self.settings.style < 0 else self.settings.style
        try:
            hidden = self.hidden.to_dict() if self.hidden else {}
            self._writer.write_scene(
                plant.version,
                SceneFile(self._seed, style, plant.world.heap.to_dict(), plant.stage.to_dict(), hidden),
            )
            self._described, self._error = plant.version, ""
        except OSError as error:
            self._describe_from = plant.time + 1.0
            self._error = f"The heap cannot be shown: {self.run_dir} cannot be written ({error.strerror}); make room."
            _log.error(self._error)

    def load_heap(self, request: dict[str, Any]) -> dict[str, Any]:
        """Admin command: another heap of `objects` objects from `seed`, or the stored `heap` itself.

        A new heap is made in another process, because the controller must not stop for it; ask `heap`
        until `version` has reached the one that is announced here.
        """
        if self._maker.busy:
            raise BadInput("A heap is being made already: ask `heap` until it is there.")
        announced = {"version": self.plant.version + 1}
        if "heap" in request:
            self.plant.load_heap(Heap.from_dict(request["heap"]))
            return announced
        seed, objects = int(request["seed"]), int(request["objects"])
        if objects == 0:
            self.plant.load_heap(empty_heap())
            return announced
        self._maker.start(seed, objects, self.plant.cell.tool)
        self._seed, self._error = seed, ""
        return announced

    def heap_status(self, _: dict[str, Any]) -> dict[str, Any]:
        """Admin command: number of the heap that lies there, whether another one is being made, or why not."""
        return {"version": self.plant.version, "loading": self._maker.busy, "error": self._error}

    def put_up(self, request: dict[str, Any]) -> dict[str, Any]:
        """Admin command: clear the table, and `put` up one of `stage.PUT` there, with a `board` of these settings."""
        table = self.plant.cell.workspace.table_z
        board = Board(**request.get("board", {}))
        stage = stage_of(str(request["put"]), int(request.get("seed", 1)), board, self.told, table)
        self.plant.load_heap(empty_heap(), stage)
        return {"version": self.plant.version}

    def lead(self, request: dict[str, Any]) -> dict[str, Any]:
        """Admin command: what a hand does in freedrive: the arm to `joints` [rad], or its tips to `tips` [m]."""
        arm, plant = self.controller.robot.arm, self.plant
        q = np.array(request["joints"] if "joints" in request else self._led_to(request["tips"]), dtype=np.float64)
        if q.shape != (6,) or not np.isfinite(q).all():
            raise BadInput("joints must be six angles [rad].")
        plant.put_arm(q)
        arm.q, arm.qd = np.array(q), np.zeros(6)
        return {"joints": q.tolist()}

    def _led_to(self, tips: Any) -> Any:
        """Joints at which the true tips, straight down, are at x, y, z [m] in base."""
        T = transform(np.diag([1.0, -1.0, -1.0]), tips) @ invert(self.plant.cell.T_flange_tcp)
        q = self.plant.kinematics.inverse_near(T, np.array(self.plant.cell.home))
        if q is None:
            raise BadInput(f"The tips cannot be led to {tips}.")
        return q

    def where(self, _: dict[str, Any]) -> dict[str, Any]:
        """Admin command: where the tips truly are (rotation vector) [m, rad], and what stands in the cell."""
        T = self.plant.forward(self.plant.q) @ self.plant.cell.T_flange_tcp
        hidden = self.hidden.to_dict() if self.hidden else {}
        tote = self.plant.cell.tote
        box = {
            "centre": [*tote.centre],
            "inner": [*tote.inner],
            "rim": tote.floor_z + tote.height,
            "floor": tote.floor_z,
        }
        return {
            "time": self.plant.time,
            "tips": to_rotvec(T).tolist(),
            "stage": self.plant.stage.to_dict(),
            "hidden": hidden,
            "tote": box,
        }

    def _take_heap(self) -> None:
        try:
            heap = self._maker.take()
        except BadInput as error:
            self._error = str(error)
            return
        if heap is not None:
            self.plant.load_heap(heap)


def empty_heap() -> Heap:
    """A heap without objects."""
    return Heap((), np.zeros((0, 4, 4)))


def _model_of(wanted: str, cell: Cell) -> str:
    """The controller's model for the cell's arm.

    Raises:
        BadInput: the arm is another than that of the model, or none that can be simulated.
    """
    arms = {"ur10": "ur10-cb3", "ur10e": "ur10e"}
    model = arms.get(cell.arm, "")
    if not model or wanted not in ("auto", model):
        raise BadInput(
            f"The cell file's arm is {cell.arm!r}, the simulated controller's model {wanted!r}; simulated are "
            f"{', '.join(f'{a} by {m}' for a, m in arms.items())}: choose another arm, or model auto."
        )
    return model


def serve_cell(run: CellRun, settings: SimSettings, cell: Cell) -> None:
    """Serve until SIGINT or SIGTERM; the first line on standard output is the ready line."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    process = CellProcess(run, settings, cell)
    change_niceness(_NICE)
    if run.factor <= 1.0:
        come_before_leader()
    print(json.dumps(process.ready()), flush=True)
    process.serve(stop.is_set)
