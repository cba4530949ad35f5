"""The steps of `gpnet bringup`: each calls the command of its name, or the planner in a mode."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros import cli
from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.commands.robot_person import Terminal
from gpnet_ros.errors import GpnetError
from gpnet_ros.nodes.processes.rung import Rung, try_rung
from gpnet_ros.picking.bringup.ladder import Outcome, Step
from gpnet_ros.picking.mode_gate import Connected, require_mode

#: Lines of a step that the page keeps.
_LINES = 40
#: Exit status of a command that a person has broken off.
_BROKEN_OFF = 130


@dataclass(frozen=True)
class Workbench:
    """What the steps work with.

    Attributes:
        folder: of the cell.
        settings: of the folder, see `commands/bringup.py`.
        ask: asks a person for a word.
        views: of the board that are wanted.
        without: parts that the doctor leaves out.
        picks: at most, in a run at full speed.
        measure: what is measured of the cell, separated by commas.
    """

    folder: Path
    settings: dict[str, str]
    ask: Callable[[str], str]
    views: int
    without: tuple[str, ...]
    picks: int
    measure: str

    def file(self, name: str) -> str:
        """Path of a file of the folder."""
        return str((self.folder / name).resolve())

    @property
    def is_simulated(self) -> bool:
        """Whether the robot is a `gpnet sim`."""
        return bool(self.settings["run_dir"])

    @property
    def robot_words(self) -> list[str]:
        """Arguments of the commands that have robot and camera."""
        s = self.settings
        words = ["--robot-ip", s["robot_ip"], "--gripper", s["gripper"], "--camera-serial", s["camera_serial"]]
        words += ["--gripper-file", s["gripper_file"]] if s["gripper_file"] else []
        return words + (["--run-dir", s["run_dir"]] if self.is_simulated else [])

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Parameters of the nodes for this cell, by the name of the node."""
        s, files = self.settings, {"cell_file": self.file("cell.yaml"), "hand_eye_file": self.file("hand_eye.yaml")}
        camera = {"source": "sim", "run_dir": s["run_dir"]} if self.is_simulated else {"serial": s["camera_serial"]}
        planner = {
            "robot": "sim" if self.is_simulated else "ur", "robot_ip": s["robot_ip"], "gripper": s["gripper"],
            "gripper_file": s["gripper_file"], "camera_serial": s["camera_serial"],
            "calibration_check_file": self.file("check.yaml"),
        }  # fmt: skip
        return {
            "camera_node": {**camera, **files},
            "inference_node": {"model": s["model"], **files},
            "planner_node": {**planner, **files},
        }

    def launch_told(self) -> str:
        """Writes the parameter file of the cell, and says how the launch takes it."""
        sections = {f"/**/{node}": {"ros__parameters": values} for node, values in self.parameters().items()}
        file = Path(self.file("params.yaml"))
        file.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
        return f"From now on: ros2 launch gpnet_ros grasp.launch.py params_file:={file} mode:=run"


def steps_of(bench: Workbench) -> list[Step]:
    """All steps in their order."""
    mode = partial(_mode_step, bench)
    return [
        Step(
            "doctor",
            "Examines computer, ROS, robot, gripper and camera; nothing moves.",
            "each FAULT has its remedy beside it; before hand-eye the camera need not be where a file says.",
            lambda: _command(_doctor_words(bench)),
            acceptable=True,
        ),
        Step(
            "hand-eye",
            "The printed board goes to the flange (camera on a mast) or onto the table (camera at the flange). Clear "
            "the table of all else: Enter says that it is empty. Views of the board are taken by hand, or driven to at "
            "a tenth of the speed on your word each. Wanted before: a first view by hand, with the freedrive button.",
            "spread below 1 mm, no view left out that you trust, the board's size within 0.5 %.",
            lambda: _hand_eye(bench),
            afresh=lambda: _aside(bench.folder / "views"),
        ),
        Step(
            "cell",
            "Close the jaws, take the board off the flange, clear the table. You lead the tips to tote, keep-outs and "
            "home; the arm touches the table at four places, on your Enter each.",
            "cell.png: drawn lines lie on the things for which they stand; touched and seen height of the table agree.",
            lambda: _command(
                ["cell", *bench.robot_words, *_given("--cell", bench.settings["cell"]), "--hand-eye",
                 bench.file("hand_eye.yaml"), "--out", str(bench.folder), "--only", bench.measure],
                ("cell.png",),
            ),
            back="hand-eye",
            afresh=lambda: _aside(bench.folder / "measured.yaml"),
        ),
        Step(
            "check",
            "The board flat on the table in the middle of the workspace, a cylinder fixed beside it, nothing else. The "
            "closed jaws go down to both, on your Enter each; you read where they stand beside the board's corners.",
            "the mean below 3 mm. Only z off: tcp_offset of the cell file. x and y off: b does the hand-eye anew.",
            lambda: _command(
                ["check", *bench.robot_words, "--cell", bench.file("cell.yaml"), "--hand-eye",
                 bench.file("hand_eye.yaml"), "--board", bench.file("board.yaml"), "--out", bench.file("check.yaml")]
            ),
            back="hand-eye",
            afresh=lambda: _aside(bench.folder / "check.unfinished.yaml"),
        ),
        mode("dry_run", "dry_run", 1.0, 1, "the grasp lies across an object that lies on top; nothing moves."),
        mode("hover", "hover", 0.1, 1, "the open jaws stand over that object, turned as it lies; nothing is touched."),
        mode("step", "step", 0.1, 1, "one object goes into the tote; the tips stop before the table."),
        mode("run at 10 %", "run", 0.1, 1, "the same without a word in between; a hand stays at the emergency stop."),
        mode("run at 30 %", "run", 0.3, 3, "up to three objects; what is held hangs clear of the tote's walls."),
        mode("run", "run", 1.0, bench.picks, "the heap is cleared; then `gpnet bringup` offers the next one."),
    ]  # fmt: skip


