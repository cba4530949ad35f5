"""Lead a person from an empty folder to a robot that picks: doctor, hand-eye, cell, check, dry_run, hover, step, run.

    gpnet bringup mycell --robot-ip 192.168.0.10 --camera-serial 923322071234
    gpnet bringup mycell                                 # goes on where it was left

Each step is the command of its name and can be done alone. Nothing moves without your Enter at the step; keep a hand at
the emergency stop. q, Ctrl-C or a closed terminal leave; the folder keeps what was measured, `bringup.yaml` what is
done, `bringup.html` tells it. What rests on a file that is another one since is done anew.
Exit status: 0 all is done, 1 left before, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
import termios
from pathlib import Path

from gpnet_ros.commands.bringup_steps import Workbench, steps_of
from gpnet_ros.devices.robots import GRIPPERS
from gpnet_ros.errors import BadInput
from gpnet_ros.picking.bringup.ladder import Ladder
from gpnet_ros.picking.bringup.progress import STEPS, Progress
from gpnet_ros.picking.touch.measuring import ITEMS

#: Settings that the folder keeps, so that a later call needs the folder only.
_KEPT = ("robot_ip", "gripper", "gripper_file", "camera_serial", "run_dir", "mount", "cell", "hand_eye", "model")
#: Those on which what was measured rests, and those that are paths.
_BOUND = ("robot_ip", "camera_serial", "gripper", "mount", "cell")
_FILES = ("gripper_file", "run_dir", "cell", "hand_eye")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bringup`."""
    add = parser.add_argument
    add("folder", type=Path, help="folder of the cell; made, or gone on with")
    add("--robot-ip", help="address of the controller; needed to begin")
    add("--gripper", choices=[g for g in GRIPPERS if g != "suction"], help="what hangs at the flange (robotiq)")
    add("--gripper-file", help="settings of the gripper")
    add("--camera-serial", help="serial number of the RealSense camera; needed to begin")
    add("--run-dir", help="of a simulated cell (`gpnet sim`), in place of a RealSense camera")
    add("--mount", choices=("fixed", "flange"), help="where the camera is (fixed)")
    add("--cell", help="cell file to begin from (config/cell.yaml)")
    add("--hand-eye", help="roughly where the camera is, so that one view by hand is enough to drive")
    add("--model", help="network (gpnet)")
    add(
        "--from",
        dest="begin",
        choices=STEPS,
        metavar="STEP",
        help="do this step and those after it anew; what they kept is put aside",
    )
    add("--views", type=int, default=15, help="views of the board that are wanted (15)")
    add("--measure", default=",".join(ITEMS), help=f"what is measured of the cell, of {','.join(ITEMS)}")
    add("--without", nargs="+", default=[], metavar="PART", help="parts that the doctor leaves out")
    add("--picks", type=int, default=30, help="at most, in a run at full speed (30)")


def run(args: argparse.Namespace) -> int:
    """Lead until all is done, or the person leaves."""
    progress = Progress(args.folder)
    _settle(progress, args)
    progress.write()
    bench = Workbench(args.folder, progress.settings, _ask, args.views, tuple(args.without), args.picks, args.measure)
    ladder = Ladder(progress, steps_of(bench), lambda text: print(text, flush=True), _ask)
    if args.begin:
        ladder.anew(args.begin)
    if not ladder.climb():
        return 1
    print(f"\nAll steps are done. {bench.launch_told()}")
    while _more():
        if ladder.again("run").left:
            return 1
    return 0


def _settle(progress: Progress, args: argparse.Namespace) -> None:
    """The settings of the folder, with what is given now."""
    defaults = {"gripper": "robotiq", "mount": "fixed", "model": "gpnet"}
    for name in _KEPT:
        given = getattr(args, name)
        if given and name in _FILES:
            given = str(Path(given).resolve())  # the next call may come from elsewhere
        before = progress.settings.get(name, defaults.get(name, ""))
        other = given is not None and before and given != before
        if other and name in _BOUND and name in progress.settings and progress.attempts:
            raise BadInput(
                f"{args.folder} was begun with {name} {before!r}, now it is {given!r}: take another folder, or move "
                f"{progress.folder / 'bringup.yaml'} away and do all steps anew."
            )
        progress.settings[name] = given if given is not None else before
    for name, option in (("robot_ip", "--robot-ip"), ("camera_serial", "--camera-serial")):
        if not progress.settings[name]:
            raise BadInput(f"{args.folder} is new: give {option}.")


def _ask(question: str) -> str:
    """A word; EOFError where nobody is there any more."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before is no answer
    print(question, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _more() -> bool:
    """Whether a further heap is to be picked."""
    try:
        return _ask("Lay another heap: Enter picks it, q leaves> ").strip() == ""
    except (EOFError, KeyboardInterrupt):
        return False
