"""Pick with the cell for a while: progress on the terminal, and a page of the shift when it rests.

The same loop as planner_node's, without ROS. Modes: dry_run looks and plans, hover stays above, step asks before each
pick, run picks until the table is empty. On hardware nothing moves before a person's Enter, and step and run ask for
the file of `gpnet check`. Begin with --speed 0.1. Ctrl-C stops the arm where it is; the grip is held.
--simulate does it in a simulated cell of its own; with --run-dir the cell of a `gpnet sim` is used.
Exit status: 0 the table is empty or a person ended it, 1 it stopped for another reason, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.commands.priority_source import add_priority
from gpnet_ros.commands.robot_person import Terminal, make_camera
from gpnet_ros.commands.runtime_source import add_runtime
from gpnet_ros.devices.robots import GRIPPERS, make_robot
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.nodes.processes.running_cell import free_address, one_interrupt
from gpnet_ros.nodes.processes.starter import simulation
from gpnet_ros.nodes.processes.table import SCENE_MODEL, RunSettings
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.mode_gate import MODES, Connected, require_mode
from gpnet_ros.picking.shift.direct_eyes import DirectEyes
from gpnet_ros.picking.shift.lines import PAGE, ShiftHead, check_name
from gpnet_ros.picking.shift.log import ShiftLog, slider_of
from gpnet_ros.picking.shift.session import WELL, News, Shift
from gpnet_ros.settings import config_dir
from gpnet_ros.speed import at_speed


def add_arguments(parser: argparse.ArgumentParser, of_shift: bool = True) -> None:
    """Arguments of `gpnet run`; without those of a shift for other commands that pick by its loop."""
    add = parser.add_argument
    add("--robot-ip", default="", help="address of the controller")
    add("--speed", type=float, default=1.0, help="share of the cell file's speeds, 0.1 to 1 (1)")
    add("--gripper", default="robotiq", choices=GRIPPERS)
    add("--gripper-file", default="", help="settings of the gripper")
    add("--camera-serial", default="", help="of the RealSense camera; default: the only one")
    add("--cell", type=Path, help="cell file; default config/cell.yaml, of a cup config/cell_suction.yaml")
    add("--hand-eye", type=Path, help="hand-eye file; default config/hand_eye.yaml")
    add("--check", default="", help="file of `gpnet check`; needed beyond hover on hardware")
    add("--check-age", type=int, default=30, help="an older one does not count [days] (30)")
    add("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    add_priority(parser, PRIORITIES)
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the networks run (auto)")
    add_runtime(parser, "auto")
    add("--out", type=Path, default=Path("runs/shift"), help="folder of all shifts, one folder each (runs/shift)")
    add("--run-dir", type=Path, help="of a simulated cell (`gpnet sim`), in place of a RealSense camera")
    add("--json", action="store_true", help="the last line is one JSON object")
    if not of_shift:
        parser.set_defaults(simulate=False, again=False)
        return
    add("--mode", choices=MODES, default="dry_run", help="how far it goes (dry_run; with --simulate run)")
    add("--picks", type=int, default=LoopSettings.max_picks, help="it ends after so many picks, or looks (%(default)s)")
    add("--again", action="store_true", help="ask for the next heap where the table is empty, instead of ending")
    add("--simulate", action="store_true", help="start a simulated cell, and let it resume by itself")
    add("--seed", type=int, default=1, help="of its heap (1)")
    add("--objects", type=int, default=5, help="in its heap (5)")


def run(args: argparse.Namespace) -> int:
    """Pick, write the page whatever happens, and say what came of it."""
    if args.picks < 1:
        raise BadInput(f"--picks is {args.picks}; allowed: 1 or more.")
    ended = "interrupted"
    with shift_of(args) as (shift, _, log):
        try:
            ended = shift.run()
        finally:
            log.close()
            summary, page = log.summary(), log.folder / PAGE
            told = f" Page: {page}" if page.is_file() else ""
            print(f"{summary.headline} Ended: {ended.replace('_', ' ')}.{told}", flush=True)
    if args.json:
        print(json.dumps({**summary.to_dict(), "ended": ended, "page": str(page)}), flush=True)
    return 0 if ended in WELL else 1


@contextmanager
def shift_of(args: argparse.Namespace) -> Iterator[tuple[Shift, PersonAtTerminal, ShiftLog]]:
    """A shift with the devices that the arguments name, who is beside it, and what keeps it; nothing moves yet.

    Raises:
        BadInput: arguments that do not go together, or a mode that is not open.
    """
    if bool(args.robot_ip) == args.simulate:
        raise BadInput("Give --robot-ip, the address of the controller, or --simulate; one of both.")
    if args.simulate and args.again:
        raise BadInput(
            "--again asks a person for the next heap, and a cell of --simulate has nobody beside it: leave one out, or "
            "start `gpnet sim` and give its --robot-ip and --run-dir."
        )
    sys.setswitchinterval(0.001)  # the loop gets its turn sooner while a picture is looked at, as in planner_node
    folder = args.out / datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    with one_interrupt(), _cell_of(args, folder), _opened(args, folder) as found:
        try:
            yield found
        finally:
            found[2].close()


@contextmanager
def _cell_of(args: argparse.Namespace, folder: Path) -> Iterator[None]:
    """The simulated cell that was asked for, which the arguments then name; else nothing."""
    if not args.simulate:
        yield
        return
    args.mode = "run" if args.mode == "dry_run" else args.mode
    args.robot_ip, args.run_dir = free_address(), folder / "cell"
    settings = RunSettings(
        sim=True, robot_ip=args.robot_ip, seed=args.seed, objects=args.objects, gripper=args.gripper,
        run_dir=str(args.run_dir), cell_file="" if args.cell is None else str(args.cell),
    )  # fmt: skip
    with simulation(settings, folder / "logs"):
        yield


@contextmanager
def _opened(args: argparse.Namespace, folder: Path) -> Iterator[tuple[Shift, PersonAtTerminal, ShiftLog]]:
    """Everything that a shift needs, in the order in which it may be refused."""
    simulated = args.run_dir is not None
    cell_file = args.cell or config_dir() / ("cell_suction.yaml" if args.gripper == "suction" else "cell.yaml")
    hand_eye_file = args.hand_eye or config_dir() / "hand_eye.yaml"
    cell, hand_eye = at_speed(load_cell(cell_file), args.speed), load_hand_eye(hand_eye_file)
    exempt = simulated and not args.check  # a check that is named must be good, of a simulated cell too

    def gate(serial: str) -> str:
        there = Connected(cell, str(hand_eye_file), serial)
        return require_mode(args.mode, exempt, args.check, there, args.check_age)

    if not Path(args.check).is_file():
        gate(args.camera_serial)  # before anything is opened
    camera = make_camera(args.run_dir, args.camera_serial)
    person = PersonAtTerminal(unattended=args.simulate)
    camera.open()
    try:
        serial = gate(str(getattr(camera, "serial", "")) or args.camera_serial)
        made = (args.gripper, args.gripper_file, args.simulate, cell, serial)
        arm, gripper = make_robot("sim" if simulated else "ur", args.robot_ip, *made)
        news = News(person.tell)
        log = ShiftLog(news, folder, _head(args, simulated, cell.tool), lambda: slider_of(arm), person.note)
        how = LoopSettings(
            mode=args.mode, auto_resume=args.simulate, controller_clock=simulated, max_picks=args.picks
        )  # fmt: skip
        loop = PickingLoop(
            arm, gripper, cell, hand_eye, DirectEyes(camera, _see(args, cell, hand_eye, person)), log, how
        )
        turns = None if args.mode == "run" else 1 if args.simulate else args.picks
        yield Shift(loop, news, person, args.again, turns), person, log
    finally:
        camera.close()


def networks_of(args: argparse.Namespace) -> tuple[str, str]:
    """Names of the grasp network and of the multi-task network that these arguments ask for; empty for none."""
    cup = args.gripper == "suction"
    scene = args.scene_model or (SCENE_MODEL if cup or args.priority == "graspnext" else "")
    return "" if cup else str(args.model), str(scene)


def _head(args: argparse.Namespace, simulated: bool, tool: str) -> ShiftHead:
    model, scene_model = networks_of(args)
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    return ShiftHead(
        started, args.mode, simulated, args.speed, model or scene_model, str(args.cell or ""), check_name(args.check),
        tool,
    )  # fmt: skip


def _see(args: argparse.Namespace, cell: Cell, hand_eye: HandEye, person: PersonAtTerminal) -> Callable[[Frame], Sight]:
    """What the networks say of a frame."""
    from gpnet_ros.network.onlooker import Onlooker, looked_at
    from gpnet_ros.network.runtimes import Computing

    (model, scene_model), computing = networks_of(args), Computing(args.device, args.runtime, args.precision)
    where = looked_at(hand_eye, cell.workspace, person.tell)
    look = Onlooker(model, scene_model, computing, *where, args.priority, person.tell, person.note)

    def see(frame: Frame) -> Sight:
        maps, detections = look(frame)
        return Sight(frame, maps, 0.0, detections)

    return see


class PersonAtTerminal:
    """A person at the terminal beside the robot; q is a no. Unattended, a simulated cell goes on by itself."""

    def __init__(self, unattended: bool = False) -> None:
        """Nobody is asked anything where it is unattended."""
        self._terminal, self._unattended = Terminal(), unattended

    def word(self, what: str) -> bool:
        """Enter alone is a yes; s or q is none."""
        try:
            return self._unattended or self._terminal.word(what)
        except BadInput:
            return False

    def ask(self, question: str) -> str:
        """A line of text, q where there is nobody."""
        try:
            return "q" if self._unattended else self._terminal.name(question)
        except BadInput:
            return "q"

    def tell(self, what: str) -> None:
        """Print it."""
        print(what, flush=True)

    def note(self, what: str) -> None:
        """Print what should not be overlooked."""
        self.tell(f"NOTE {what}")
