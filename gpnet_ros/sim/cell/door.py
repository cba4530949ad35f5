"""The admin door of the simulated cell: heaps and the truth, for scoring only; no node opens it."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from gpnet_ros.errors import DeviceError
from gpnet_ros.sim.cell.report import TruthReport
from gpnet_ros.ur_controller.server import ADMIN_PORT

#: Longest wait for one answer [s]: the controller works the truth out between two of its cycles.
_ANSWER = 15.0
_POLL = 0.3  # [s]


class CellDoor:
    """Asks one simulated cell, over the controller's admin port: one JSON object per line."""

    PORT = ADMIN_PORT

    def __init__(self, ip: str) -> None:
        """Know the loopback address of the simulated controller; nothing is connected yet."""
        self.ip = ip

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send one command of the admin port; returns its answer.

        Raises:
            DeviceError: nobody answers in time, or the answer is an error.
        """
        request = json.dumps({"command": command, **arguments}).encode() + b"\n"
        try:
            with socket.create_connection((self.ip, self.PORT), timeout=_ANSWER) as link, link.makefile() as answers:
                link.sendall(request)
                answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"The simulated cell at {self.ip} did not answer {command!r} ({error or 'closed'}); see its log."
            ) from error
        if not answer.get("ok"):
            raise DeviceError(f"The simulated cell refused {command!r}: {answer.get('error')}")
        return answer

    def truth(self) -> TruthReport:
        """The truth as it is now; errors as in `ask`."""
        return TruthReport.from_dict(self.ask("truth"))

    def truth_at_rest(self, patience: float) -> TruthReport:
        """The truth once nothing rolls any more, or after `patience` [s] of wall time."""
        end = time.monotonic() + patience
        while True:
            truth = self.truth()
            if truth.at_rest or time.monotonic() > end:
                return truth
            time.sleep(_POLL)

    def load_heap(self, seed: int, objects: int, patience: float) -> None:
        """Have another heap of `objects` objects made, and wait until it lies there.

        Raises:
            DeviceError: it could not be made within `patience` [s].
        """
        self._await_heap(self.ask("load_heap", seed=seed, objects=objects)["version"], f"of seed {seed}", patience)

    def put_heap(self, stored: dict[str, Any], patience: float) -> None:
        """Put a stored heap there, as `Heap.to_dict` gives it, within `patience` [s]; errors as in `load_heap`."""
        self._await_heap(self.ask("load_heap", heap=stored)["version"], "that was stored", patience)

    def _await_heap(self, announced: int, which: str, patience: float) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            status = self.ask("heap")
            if status["version"] >= announced:
                return
            if status["error"]:
                raise DeviceError(f"The heap {which} could not be made: {status['error']}")
            time.sleep(_POLL)
        raise DeviceError(f"The heap {which} was not there after {patience:.0f} s; see the cell's log.")
