"""gpnet detect with the multi-task network: what is a picture is looked at, what is none is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torchvision")

from support.scene_models import tiny_scene_model

from gpnet_ros.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_scene_model(tmp_path_factory.mktemp("models") / "tiny")


def detect(
    model: Path, picture: np.ndarray | bytes, folder: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, dict, str]:
    file = folder / "picture.png"
    if isinstance(picture, bytes):
        file.write_bytes(picture)
    else:
        cv2.imwrite(str(file), picture)
    status = main(["detect", str(file), "--model", str(model), "--out", str(folder / "out"), "--json", *more])
    out, err = capsys.readouterr()
    return status, json.loads(out.splitlines()[-1]) if out else {}, err


def colours(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (colours(48, 64), ""),
        (colours(48, 64, 4), ""),
        (colours(48, 64, 1)[..., 0], "The picture is gray"),
        (colours(4, 4), ""),
        (colours(4, 700), ""),
    ],
)
def test_any_picture_is_looked_at(
    picture: np.ndarray, told: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer, err = detect(model, picture, tmp_path, capsys, "--min-score", "0")
    assert status == 0 and answer["status"] == "objects" and err.startswith(told)
    height, width = picture.shape[:2]
    for one in answer["objects"]:
        left, top, right, bottom = one["box"]
        assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    assert Path(answer["files"][0]).is_file()
    scores = [one["score"] for one in answer["objects"]]
    middle = sorted(scores)[len(scores) // 2]
    _, fewer, _ = detect(model, picture, tmp_path, capsys, "--min-score", str(middle))
    assert all(one["score"] >= middle - 1e-3 for one in fewer["objects"])


def test_no_object_is_an_answer(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer, _ = detect(model, np.zeros((48, 64, 3), np.uint8), tmp_path, capsys, "--min-score", "1")
    assert status == 1 and answer["status"] == "no_objects" and answer["objects"] == []
    assert Path(answer["files"][0]).is_file()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (colours(1, 1), "1x1 px cannot be used: allowed are 4x4 px"),
        (colours(1, 64), "64x1 px cannot be used"),
        (np.zeros((4320, 7680, 3), np.uint8), "7680x4320 px cannot be used: allowed are 4x4 px to 9,437,184 pixels"),
        (colours(8, 8).astype(np.uint16), "give an 8-bit colour or gray image"),
        (colours(8, 8, 1)[..., 0].astype(np.uint16), "give an 8-bit colour or gray image"),
        (b"", "is not an image"),
        (b"hello", "is not an image"),
    ],
)
def test_what_is_no_picture_of_a_camera_is_one_sentence(
    picture: np.ndarray | bytes, words: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = detect(model, picture, tmp_path, capsys)
    said = err.strip().splitlines()
    assert status == 2 and words in said[-1] and said[-1].startswith("gpnet detect: ")
    assert not (tmp_path / "out").exists()


def test_what_this_network_cannot_do_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, words in ((["--roi", "0,0,9,9"], "are for grasp networks"), (["--min-score", "2"], "between 0 and 1")):
        status, _, err = detect(model, colours(48, 64), tmp_path, capsys, *more)
        assert status == 2 and words in err
