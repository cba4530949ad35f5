"""inference_node: what it sees of a frame, with a fixed camera and with one on the flange."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.scenes import sight  # noqa: E402
from support.tiny_graspnext import require_same, save_tiny  # noqa: E402

from gpnet_ros.cell import load_cell, load_hand_eye  # noqa: E402
from gpnet_ros.detections import Detections  # noqa: E402
from gpnet_ros.frame import Frame  # noqa: E402
from gpnet_ros.maps import Maps  # noqa: E402
from gpnet_ros.network.card import Card  # noqa: E402
from gpnet_ros.network.onlooker import Onlooker  # noqa: E402
from gpnet_ros.network.runtimes import Computing  # noqa: E402
from gpnet_ros.nodes.health.parts import Level  # noqa: E402
from gpnet_ros.nodes.inference_node import InferenceNode  # noqa: E402
from gpnet_ros.settings import config_dir  # noqa: E402

FLANGE: Path = config_dir() / "hand_eye_flange.yaml"
#: Each file of test/nodes has its own domains.
DOMAIN = 90


@contextmanager
def node(**parameters: str) -> Iterator[InferenceNode]:
    """The node, not configured; nothing spins."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    rclpy.init(args=["--ros-args", *words], domain_id=DOMAIN)
    made = InferenceNode()
    try:
        yield made
    finally:
        made.destroy_node()
        rclpy.shutdown()


class Answering:
    """In place of a detector: always the same maps."""

    def __init__(self, maps: Maps) -> None:
        self.maps, self.card, self.told = maps, Card("gpnet", {}, "depth"), "torch 2 in float32"
        self.note, self.device = "", "cpu"

    def __call__(self, frame: Frame) -> Maps:
        return self.maps


def test_the_example_camera_rides_on_the_flange_and_looks_along_it() -> None:
    hand_eye = load_hand_eye(FLANGE)
    assert hand_eye.mount == "flange"
    np.testing.assert_allclose(hand_eye.T_parent_camera[:3, 2], [0, 0, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "fixed"),
    [({}, True), ({"view": "whole"}, False), ({"hand_eye_file": str(FLANGE)}, False)],
)
def test_a_camera_on_a_mast_sees_the_workspace_of_the_cell_and_any_other_whole_frames(
    parameters: dict[str, str], fixed: bool
) -> None:
    with node(model='""', priority="none", **parameters) as made:
        onlooker = made.make_onlooker()
        assert onlooker.priority == "none"
        assert onlooker.workspace == (load_cell().workspace if fixed else None)
        onlooker.detector = Answering(sight().maps)  # type: ignore[assignment]
        made.onlooker = onlooker
        maps = made.answer(sight().frame)
        assert maps is not None and maps.priority.min() == 1.0


def test_without_networks_there_are_no_maps() -> None:
    with node(model='""') as made:
        assert made.answer(sight().frame) is None, "before it is activated"
        made.onlooker = made.make_onlooker()
        assert made.answer(sight().frame) is None and made.detector is None


