"""Scenes that cost nothing, made by a function that travels to workers, for tests of whoever writes and reads them."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.shards.writer import ShardPlan, scene_members
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.rectangle import Rectangles


def scene_name(number: int) -> str:
    return f"{number:012d}"


def fake_plan(scenes: int, per_shard: int = 3, seed: int = 0) -> ShardPlan:
    arguments = {"scenes": scenes, "shard": per_shard, "seed": seed, "size": (32, 24)}
    return ShardPlan("fake 1", arguments, [scene_name(number) for number in range(scenes)], per_shard)


def fake_samples(number: int, views: int = 2) -> list[Sample]:
    rng = np.random.default_rng(number)
    camera = Intrinsics(32, 24, 40.0, 40.0, 15.5, 11.5)
    scene = scene_name(number)
    samples = []
    for view in range(views):
        color = np.full((24, 32, 3), number % 200, dtype=np.uint8)
        depth = np.full((24, 32), 0.5 + number / 1000, dtype=np.float32)
        ids = (rng.random((24, 32)) > 0.5).astype(np.int32)
        one = Rectangles(np.array([[float(number), 3.0]]), np.zeros(1), np.ones(1), np.ones(1))
        frame = Frame(color, depth, camera)
        samples.append(Sample(f"{scene}/view_{view}", scene, frame, one, ids=ids, objects=Objects(np.array([1]))))
    return samples


@lru_cache
def fake_members(number: int) -> dict[str, bytes]:
    about = {"scene.json": json.dumps({"number": number}).encode(), "object_1.ply": b"ply\n"}
    return about | scene_members(fake_samples(number))


@dataclass(frozen=True)
class FakeMaker:
    """Makes a fake scene; or does what a test needs at the scene `at`.

    Attributes:
        at: number of the scene with the trouble; none by default.
        trouble: "wait" until the file exists, "refuse", "fail", "die" or "kill" itself.
        until: file to wait for; a file beside it, named by process id, shows that somebody waits.
    """

    at: int = -1
    trouble: str = ""
    until: Path | None = None

    def __call__(self, number: int) -> dict[str, bytes]:
        if number >= self.at >= 0 and self.trouble == "wait":
            assert self.until is not None
            (self.until.parent / f"waiting_{os.getpid()}").touch()
            deadline = time.monotonic() + 120
            while not self.until.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
        if number == self.at:
            if self.trouble == "refuse":
                raise BadInput("The folder of meshes is empty: put some in.")
            if self.trouble == "fail":
                raise RuntimeError("a defect")
            if self.trouble == "die":
                os._exit(3)
            if self.trouble == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return fake_members(number)
