"""pytest --bag in a stranger's repository, with their own bag, as a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.bag_files import BagPlan, write_bag
from support.scenes import sight

ROOT = Path(__file__).resolve().parents[3]
#: A test of the stranger's: without --bag the plug-in has loaded nothing heavy.
OWN_TEST = """
import sys

def test_mine():
    with_bag = any(word.startswith("--bag") for word in sys.argv)
    assert with_bag or not {"cv2", "torch", "rosbags", "yaml"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a test, a bag of one box on the table, and its expectation."""
    folder = tmp_path_factory.mktemp("stranger")
    installed = folder / "site" / "gpnet_bag_entry-1.dist-info"  # what pip leaves of setup.py's pytest11
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: gpnet_bag_entry\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[pytest11]\ngpnet_bag = gpnet_ros.evaluation.replay_testing.plugin\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_own.py").write_text(OWN_TEST)
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nfilterwarnings = error\n")
    frame = sight().frame
    assert frame.depth is not None
    color = np.full((*frame.depth.shape, 3), 120, np.uint8)
    color[frame.depth < 0.8] = (200, 60, 40)
    write_bag(folder / "box", [replace(frame, color=color)] * 2, BagPlan(depth="32FC1", zstd=True))
    made = run(folder, "--bag=box", "--bag-update", f"--bag-hand-eye={ROOT}/config/hand_eye.yaml")
    assert made.returncode == 0 and "2 of 2 frames, 2 with a grasp" in made.stdout, made.stdout
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(folder / "site")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture
def expected(repository: Path) -> Path:
    """The expectation, put back afterwards."""
    file = repository / "box.expected.yaml"
    before = file.read_text()
    yield file  # type: ignore[misc]
    file.write_text(before)


def change(file: Path, **values: object) -> None:
    """Change the second frame of an expectation."""
    plain = yaml.safe_load(file.read_text())
    plain["frames"][1] |= values
    file.write_text(yaml.safe_dump(plain))


def test_without_the_option_it_does_nothing(repository: Path) -> None:
    done = run(repository)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_a_bag_passes_alone_and_beside_tests_that_are_named(repository: Path) -> None:
    done = run(repository, "--bag", "box")
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
    done = run(repository, "--bag=box", "tests", "-k", "mine or frame_000001")
    assert "2 passed, 1 deselected" in done.stdout, done.stdout


def test_an_update_writes_what_is_and_keeps_tolerances_and_settings(repository: Path, expected: Path) -> None:
    as_made = yaml.safe_load(expected.read_text())
    change(expected, angle_deg=12.0)
    plain = yaml.safe_load(expected.read_text())
    plain["tolerance"]["width_mm"] = 1.5
    expected.write_text(yaml.safe_dump(plain))
    assert run(repository, "--bag=box", "--bag-update").returncode == 0
    again = yaml.safe_load(expected.read_text())
    assert again["tolerance"].pop("width_mm") == 1.5
    as_made["tolerance"].pop("width_mm")
    assert again == as_made


@pytest.fixture(scope="module")
def told(repository: Path) -> dict[str, str]:
    """What one run over copies of the bag says of each frame, by its name; their expectations say otherwise."""
    expected = repository / "box.expected.yaml"
    width = yaml.safe_load(expected.read_text())["frames"][1]["width_mm"]
    for name in ("wide", "camera", "other"):
        shutil.copytree(repository / "box", repository / name)
        shutil.copy(expected, repository / f"{name}.expected.yaml")
    change(repository / "wide.expected.yaml", width_mm=width - 9.0)
    plain = yaml.safe_load(expected.read_text())
    plain["camera"]["fx"] = 400.0
    (repository / "camera.expected.yaml").write_text(yaml.safe_dump(plain))
    plain["camera"], plain["frames"][0]["stamp"] = {}, plain["frames"][0]["stamp"] + 1
    plain["frames"][1]["number"] = 7
    (repository / "other.expected.yaml").write_text(yaml.safe_dump(plain))
    done = run(repository, "--bag=wide", "--bag=camera", "--bag=other", "--bag-out=pictures")
    assert done.returncode == 1 and "5 failed, 1 passed" in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    parts = re.split(r"\n_+ (\w+::\w+) _+\n", done.stdout.split("short test summary")[0])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_a_deviation_is_told_in_millimetres_and_leaves_a_picture_of_both(
    repository: Path, told: dict[str, str]
) -> None:
    assert "wide::frame_000000" not in told
    assert "9.00 mm apart, 2 allowed" in told["wide::frame_000001"]
    assert (repository / "pictures" / "wide_frame_000001.png").is_file()


def test_another_camera_and_another_bag_are_told(told: dict[str, str]) -> None:
    assert all("another camera" in told[f"camera::frame_00000{k}"] for k in range(2))
    assert "the bag is another one" in told["other::frame_000000"] and "no frame 7" in told["other::frame_000007"]


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["--bag=nothing"], "does not exist"),
        (["--bag=site"], "site.expected.yaml"),
        (["--bag-update"], "--bag-update needs --bag"),
        (["--bag=box", "--bag-model=gpnet"], "--bag-model is for --bag-update"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(repository: Path, words: list[str], word: str) -> None:
    done = run(repository, *words)
    assert done.returncode == 4
    assert word in done.stderr and "Traceback" not in done.stderr + done.stdout, done.stderr


def test_a_bag_that_cannot_be_used_fails_with_its_sentence(repository: Path, tmp_path: Path) -> None:
    done = run(repository, f"--bag={tmp_path}/nowhere", "--bag-update")
    assert done.returncode == 1 and "does not exist" in done.stdout and "Traceback" not in done.stdout
