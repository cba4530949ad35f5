"""The front door: every command explains itself, and bad input is one sentence and exit status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gpnet_ros.cli import COMMANDS, main
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.evaluation import video
from gpnet_ros.evaluation.detection import answer_of
from gpnet_ros.grasp import Grasp

FRAME = Path(__file__).parent / "data" / "real_frames" / "d435_cleargrasp_153_opaque"
COLOR, DEPTH, CAMERA = FRAME / "color.jpg", FRAME / "depth.png", FRAME / "camera.json"


def detect(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    """Exit status and the JSON object of `gpnet detect`."""
    status = main(["detect", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out.strip().split("\n")[-1])


def test_ctrl_c_while_a_command_loads_is_no_traceback() -> None:
    code = (
        "import importlib, os, signal\nfrom gpnet_ros import cli\n"
        "importlib.import_module = lambda name: os.kill(os.getpid(), signal.SIGINT)\ncli.main(['sim'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert f"gpnet {command}" in out
    assert len(out.split("\n")) > 5


def test_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("group", ["data", "bench"])
@pytest.mark.parametrize("asked", [["--help"], ["-h"], []])
def test_a_group_lists_its_commands(group: str, asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([group, *asked]) == 0
    out = capsys.readouterr().out
    assert all((f"  {name} " in out) == name.startswith(group) for name in COMMANDS)
    assert f"gpnet {group} COMMAND" in out


def test_an_unknown_command_of_a_group_is_refused_with_those_of_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "nope"]) == 2
    told = capsys.readouterr().err
    assert "data show" in told
    assert "bench" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--data", "x", "--set", "batch=1"], "gpnet train: --set: batch is 1; allowed: 2 to"),
        (["demo", "--factor", "0"], "gpnet demo: --factor is 0.0; allowed: 0.05 to"),
        (["demo", "--seed", "-1"], "gpnet demo: --seed is -1; allowed: 0 to"),
        (["detect", str(COLOR), "--min-quality", "3"], "gpnet detect: --min-quality is 3.0; allowed: 0.0 to 1.0."),
    ],
)
def test_a_refusal_names_the_option(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(told)


def test_unknown_command_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grab"]) == 2
    assert "detect" in capsys.readouterr().err


def test_detect_answers_a_real_frame(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, answer = detect(capsys, str(COLOR), str(DEPTH), "--camera", str(CAMERA), "--out", str(tmp_path))
    assert set(answer) >= {
        "status",
        "pixel",
        "angle_deg",
        "width_m",
        "quality",
        "priority",
        "pose",
        "rejected",
        "time_ms",
    }
    assert (tmp_path / "overlay.png").stat().st_size > 10_000
    assert (tmp_path / "maps.npz").is_file()
    if answer["status"] == "no_grasp":
        assert status == 1
        assert answer["rejected"]
        return
    assert status == 0
    frame = load_frame(COLOR, DEPTH, CAMERA)
    assert frame.intrinsics is not None
    assert np.allclose(frame.intrinsics.project(answer["pose"]["position"]), answer["pixel"], atol=0.05)
    assert -90 <= answer["angle_deg"] < 90
    assert 0 < answer["width_m"] <= 0.085
    assert np.linalg.norm(answer["pose"]["quaternion"]) == pytest.approx(1.0, abs=1e-4)


def test_millimetres_and_metres_give_the_same_pose(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    raw = np.asarray(cv2.imread(str(DEPTH), cv2.IMREAD_UNCHANGED))
    np.save(tmp_path / "depth.npy", raw.astype(np.float32) * np.float32(0.001))
    options = ["--camera", str(CAMERA), "--min-quality", "0.0"]
    _, a = detect(capsys, str(COLOR), str(DEPTH), *options)
    _, b = detect(capsys, str(COLOR), str(tmp_path / "depth.npy"), *options)
    assert a["pose"] == b["pose"]
    assert a["pixel"] == b["pixel"]


def test_colour_alone_gives_pixel_and_angle_but_no_pose(capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = detect(capsys, str(COLOR), "--min-quality", "0.0")
    assert answer["status"] == "grasp"
    assert answer["pose"] is None
    assert answer["width_m"] is None
    assert answer["pixel"] is not None


def test_high_threshold_answers_no_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = detect(capsys, str(COLOR), str(DEPTH), "--camera", str(CAMERA), "--min-quality", "1.0")
    assert status == 1
    assert answer["status"] == "no_grasp"
    assert answer["rejected"][-1]["reason"] == "low_quality"


def camera_with(tmp_path: Path, **changes: float) -> str:
    values = json.loads(CAMERA.read_text()) | changes
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_wrong_depth_unit_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for unit in (1.0, 0.00001):
        assert main(["detect", str(COLOR), str(DEPTH), "--camera", camera_with(tmp_path, depth_unit_m=unit)]) == 2
        assert "unit" in capsys.readouterr().err


def test_depth_of_zeros_or_another_size_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    raw = np.asarray(cv2.imread(str(DEPTH), cv2.IMREAD_UNCHANGED))
    for image, words in ((np.zeros_like(raw), "valid"), (raw[:100], "differ in size")):
        cv2.imwrite(str(tmp_path / "depth.png"), image)
        assert main(["detect", str(COLOR), str(tmp_path / "depth.png"), "--camera", str(CAMERA)]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(("degrees", "told"), [(89.996, -90.0), (89.99, 89.99), (-90.0, -90.0)])
def test_told_angle_stays_below_90_degrees_when_it_is_rounded(degrees: float, told: float) -> None:
    frame = load_frame(COLOR, None, None)
    grasp = Grasp((3.0, 4.0), float(np.radians(degrees)), 30.0, None, None, 0.9, 0.8, 0.7)
    assert answer_of(grasp, [], frame).angle_deg == told


def test_unwritable_video_is_refused_before_it_is_rendered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(video, "check_recording", lambda folder: None)
    for out in ("/proc/nowhere/a.mp4", str(tmp_path / "folder.mp4")):
        (tmp_path / "folder.mp4").mkdir(exist_ok=True)
        assert main(["video", str(tmp_path), "--out", out]) == 2
        assert out in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--run"])
def test_unwritable_folder_is_refused_before_the_training(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Dataset, "load", lambda *_: [1])
    monkeypatch.setattr("gpnet_ros.training.run.train", lambda *_, **__: pytest.fail("it trains"))
    folders = {"--out": str(tmp_path / "model"), "--run": str(tmp_path / "run"), option: "/proc/nowhere"}
    words = [word for pair in folders.items() for word in pair]
    assert main(["train", "--data", "x", "--minutes", "1", *words]) == 2
    assert "/proc/nowhere" in capsys.readouterr().err


def test_unforeseen_unusable_path_is_one_sentence_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpnet_ros.commands.detect.run", lambda args: Path("/proc/nowhere/file").write_text(""))
    assert main(["detect", str(COLOR)]) == 2
    assert "/proc/nowhere/file" in capsys.readouterr().err


def test_system_error_without_a_path_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: object) -> int:
        raise OSError("out of something")

    monkeypatch.setattr("gpnet_ros.commands.detect.run", fail)
    with pytest.raises(OSError, match="something"):
        main(["detect", str(COLOR)])


@pytest.mark.parametrize(
    "arguments",
    [
        ["detect", "nowhere.png"],
        ["detect", str(COLOR), "nowhere.png"],
        ["detect", str(COLOR), "--camera", "nowhere.json"],
        ["detect", str(COLOR), "--model", "no-such-model"],
        ["detect", str(CAMERA)],
        ["bench", "clearing", "--objects", "99"],
        ["bench", "clearing", "--rounds", "0"],
        ["bench", "clearing", "--workers", "-1"],
        ["bench", "clearing", "--path", "ros", "--model", "no-such-model"],
        ["demo", "--model", "no-such-model"],
        ["demo", "--seed", "-1"],
        ["generate", "--out", "/proc/nowhere", "--scenes", "1"],
        ["sim", "--seed", "-1"],
        ["sim", "--run-dir", "/proc/nowhere"],
        ["video", str(FRAME), "--out", "a.xyz"],
        ["compare-noise", "--frames", str(FRAME.parent), "--out", "/proc/nowhere"],
        ["compare-noise", "--frames", str(FRAME.parent), "--seed", "-1"],
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert_one_sentence(main(arguments), capfd.readouterr().err)


@pytest.mark.parametrize("arguments", [["detect", "nowhere.png"], ["demo", "--seed", "-1"]])
def test_a_process_of_its_own_says_no_more_and_ends_with_that_status(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gpnet_ros.cli", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert_one_sentence(done.returncode, done.stderr)


def assert_one_sentence(status: int, told: str) -> None:
    assert status == 2, told
    assert "Traceback" not in told
    assert len(told.strip().split("\n")) == 1
    assert len(told) > 40
