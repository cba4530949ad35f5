"""The picking loop on a simulated controller as a process: words on stdin, JSON lines on stdout.

`python -m support.loop_process IP ARM MODE` looks at one box that comes back after every pick. Words are the loop's
own (start, pick, pause, resume, stop) and `blind`, `see`, `child` (its process id), `close`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from support.scenes import sight

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.errors import DeviceError
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.record import DecisionBasis, PickRecord

_telling = threading.Lock()


def tell(**what: Any) -> None:
    """One JSON line."""
    with _telling:
        print(json.dumps(what), flush=True)


class BoxEyes:
    """See the box ten times a second, or nothing while blind."""

    def __init__(self) -> None:
        self.blind = False
        self._box = sight(1.0, 0.05)

    def newest(self, timeout: float) -> Sight | None:
        if self.blind:
            time.sleep(timeout)
            return None
        time.sleep(0.1)
        now = time.time()
        return replace(
            self._box, frame=replace(self._box.frame, stamp=now), maps=replace(self._box.maps, stamp=now)
        )  # fmt: skip

    def why_none(self) -> str:
        return "The camera delivers nothing."


class Teller:
    """Tells what the loop says."""

    def state(self, state: str) -> None:
        tell(state=state)

    def refused(self, reason: str) -> None:
        tell(refused=reason)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        tell(decided=decision.status)

    def result(self, record: PickRecord) -> None:
        kept = record.to_dict()
        tell(result={key: kept.get(key) for key in ("status", "message", "finished", "step", "holding")})


def watch(arm: UrArm) -> None:
    """Tell each change of the arm's status."""
    last: tuple[str, str] | None = None
    while True:
        try:
            state = arm.state()
            now = (state.status, state.message)
        except DeviceError as error:
            now = ("none", str(error))
        if now != last:
            tell(arm=now)
            last = now
        time.sleep(0.02)


def main() -> None:
    ip, name, mode = sys.argv[1:]
    cell = replace(load_cell(), arm=name)
    arm, gripper = make_robot("ur", ip, "robotiq", "", False, cell)
    assert isinstance(arm, UrArm)
    sys.setswitchinterval(0.001)  # as planner_node does
    eyes = BoxEyes()
    loop = PickingLoop(arm, gripper, cell, load_hand_eye(), eyes, Teller(), LoopSettings(mode=mode, look_timeout=3.0))
    loop.open()
    threading.Thread(target=watch, args=(arm,), daemon=True).start()
    for line in sys.stdin:
        word = line.strip()
        if word in ("blind", "see"):
            eyes.blind = word == "blind"
        elif word == "child":
            tell(child=arm._link.process.pid if arm._link is not None else None)
        elif word == "close":
            break
        else:
            tell(answer=getattr(loop, word)())
    loop.close()


if __name__ == "__main__":
    main()
