"""The recorded states of a run of the simulated cell, rendered into an H.264 file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.cell.state import State
from gpnet_ros.sim.cell.video import Spectator, check_recording, chosen_states
from gpnet_ros.workers import spread

#: Containers that hold H.264 and that players open.
SUFFIXES = (".mp4", ".mkv", ".mov")

_spectator: Spectator | None = None  # of a worker process


def write_video(run_dir: Path, out: Path, fps: int = 12, speed: float = 3.0, width: int = 512, workers: int = 1) -> int:
    """Render a run into an H.264 file.

    Args:
        run_dir: folder with recorded states and scene files.
        out: file to write.
        fps: pictures per second of the video.
        speed: simulated seconds per second of the video.
        width: [px]; the height is 9/16 of it.
        workers: processes that render; 1 renders here.

    Returns:
        Number of pictures.

    Raises:
        BadInput: the folder holds no recording, or `out` cannot be written or is no video.
    """
    import av

    if out.suffix.lower() not in SUFFIXES:
        raise BadInput(f"--out {out} cannot be a video: its name must end with one of {', '.join(SUFFIXES)}.")
    check_recording(run_dir)
    size = (width // 16 * 16, width // 16 * 9 // 2 * 2)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("ab").close()
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written ({error.strerror}); choose another file.") from error
    count = 0
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "24", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for image in _images(run_dir, speed / fps, size, workers):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            count += 1
        container.mux(stream.encode())
    return count


def _images(run_dir: Path, period: float, size: tuple[int, int], workers: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures in order, rendered here or in worker processes."""
    yield from spread(_render, list(chosen_states(run_dir, period)), workers, _prepare, (run_dir, size), chunk=4)


def _prepare(run_dir: Path, size: tuple[int, int]) -> None:
    global _spectator
    _spectator = Spectator(run_dir, size)


def _render(job: tuple[float, State]) -> NDArray[np.uint8]:
    assert _spectator is not None
    return _spectator.image(job[1], _caption(job[0]))


def _caption(since: float) -> str:
    return f"{since:6.1f} s"
