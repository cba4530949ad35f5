"""How many exposures arrive in another process, with and without the Fast DDS profile; `-s` prints the shares.

python -m pytest -m slow -s test/nodes/test_frame_loss.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.qos import ReliabilityPolicy  # noqa: E402

from gpnet_ros.nodes.arriving.exposures import Exposures  # noqa: E402
from gpnet_ros.nodes.processes.running_cell import free_domain  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402
from gpnet_ros.nodes.processes.transport import PROFILE_VARIABLES, RANGE_VARIABLE, profile_environment  # noqa: E402

STREAM = Path(__file__).parents[1] / "support" / "image_stream.py"
RATE = 30.0
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


def play(
    folder: Path, seconds: float, image_qos: str, profile: bool, *camera: str, reader_profile: bool | None = None
) -> tuple[float, bool, str]:
    """Share of exposures that became complete, whether they were subscribed to reliably, and the reader's log.

    Args:
        profile: whether the camera has the Fast DDS profile; the reader has it too, unless reader_profile says other.
    """
    domain, count = free_domain(), round(seconds * RATE)
    environment = {**os.environ, **ros_environment(domain), "OMP_NUM_THREADS": "1"}
    bare = {name: value for name, value in environment.items() if name not in PROFILE_VARIABLES}
    bare[RANGE_VARIABLE] = "LOCALHOST"
    log = folder / f"{image_qos}_{profile}.log"

    def start(has_profile: bool, *words: object) -> subprocess.Popen[str]:
        command, settings = [sys.executable, str(STREAM), *map(str, words)], environment if has_profile else bare
        return subprocess.Popen(command, env=settings, stderr=log.open("a"), **PIPES)

    read = profile if reader_profile is None else reader_profile
    with start(read, "reader", domain, image_qos) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        with start(profile, "camera", domain, count, RATE, *camera) as sender:
            assert sender.stdout is not None
            assert int(sender.stdout.readline()) == count
            answer = json.loads(reader.communicate(timeout=60)[0])
            sender.communicate(timeout=60)
    return answer["complete"] / count, answer["reliable"], log.read_text()


def test_without_a_profile_reliable_is_chosen_but_not_where_the_camera_sends_nothing_again(tmp_path: Path) -> None:
    share, is_reliable, log = play(tmp_path, 4.0, "auto", False, "best_effort")
    assert share > 0.0
    assert "image_qos reliable" in log
    assert not is_reliable and "sent best effort" in log


@pytest.mark.parametrize(
    ("image_qos", "profile", "reliable"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("sensor", False, False),
        ("reliable", True, True),
    ],
)
def test_what_the_parameter_means(
    monkeypatch: pytest.MonkeyPatch, image_qos: str, profile: bool, reliable: bool
) -> None:
    for name in (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS", "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (profile_environment() if profile else {}).items():
        monkeypatch.setenv(name, value)
    context = rclpy.context.Context()
    rclpy.init(context=context, domain_id=free_domain())
    node = rclpy.create_node("reader", context=context)
    try:
        exposures = Exposures(node, image_qos)
        assert exposures.is_reliable == reliable
        offered = {(s.qos_profile.reliability, s.qos_profile.depth) for s in exposures.subscriptions}
        assert offered == {(ReliabilityPolicy.RELIABLE, 5) if reliable else (ReliabilityPolicy.BEST_EFFORT, 1)}
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_profile_or_else_reliable_subscriptions_bring_images_over(tmp_path: Path) -> None:
    shares = {}
    for profile, image_qos in ((True, "sensor"), (True, "reliable"), (False, "sensor"), (False, "reliable")):
        share, _, log = play(tmp_path, 30.0, image_qos, profile)
        shares[profile, image_qos] = share
        told = [line for line in log.splitlines() if "did not arrive" in line]
        print(f"\nprofile {profile!s:5} {image_qos:8}: {share:.0%} of the exposures complete; {(told or [''])[-1]}")
        if share < 0.7:
            assert told, log
    assert shares[True, "sensor"] > shares[False, "sensor"]
    assert shares[False, "reliable"] > shares[False, "sensor"]


@pytest.mark.slow
def test_a_camera_without_the_profile_is_told_by_a_reader_with_it(tmp_path: Path) -> None:
    share, is_reliable, log = play(tmp_path, 15.0, "auto", False, reader_profile=True)
    assert not is_reliable and share < 0.9
    assert "did not arrive" in log and "Has the process that sends it the profile too" in log
