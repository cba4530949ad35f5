"""Rectangles that are no grasps are counted with the reason, and nobody trains or is judged on none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gpnet_ros.cli import main
from gpnet_ros.data.loaders.cornell.cornell import Cornell
from gpnet_ros.data.loaders.sieve import sieved

GOOD = "191 180\n191 220\n209 220\n209 180\n"
NAN = "NaN NaN\n" * 4
FLAT = "10 10\n20 10\n30 10\n40 10\n"
HUGE = "1e9 1e9\n2e9 1e9\n2e9 2e9\n1e9 2e9\n"
WIDE = "-700 180\n1300 180\n1300 220\n-700 220\n"


def cornell(root: Path, *labels: str) -> Path:
    """One picture per text of rectangles."""
    folder = root / "01"
    folder.mkdir(parents=True)
    for number, text in enumerate(labels):
        image = np.full((480, 640, 3), 200, np.uint8)
        cv2.imwrite(str(folder / f"pcd{100 + number:04d}r.png"), image)
        (folder / f"pcd{100 + number:04d}cpos.txt").write_text(text)
    return root


def gpnet(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    status = main([*map(str, words)])
    seen = capsys.readouterr()
    return status, seen.out + seen.err


def test_a_row_counts_under_its_first_fault() -> None:
    keep, left_out = sieved(4, {"a": np.array([1, 0, 0, 0]) > 0, "b": np.array([1, 1, 1, 0]) > 0, "c": np.zeros(4) > 0})
    assert keep.tolist() == [False, False, False, True]
    assert left_out == {"a": 1, "b": 2}


def test_the_loader_counts_what_it_leaves_out(tmp_path: Path) -> None:
    rectangles = Cornell(cornell(tmp_path, NAN + GOOD + FLAT + NAN))[0].rectangles
    assert rectangles is not None
    assert len(rectangles) == 1
    assert rectangles.left_out == {"not a number": 2, "without area": 1}


def test_check_says_how_many_rectangles_were_left_out_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = gpnet(capsys, "data", "check", cornell(tmp_path, NAN + GOOD + FLAT), "--from", "cornell", "--json")
    answer: dict[str, Any] = json.loads(text.strip().split("\n")[-1])
    assert status == 0
    assert answer["looked_at"]["rectangles_left_out"] == {"not a number": 1, "without area": 1}
    assert "rectangles left out       not a number 1, without area 1" in text


def test_check_has_nothing_to_say_where_nothing_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = gpnet(capsys, "data", "check", cornell(tmp_path, GOOD), "--from", "cornell")
    assert status == 0
    assert "left out" not in text


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (NAN, "01/pcd0100: none of its rectangles is usable (1 not a number)"),
        (HUGE, "has its centre at [1500000000.0, 1500000000.0] px, off the picture of 640x480 px"),
        (HUGE, "measures 1000000000x1000000000 px, more than the picture's diagonal of 800 px"),
        (GOOD + WIDE, "measures 2000x40 px"),
    ],
)
def test_labels_that_cannot_be_are_violations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str, words: str
) -> None:
    status, text = gpnet(capsys, "data", "check", cornell(tmp_path, labels), "--from", "cornell")
    assert status == 1
    assert words in text


def convert(tmp_path: Path, capsys: pytest.CaptureFixture[str], *labels: str) -> tuple[Path, str]:
    shards = tmp_path / "shards"
    status, text = gpnet(
        capsys, "data", "convert", cornell(tmp_path / "published", *labels), "--from", "cornell", "--to", shards
    )
    assert status == 0
    return shards, text


def test_convert_says_how_many_rectangles_were_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = convert(tmp_path, capsys, NAN, NAN + GOOD + FLAT)
    assert "3 rectangles were left out: 2 not a number, 1 without area." in text


def test_convert_says_nothing_where_nothing_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "left out" not in convert(tmp_path, capsys, GOOD)[1]


@pytest.mark.parametrize("option", ["--data", "--val"])
def test_training_on_no_grasp_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    none, _ = convert(tmp_path / "none", capsys, NAN, NAN)
    some, _ = convert(tmp_path / "some", capsys, NAN, GOOD)
    folders = {"--data": some, "--val": some, option: none}
    words = [word for pair in folders.items() for word in pair]
    status, text = gpnet(
        capsys, "train", *words, "--out", tmp_path / "m", "--run", tmp_path / "r", "--channels", "rgb", "--epochs", 0.01
    )
    assert status == 2
    assert f"None of the 2 pictures of {option} has a grasp" in text
    assert not (tmp_path / "m" / "card.json").exists()


@pytest.mark.parametrize("source", ["cornell", "own"])
def test_judging_on_no_grasp_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str) -> None:
    data = tmp_path / "published"
    shards, _ = convert(tmp_path, capsys, NAN, NAN)
    words = ["--data", data if source == "cornell" else shards, "--from", source, "--metric", "any", "--workers", 1]
    status, text = gpnet(capsys, "evaluate", *words, "--model", "gpnet-rgb", "--cache", tmp_path / "cache")
    assert status == 2
    assert "None of the 2 pictures has a true grasp that --metric any could compare with" in text


def test_one_true_grasp_is_enough_to_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", cornell(tmp_path / "p", NAN, GOOD), "--from", "cornell", "--metric", "any", "--workers", 1]
    status, text = gpnet(capsys, "evaluate", *words, "--model", "gpnet-rgb", "--cache", tmp_path / "cache")
    assert status == 0, text