def test_a_doubt_of_depth_alone_is_a_warning_for_the_arm_may_be_in_view(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with node(model='""') as made:
        onlooker = made.onlooker = made.make_onlooker()
        onlooker.detector = Answering(sight().maps)  # type: ignore[assignment]
        log = SimpleNamespace(warning=lambda text, throttle_duration_sec: told.append(text))
        monkeypatch.setattr(made, "get_logger", lambda: log)
        assert made.answer(sight().frame) is not None and told == []
        monkeypatch.setattr(onlooker, "check", lambda frame, share: "given in base_link")
        assert made.answer(sight().frame) is not None
    assert told == ["given in base_link"]


def test_frames_that_do_not_come_together_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    with node() as made:

        def none_came(timeout: float) -> None:
            made.running.clear()

        log = SimpleNamespace(warning=lambda text, throttle_duration_sec: told.append((text, throttle_duration_sec)))
        monkeypatch.setattr(made, "get_logger", lambda: log)
        made.exposures = SimpleNamespace(newest=none_came, fault=lambda: "stamps differ")  # type: ignore[assignment]
        made.running.set()
        made.work()
    assert told == [("stamps differ", 5.0)]


def test_what_is_answered_and_what_is_refused_is_told_in_the_diagnostics(monkeypatch: pytest.MonkeyPatch) -> None:
    with node(image_qos="sensor") as made:
        made.configure()
        made.onlooker = Onlooker("", "", Computing(), *made._looked_at())
        made.onlooker.detector = Answering(sight().maps)  # type: ignore[assignment]
        good = sight().frame
        frames = [good, replace(good, depth=np.full(good.shape, np.nan, np.float32))]

        def newest(timeout: float) -> SimpleNamespace:
            made.running.clear()  # after this one
            return SimpleNamespace(frame=lambda need_camera: frames[0])

        monkeypatch.setattr(made.exposures, "newest", newest)
        levels = []
        for _ in range(2):
            made.running.set()
            made.work()
            maps = made.health()[1]
            levels.append((maps.level, "valid" in maps.message, maps.hardware_id))
            frames.pop(0)
        assert levels == [(Level.OK, False, "cpu"), (Level.WARN, True, "cpu")]
        assert maps.values["answered"] == maps.values["refused"] == 1
        assert {"p50 unpack [ms]", "p50 maps [ms]", "p50 publish [ms]", "priority", "model"} <= set(maps.values)
        assert maps.values["runtime"] == "torch 2 in float32"


def test_with_a_scene_model_what_is_in_an_answered_frame_is_told_too(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    model, seen = save_tiny(tmp_path / "tiny"), sight()
    with node(scene_model=str(model), model='""', image_qos="sensor", device="cpu") as made:
        made.configure()
        made.activate()
        try:
            published: list[tuple[Frame, Detections]] = []
            assert made.scene is not None
            monkeyed = SimpleNamespace(begin=lambda frame: None, publish=lambda *both: published.append(both))
            made.scene._outputs = monkeyed  # type: ignore[assignment]
            made.respond(SimpleNamespace(frame=lambda need_camera: seen.frame))  # type: ignore[arg-type]
            end = time.monotonic() + 60.0
            while not (published and made.scene.answers.answers.count):
                assert time.monotonic() < end
                made.running.wait(0.01)
            ((frame, detections),) = published
            require_same(detections, made.make_onlooker()(seen.frame)[1])
            assert frame.stamp == detections.stamp == seen.frame.stamp
            parts = {part.part: part for part in made.health()}
            assert set(parts) == {"input", "detections"}, "without a model there are no maps to tell of"
            assert parts["detections"].values["answered"] == 1 and parts["detections"].hardware_id == "cpu"
            made.scene.failure = "The thread of the second network died."
            made._diagnostics = SimpleNamespace(publish=lambda message: None)
            made.watch()  # which takes an active node out of `active`, as with any worker
            assert made.failure == "The thread of the second network died."
        finally:
            made.halt()
        assert made.scene is None


def test_a_frame_that_is_refused_is_not_seen_by_the_second_network_either() -> None:
    offered: list[Frame] = []
    with node(image_qos="sensor") as made:
        made.configure()
        made.onlooker = Onlooker("", "", Computing(), *made._looked_at())
        made.onlooker.detector = Answering(sight().maps)  # type: ignore[assignment]
        made.scene = SimpleNamespace(offer=offered.append, halt=lambda patience: None)  # type: ignore[assignment]
        good = sight().frame
        for frame in (replace(good, depth=np.full(good.shape, np.nan, np.float32)), good):
            made.respond(SimpleNamespace(frame=lambda need_camera, frame=frame: frame))  # type: ignore[arg-type]
    assert offered == [good]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"model": '""'}, "model and scene_model are both empty"),
        ({"scene_model": "gpnet"}, "is a grasp network .gpnet.; this needs a multi-task network"),
        ({"model": "TINY"}, "is a multi-task network"),
        ({"scene_model": "nowhere"}, "There is no model"),
        ({"runtime": "onnxruntime", "precision": "bfloat16"}, "computes in float32 only"),
    ],
)
def test_a_model_that_does_not_fit_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], words: str
) -> None:
    pytest.importorskip("torchvision")
    if "TINY" in parameters.values():
        parameters = {"model": str(save_tiny(tmp_path))}
    told: list[str] = []
    with node(image_qos="sensor", device="cpu", **parameters) as made:
        log = SimpleNamespace(error=told.append, info=lambda *_: None, warning=lambda *_, **__: None)
        monkeypatch.setattr(made, "get_logger", lambda: log)
        works = made._works(made.configure) and made._works(made.activate)
        made.halt()
    assert not works
    assert len(told) == 1 and re.search(words, told[0])