def _mode_step(bench: Workbench, name: str, mode: str, share: float, picks: int, look: str) -> Step:
    about = "Board and cylinder away; some objects into the workspace. " if mode == "dry_run" else ""
    about += f"The planner in mode {mode}" + (f" at {share:.0%} of its speed." if mode != "dry_run" else ".")
    if name in ("step", "run at 10 %", "run at 30 %", "run"):
        about += " Some objects must lie there."
    return Step(name, about, look, lambda: _mode(bench, name, mode, share, picks), back="check")


def _mode(bench: Workbench, name: str, mode: str, share: float, picks: int) -> Outcome:
    """Try a mode with nodes of its own, if the gate opens it."""
    hand_eye, cell_file = bench.file("hand_eye.yaml"), bench.file("cell.yaml")
    logs = bench.folder / "logs" / name.replace(" ", "_").replace("%", "percent")
    (logs / "decision.jpg").unlink(missing_ok=True)
    with _heard() as told:
        try:
            eye = load_hand_eye(Path(hand_eye))
            cell = load_cell(Path(cell_file)).carrying(eye)
            connected = Connected(cell, hand_eye, bench.settings["camera_serial"])
            require_mode(mode, False, bench.file("check.yaml"), connected, 30)
            rung = Rung(mode, share, picks, bench.parameters(), cell, eye, logs)
            ok = try_rung(rung, Terminal().word, lambda text: print(text, flush=True))
        except GpnetError as error:
            print(error, flush=True)
            ok = False
    shown = [logs / "decision.jpg"] if (logs / "decision.jpg").is_file() else []
    return Outcome(ok, _last(told), tuple(str(file.relative_to(bench.folder)) for file in shown))


def _doctor_words(bench: Workbench) -> list[str]:
    s = bench.settings
    words = [
        "doctor",
        "--robot-ip",
        s["robot_ip"],
        "--gripper",
        s["gripper"],
        *_given("--gripper-file", s["gripper_file"]),
    ]
    words += _given("--cell", s["cell"]) + _given("--hand-eye", s["hand_eye"]) + ["--model", s["model"]]
    words += ["--camera", "sim", "--run-dir", s["run_dir"]] if bench.is_simulated else ["--serial", s["camera_serial"]]
    return words + (["--without", *bench.without] if bench.without else [])


def _hand_eye(bench: Workbench) -> Outcome:
    """The board's page where there is none yet, views, and the solver."""
    s, board, views = bench.settings, bench.folder / "board.yaml", bench.folder / "views"
    if not board.is_file():
        printed = _print_board(bench, board)
        if not printed.ok:
            return printed
    sim, words = bench.is_simulated, ["hand-eye", "capture", str(views), "--board", str(board)]
    words += ["--mount", s["mount"], "--robot", "sim" if sim else "ur", "--robot-ip", s["robot_ip"]]
    words += ["--camera", "sim", "--run-dir", s["run_dir"]] if sim else ["--serial", s["camera_serial"]]
    words += _given("--cell", s["cell"]) + _given("--hand-eye", s["hand_eye"])
    taken = _command([*words, "--drive", "--table-empty", "--views", str(bench.views)])
    if not taken.ok:
        return taken
    shown = sorted(str(file.relative_to(bench.folder)) for file in views.glob("views/*/color.png"))[:1]
    words = ["hand-eye", "solve", str(views), "--out", str(bench.folder), *_given("--cell", s["cell"])]
    return _command(words, tuple(shown))


def _print_board(bench: Workbench, board: Path) -> Outcome:
    """The board's page, and a person who prints it; the step goes on after Enter only."""
    made, page = _command(["board", "--out", str(board.with_suffix(".pdf"))]), board.with_suffix(".pdf")
    told = f"Print {page} at 100 %, measure it, and stick it to a stiff plate"
    while made.ok:
        try:
            word = bench.ask(f"{told}: Enter goes on, q leaves> ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            word = "q"
        if word == "":
            return made
        if word == "q":
            return Outcome(False, (*made.told, f"{told}; then go on here."), left=True)
        print(f"{word!r} is none of these.", flush=True)
    return made


def _given(option: str, value: str) -> list[str]:
    return [option, value] if value else []


def _command(words: list[str], pictures: tuple[str, ...] = ()) -> Outcome:
    """Run a command of this package as a person would, and keep what it tells."""
    with _heard() as told:
        status = cli.main(words)
    return Outcome(status == 0, _last(told), pictures if status == 0 else (), status == _BROKEN_OFF)


class _Tee(io.TextIOBase):
    """Writes to two places."""

    def __init__(self, first: Any, second: io.StringIO) -> None:
        self._first, self._second = first, second

    def write(self, text: str) -> int:
        self._second.write(text)
        return int(self._first.write(text))

    def flush(self) -> None:
        self._first.flush()


@contextlib.contextmanager
def _heard() -> Iterator[io.StringIO]:
    """What is printed meanwhile, errors too."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(_Tee(sys.stdout, heard)), contextlib.redirect_stderr(_Tee(sys.stderr, heard)):
        yield heard


def _last(told: io.StringIO) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in told.getvalue().splitlines() if line.strip())[-_LINES:]


def _aside(path: Path) -> None:
    """Put a file or folder out of the way, so that it is begun anew."""
    if not path.exists():
        return
    number = 1
    while (other := path.with_name(f"{path.stem}.before{number}{path.suffix}")).exists():
        number += 1
    path.rename(other)
    print(f"{path} is put aside as {other.name}.", flush=True)
