"""Heaps made in a process beside the controller, which must not stop for them.

`python -m gpnet_ros.sim.heap.maker SEED OBJECTS TOOL` prints one heap as JSON and ends; so nothing is left behind
when the process that asked for it dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.objects.model import GRASPABLE_BY

#: Added to the nice value: physics, camera and network come first.
_YIELDING = 15


class HeapMaker:
    """Makes one heap at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    @property
    def busy(self) -> bool:
        """Whether a heap is being made, or waits to be taken."""
        return self._child is not None

    def start(self, seed: int, objects: int, tool: str) -> None:
        """Begin to make the heap of `stack_heap(seed, objects)` of what a tool can take; not while `busy`."""
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(seed), str(objects), tool],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def take(self) -> Heap | None:
        """The heap when it is done, None before; never waits.

        Raises:
            BadInput: it could not be made.
        """
        if self._child is None or self._child.poll() is None:
            return None
        (made, said), status = self._child.communicate(), self._child.returncode
        self._child = None
        if status != 0:
            raise BadInput(
                said.strip().splitlines()[-1] if said.strip() else f"The maker of heaps ended with {status}."
            )
        return Heap.from_dict(json.loads(made))

    def stop(self) -> None:
        """End a heap that is being made; harmless otherwise."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def main() -> int:
    """Print the heap of three arguments: seed, number of objects, and the tool that can take them."""
    os.nice(_YIELDING)
    try:
        seed, objects, tool = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        print(json.dumps(stack_heap(seed, objects, GRASPABLE_BY[tool]).to_dict()))
    except GpnetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
