"""Heaps made in a process beside the controller, which must not stop for them.

`python -m gpnet_ros.sim.heap.maker SEED OBJECTS` prints one heap as JSON and ends; so nothing is left behind
when the process that asked for it dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.sim.heap.heap import Heap, stack_heap

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

    def start(self, seed: int, objects: int) -> None:
        """Begin to make the heap of `stack_heap(seed, objects)`; not while `busy`."""
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(seed), str(objects)],
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
    """Print the heap of two arguments, seed and number of objects."""
    os.nice(_YIELDING)
    try:
        print(json.dumps(stack_heap(int(sys.argv[1]), int(sys.argv[2])).to_dict()))
    except GpnetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
