"""gpnet detect and evaluate with a region, and with gray pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.judged_scene import tiny_model, write_shards
from support.scenes import CAMERA, sight

from gpnet_ros.cli import main
from gpnet_ros.evaluation.real_frames.frames import REAL_FRAMES
from gpnet_ros.settings import config_dir

BIN = REAL_FRAMES / "sr300_arc_bin_0"
#: The inside of the bin; its rim has the highest Q*.
INSIDE = (150, 80, 310, 350)


def detect(capsys: pytest.CaptureFixture[str], *arguments: str, frame: Path = BIN) -> tuple[int, dict, str]:
    files = [str(frame / "color.png"), str(frame / "depth.png"), "--camera", str(frame / "camera.json")]
    # gpnet-s has never seen a bin in training: it takes the rim for an object.
    status = main(["detect", *files, "--model", "gpnet-s", *arguments, "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out.strip().split("\n")[-1]) if out else {}, err


def in_box(pixel: list[float]) -> bool:
    x, y, w, h = INSIDE
    return x - 0.5 <= pixel[0] < x + w and y - 0.5 <= pixel[1] < y + h


def test_in_a_real_bin_the_rim_comes_first_without_a_box_and_never_with_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, plain, _ = detect(capsys)
    looked_at = [each["pixel"] for each in plain["rejected"]] + [plain["pixel"]]
    assert status == 0 and not all(in_box(pixel) for pixel in looked_at)
    assert plain["region"] is None
    status, boxed, _ = detect(capsys, "--roi", ",".join(map(str, INSIDE)), "--out", str(tmp_path))
    assert status == 0 and in_box(boxed["pixel"])
    assert boxed["region"] == {"roi": list(INSIDE)}
    assert boxed["rejected"][0]["reason"] == "outside"
    assert all((each["reason"] == "outside") != in_box(each["pixel"]) for each in boxed["rejected"])
    mask = np.zeros((480, 640), np.uint8)
    mask[INSIDE[1] : INSIDE[1] + INSIDE[3], INSIDE[0] : INSIDE[0] + INSIDE[2]] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    _, masked, _ = detect(capsys, "--mask", str(tmp_path / "mask.png"))
    assert (masked["pixel"], masked["pose"]) == (boxed["pixel"], boxed["pose"])


def test_holes_outside_the_box_are_not_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("color.png", "camera.json"):
        (tmp_path / name).write_bytes((BIN / name).read_bytes())
    depth = cv2.imread(str(BIN / "depth.png"), cv2.IMREAD_UNCHANGED)
    x, y, w, h = 200, 150, 160, 120
    kept = np.zeros_like(depth)
    kept[y : y + h, x : x + w] = depth[y : y + h, x : x + w]
    cv2.imwrite(str(tmp_path / "depth.png"), kept)
    status, _, told = detect(capsys, frame=tmp_path)
    assert status == 2 and "valid" in told
    status, _, _ = detect(capsys, "--roi", f"{x},{y},{w},{h}", frame=tmp_path)
    assert status in (0, 1)
    status, _, told = detect(capsys, "--roi", "0,0,100,100", frame=tmp_path)
    assert status == 2 and "that count" in told


def test_the_workspace_of_a_cell_is_a_region_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    frame = sight().frame
    assert frame.color is not None and frame.depth is not None
    cv2.imwrite(str(tmp_path / "color.png"), frame.color)
    cv2.imwrite(str(tmp_path / "depth.png"), np.rint(frame.depth * 1e4).astype(np.uint16))
    names = ("width", "height", "fx", "fy", "cx", "cy")
    camera = {name: getattr(CAMERA, name) for name in names} | {"depth_unit_m": 1e-4}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    status, found, told = detect(capsys, "--workspace", str(config_dir() / "cell.yaml"), frame=tmp_path)
    assert status in (0, 1)
    assert found["region"] == {"workspace": {"centre": [0.65, 0.0], "side": 0.32}}
    assert "gray" in told
    flange = str(config_dir() / "hand_eye_flange.yaml")
    status, _, told = detect(capsys, "--workspace", str(config_dir() / "cell.yaml"), "--hand-eye", flange)
    assert status == 2 and "flange" in told


@pytest.mark.parametrize("command", ["detect", "evaluate"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--roi", "0,0,9,9", "--mask", "m.png"], "--roi and --mask were given together"),
        (["--roi", "0,0,9"], "four whole numbers"),
        (["--roi", "0,0,0,9"], "1 or more"),
        (["--roi", "600,0,100,9"], "out of the picture"),
        (["--mask", "nowhere.png"], "does not exist"),
        (["--workspace", "nowhere.yaml"], "nowhere.yaml"),
        (["--hand-eye", "h.yaml"], "--workspace"),
    ],
)
def test_what_is_no_region_is_one_sentence(
    command: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = [str(BIN / "color.png")]
    if command == "evaluate":
        data, model = write_shards(tmp_path / "data"), tiny_model(tmp_path / "model")
        files = ["--data", str(data), "--model", str(model), "--workers", "1", "--cache", str(tmp_path / "cache")]
        arguments = [word.replace("600,", "6000,") for word in arguments]
    assert main([command, *files, *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told


def test_evaluate_takes_the_first_grasp_inside_and_keeps_results_per_region(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, model = write_shards(tmp_path / "data"), tiny_model(tmp_path / "model")
    common = ["evaluate", "--data", str(data), "--model", str(model), "--workers", "1", "--substitute", "all"]
    common += ["--cache", str(tmp_path / "cache"), "--metric", "any", "--json"]

    def rate(*more: str) -> tuple[float, dict | None]:
        assert main([*common, *more]) == 0
        answer = json.loads(capsys.readouterr().out.splitlines()[-1])
        return answer["rate"], answer["region"]

    assert rate() == (1.0, None)
    assert rate("--roi", "0,0,12,12") == (0.0, {"roi": [0, 0, 12, 12]})
    assert rate() == (1.0, None)
    assert rate("--workspace", str(config_dir() / "cell.yaml"))[0] == 1.0
    assert main([*common, "--roi", "0,0,12,12", "--as-published"]) == 2
    assert "--as-published" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "notes"), [("gpnet", 1), ("gpnet-depth", 0)])
def test_a_gray_picture_is_told_once_where_the_model_takes_colour(
    model: str, notes: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("depth.png", "camera.json"):
        (tmp_path / name).write_bytes((BIN / name).read_bytes())
    cv2.imwrite(str(tmp_path / "color.png"), cv2.imread(str(BIN / "color.png"), cv2.IMREAD_GRAYSCALE))
    status, answer, told = detect(capsys, "--model", model, frame=tmp_path)
    assert status in (0, 1) and answer["status"] in ("grasp", "no_grasp")
    assert told.count("gray") == notes
    assert "gray" not in detect(capsys, "--model", model)[2]
