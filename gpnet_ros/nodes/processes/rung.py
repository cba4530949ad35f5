"""One mode of the planner tried on a cell, by nodes of its own, each motion on a person's word: for `gpnet bringup`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import yaml

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.errors import BadInput, DeviceError, GpnetError
from gpnet_ros.nodes.processes.running_cell import FIRST_MAPS, free_domain, one_interrupt
from gpnet_ros.nodes.processes.starter import RunningNodes, start_nodes
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.picking.consent import PROPOSED_NOW
from gpnet_ros.picking.record import how_chosen, where_chosen
from gpnet_ros.speed import at_speed
from gpnet_ros.tool_words import TOOL_WORDS

if TYPE_CHECKING:
    from gpnet_ros.nodes.processes.client import PlannerClient

#: Longest wait for the next result in which the arm does not move, and for what a picture is drawn of [s].
_RESULT, _PICTURE = 180.0, 20.0
#: How each mode's result reads where it went well.
_WELL = {"dry_run": ("dry_run",), "hover": ("done",), "step": ("picked",)}
#: Ends of a task in mode `run` that are none of its faults.
_ENDED = ("nothing_left", "max_picks")
#: States in which a `pick` begins nothing: it is a word for the proposal, or refused.
_PENDING = ("awaiting_approval", "looking", "deciding")
#: Parameters of the planner that a share makes smaller.
_SPEEDS = ("joint_speed", "linear_speed", "descent_speed", "grip_speed")
#: Before a look the planner tidies up.
_HOME = ". Before it the arm goes home if it stands elsewhere"
_ASK = {
    "dry_run": "Decide once; nothing moves",
    "hover": f"Go above the grasp that is chosen, and home again; nothing is touched{_HOME}",
    "step": f"Look, and show what would be done{_HOME}, {{tidy}}",
    "run": "Pick until nothing is left, or {picks} picks",
}


@dataclass(frozen=True)
class Rung:
    """One mode to be tried.

    Attributes:
        mode: one of `mode_gate.MODES`.
        share: of the cell's speeds, 0.1 to 1.
        picks: at most, in mode `run`.
        parameters: of all nodes, by the name of the node.
        cell: whose speeds are shared.
        hand_eye: of the cell, for the picture.
        folder: for the parameter file, the logs and the picture.
    """

    mode: str
    share: float
    picks: int
    parameters: dict[str, dict[str, Any]]
    cell: Cell
    hand_eye: HandEye
    folder: Path

    @property
    def picture(self) -> Path:
        """What was decided, as RViz would show it."""
        return self.folder / "decision.jpg"

    def write(self) -> Path:
        """Write the parameter file of this rung."""
        motion = at_speed(self.cell, self.share).motion
        speeds = {name: getattr(motion, name) for name in _SPEEDS}
        planner = {
            **self.parameters["planner_node"], **{name: round(value, 4) for name, value in speeds.items()},
            "mode": self.mode, "max_picks": self.picks, "look_timeout": 120.0,
        }  # fmt: skip
        sections = {**self.parameters, "planner_node": planner}
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "params.yaml"
        text = yaml.safe_dump({f"/**/{node}": {"ros__parameters": values} for node, values in sections.items()})
        file.write_text(text, encoding="utf-8")
        return file


def try_rung(rung: Rung, word: Callable[[str], bool], say: Callable[[str], None]) -> bool:
    """Start the nodes, let them do what the mode does, and end them; whether it went well.

    Args:
        rung: what is tried.
        word: whether the arm may do this now.
        say: tells a person a line.

    Raises:
        BadInput: the person says no.
        DeviceError: something does not start, or does not answer.
    """
    try:
        from gpnet_ros.nodes.processes.client import PlannerClient
        from gpnet_ros.nodes.showing.scene_view import draw, listen
    except ImportError as error:
        raise DeviceError(f"ROS 2 cannot be imported ({error}); run `make setup`, or source a ROS 2.") from error
    run = RunSettings(mode=rung.mode, params_file=str(rung.write().resolve()), robot_model="false")
    say(f"starts camera, network and planner in mode {rung.mode}; their logs are in {rung.folder}")
    with one_interrupt(), start_nodes(run, free_domain(), rung.folder) as running, PlannerClient() as client:

        def show() -> None:
            with contextlib.suppress(GpnetError):  # a picture is no reason to stop
                cv2.imwrite(str(rung.picture), draw(listen(_PICTURE), rung.cell, rung.hand_eye)[..., ::-1])
                say(f"{rung.picture}: what was decided")

        task = _Task(rung, running, client, word, say, show)
        task.make_ready()
        return task.play()


class _Task:
    """One task of a planner that runs."""

    def __init__(
        self,
        rung: Rung,
        running: RunningNodes,
        client: PlannerClient,
        word: Callable[[str], bool],
        say: Callable[[str], None],
        show: Callable[[], None],
    ) -> None:
        self._rung, self._running, self._client = rung, running, client
        self._word, self._say, self._show = word, say, show
        self._tool = TOOL_WORDS[rung.cell.tool]

    def make_ready(self, why: str = "") -> None:
        """Wait for the planner; the arm is made ready on a word, which begins with why; nothing else begins by it."""
        wanted = ("idle",) if self._rung.mode == "dry_run" else ("idle", "needs_resume")
        self._await(lambda: self._client.state in wanted, FIRST_MAPS, "the planner")
        if self._client.state == "needs_resume":
            self._require(f"{why}Make the arm ready; it powers on where it must, brakes click, and {self._tool.ready}")
            self._client.call("resume", timeout=30.0)
            self._await(lambda: self._client.state == "idle", FIRST_MAPS, "an arm that is ready")

    def play(self) -> bool:
        """The task of the mode; whether it went well."""
        mode, client = self._rung.mode, self._client
        self._require(_ASK[mode].format(picks=self._rung.picks, tidy=self._tool.tidy))
        seen = len(client.results)
        client.call("start" if mode == "run" else "pick", timeout=30.0)
        if mode == "step":
            self._approve(seen)
        picked = 0
        while True:
            result = client.next_result(seen, _RESULT)
            seen += 1
            picked += result["status"] == "picked"
            self._say(_told(result))
            if mode != "run":
                if mode != "step":
                    self._show()
                return result["status"] in _WELL[mode]
            if result["finished"] == "stopped":
                self.make_ready("It was stopped; see to its cause, and take away what lies in the way. ")
                self._require("Go on with this run: it picks")
                client.call("start", timeout=30.0)
            elif result["finished"] is not None:
                picked = max(picked, result.get("placed", 0))  # with what was held at a stop, and put down after it
                self._say(f"{picked} objects in the tote; the task ended: {result['finished']}")
                return picked > 0 and result["finished"] in _ENDED

    def _approve(self, seen: int) -> None:
        """A person's word for the very proposal that was shown; one that was dropped is shown anew, and asked for."""
        client, shown, counted, approved = self._client, 0, 0, False

        def is_next() -> bool:
            nonlocal counted
            counted = client.proposals  # here, where no newer one can come between
            return len(client.results) > seen or (client.proposals > shown and client.state == "awaiting_approval")

        while True:
            self._await(is_next, _RESULT, "a proposal")
            if len(client.results) > seen:
                return
            if approved:
                self._say(f"Nothing was picked: what you approved was dropped ({client.refused}); it proposes anew")
            shown = counted
            self._show()
            self._require("Do the pick that is proposed (look at the picture): down, close, lift, into the tote")
            if client.state not in _PENDING:
                continue
            approved, told = client.ask("pick", timeout=30.0)
            if not approved:  # the planner alone knows what the word was for: it refuses one for what it took away
                self._say(told)
                # What it proposes meanwhile may have been shown already, after an approval that came to nothing: no
                # newer one comes. It was published before this answer, so what is shown from now on is not older.
                shown = 0 if PROPOSED_NOW in told else shown

    def _await(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        def there() -> bool:
            self._running.require_alive()
            return condition()

        self._client.wait_until(there, limit, what)

    def _require(self, what: str) -> None:
        if not self._word(what):
            raise BadInput("Left out by a person: nothing more is moved.")


def _told(result: dict[str, Any]) -> str:
    """One line of a result."""
    where = ""
    if "pixel" in result:
        where = f"{where_chosen(result)}, {how_chosen(result)}"
    seconds = sum(result["time_s"].values())
    return f"{result['status']} {where}, {seconds:.1f} s, {result['message']}".replace(" ,", ",")
