"""The running cell recorded by its planner, then replayed: the same maps and the same grasps, bit for bit. Slow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from sensor_msgs.msg import Image  # noqa: E402

from gpnet_ros.data.bags.bag import Bag  # noqa: E402
from gpnet_ros.data.bags.decisions import RecordedDecision, read_decisions  # noqa: E402
from gpnet_ros.encodings import map_of  # noqa: E402
from gpnet_ros.evaluation.replay_testing.decided_again import decide_all_again  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.arriving.sights import PLANNER_MAPS  # noqa: E402
from gpnet_ros.nodes.processes.client import PlannerClient  # noqa: E402
from gpnet_ros.nodes.processes.replay_table import ReplayRun, replay_processes  # noqa: E402
from gpnet_ros.nodes.processes.running_cell import free_address, free_domain  # noqa: E402
from gpnet_ros.nodes.processes.start import SENSOR_QOS  # noqa: E402
from gpnet_ros.nodes.processes.starter import end_processes, node_command, ros_environment, start_nodes  # noqa: E402
from gpnet_ros.nodes.processes.table import RunSettings  # noqa: E402

#: A busy machine is slow; this is no promise.
PATIENCE = 240.0
#: What a decision says of its grasp.
GRASP = ("pixel", "angle_deg", "score", "quality", "priority", "width_m", "T_base_grasp", "T_base_tcp", "insertion_m")


def demo_bag(folder: Path, picks: int, seed: int) -> Path:
    """The bag of the planner in the simulated cell, with so many picks of one task."""
    run = RunSettings(
        sim=True, robot_ip=free_address(), model="gpnet", device="cpu", seed=seed, objects=5, record=True,
        run_dir=str(folder / "cell"),
    )  # fmt: skip
    domain = free_domain()
    with start_nodes(run, domain, folder / "logs"), PlannerClient(domain) as client:
        client.wait_until(lambda: client.state == "idle", PATIENCE, "the planner")
        client.call("start", PATIENCE)
        client.wait_until(lambda: len(client.results) >= picks, PATIENCE, "picks")
    (bag,) = (folder / "runs" / "decisions").iterdir()
    return bag


class Replayed(PlannerClient):
    """A person at the planner of a replay, who also keeps the maps of each stamp."""

    def __init__(self, domain: int) -> None:
        super().__init__(domain)
        self.maps: dict[str, dict[float, np.ndarray]] = {topic: {} for topic in PLANNER_MAPS}
        for topic in PLANNER_MAPS:
            self.node.create_subscription(Image, topic, self._keep(topic), SENSOR_QOS)

    def _keep(self, topic: str) -> Any:
        def take(message: Image) -> None:
            self.maps[topic][convert.from_time(message.header.stamp)] = convert.map_from_image(message)

        return take

    def decisions(self, wanted: set[float]) -> dict[float, dict[str, Any]]:
        """Pick until something was decided on the exposures of all these stamps."""
        found: dict[float, dict[str, Any]] = {}
        end = time.monotonic() + PATIENCE
        while wanted - set(found):
            assert time.monotonic() < end, (wanted, set(found))
            seen = len(self.results)
            self.call("pick", PATIENCE)
            result = self.next_result(seen, PATIENCE)
            if result["stamp"] is not None:
                found[result["stamp"]] = result
        return found


@contextmanager
def replayed(bag: Path, folder: Path) -> Iterator[Replayed]:
    """The bag in the camera's place, inference, and a planner in dry_run."""
    domain, nodes = free_domain(), {}
    for node in replay_processes(ReplayRun(bag=str(bag), model="gpnet", device="cpu", rate=4.0)):
        nodes[node.name] = node_command(node)
    folder.mkdir()
    running: dict[str, subprocess.Popen[bytes]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ros_environment(domain).items():
            patch.setenv(name, value)
        try:
            for name, command in nodes.items():
                with (folder / f"{name}.log").open("wb") as log:
                    running[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            with Replayed(domain) as client:
                client.wait_until(lambda: client.state == "idle", PATIENCE, "the planner")
                yield client
        finally:
            end_processes(running)


def recorded(bag: Path) -> tuple[list[RecordedDecision], dict[tuple[str, float], np.ndarray]]:
    """The decisions of a bag, and its maps as they were published, by topic and stamp."""
    with Bag(bag) as opened:
        maps = {}
        for message in opened.messages([f"/{topic}" for topic in PLANNER_MAPS]):
            image = opened.read(message)
            maps[message.topic.lstrip("/"), convert.from_time(image.header.stamp)] = map_of(image)
        return list(read_decisions(opened)), maps


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_bag_of_a_running_cell_gives_the_same_grasps_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bag = demo_bag(tmp_path, picks=3, seed=1)
    decided, published = recorded(bag)
    assert len(decided) >= 3
    for again in (*decide_all_again(bag), *decide_all_again(bag, model="gpnet")):
        assert not again.differs, again
    assert any(again.differs for again in decide_all_again(bag, model="gpnet-depth"))
    # Through the nodes: what a failed grasp or a full spot of the tote has changed is not in their frames.
    fresh = {d.frame.stamp: d for d in decided if not d.record["basis"]["remembered"]}
    with replayed(bag, tmp_path / "replay") as client:
        decisions = client.decisions(set(fresh))
        maps = client.maps
    for stamp, one in fresh.items():
        for topic in PLANNER_MAPS:
            np.testing.assert_array_equal(maps[topic][stamp], published[topic, stamp], err_msg=f"{topic} at {stamp}")
        assert {k: decisions[stamp].get(k) for k in GRASP} == {k: one.record.get(k) for k in GRASP}
