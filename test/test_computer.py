"""What the doctor says of the computer, with broken libraries in the place of good ones: each is found by its name."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.doctor_cell import names, stand_ins

from gpnet_ros.child_python import ask_python, try_imports
from gpnet_ros.computer import GIB, Times, examine_clock, examine_disk, examine_numpy, examine_opencv, examine_python

ABI = "raise ImportError('A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.0')"
OLD_CV = "__version__ = '4.5.4'"
BARE_CV = "__version__ = '4.10.0'\nclass aruco:\n    pass\n"


def test_a_healthy_computer_raises_no_alarm(tmp_path: Path) -> None:
    clock = examine_clock(Times(1.8e9, 5.0), Times(1.8e9 + 2.0, 7.001))
    found = [*examine_python(), *examine_numpy(), *examine_opencv(installed={"opencv-python"}), *clock]
    assert not names(found), found
    assert [finding.part for finding in found] == ["python", "numpy", "opencv", "clock"]


# --- Python -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [(3, 10, 12), (3, 13, 0), (2, 7, 18)])
def test_another_python_is_told(version: tuple[int, ...]) -> None:
    assert names(examine_python(version)) == ["python_version"]


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpnet_ros.computer.NEEDED", {"numpy": "numpy", "no_such_rtde": "ur_rtde==1.6.5"})
    (finding,) = examine_python((3, 11, 2))
    assert finding.name == "packages_missing" and "no_such_rtde" in finding.says
    assert finding.remedy.endswith("-m pip install 'ur_rtde==1.6.5'.") and sys.executable in finding.remedy


def test_conda_is_told(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    assert names(examine_python((3, 12, 1), prefix=str(tmp_path))) == ["conda"]


# --- numpy and OpenCV ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("modules", "name"),
    [
        ({"cv2": ABI}, "numpy_abi"),
        ({"scipy": "import sys; sys.stderr.write('AttributeError: _ARRAY_API not found\\n')"}, "numpy_abi"),
        ({"numpy": "raise ImportError('libopenblas.so.0: cannot open shared object file')"}, "numpy_broken"),
        ({"numpy": "__version__ = '1.24.1'", "scipy": "", "scipy.spatial": "", "cv2": ""}, "numpy_broken"),
        ({"scipy": "import os; os.kill(os.getpid(), 11)"}, "numpy_broken"),
    ],
)
def test_libraries_that_do_not_belong_together_are_told(modules: dict[str, str], name: str, tmp_path: Path) -> None:
    assert names(examine_numpy(stand_ins(tmp_path, **modules))) == [name]


@pytest.mark.parametrize(
    ("modules", "installed", "name"),
    [
        ({"cv2": "raise ImportError('libGL.so.1: cannot open shared object file')"}, set(), "opencv_broken"),
        ({"cv2": OLD_CV}, set(), "opencv_broken"),
        ({"cv2": BARE_CV}, {"opencv-python"}, "opencv_aruco"),
        ({}, {"opencv-python", "opencv-python-headless"}, "opencv_twice"),
    ],
)
def test_an_opencv_that_does_not_do_is_told(
    modules: dict[str, str], installed: set[str], name: str, tmp_path: Path
) -> None:
    assert names(examine_opencv(stand_ins(tmp_path, **modules), installed)) == [name]


def test_a_python_that_crashes_or_hangs_is_an_answer_too() -> None:
    assert "signal 11" in ask_python(("-c", "import os; os.kill(os.getpid(), 11)")).error
    assert (
        "no answer within" in ask_python(("-c", "input() if 0 else __import__('time').sleep(60)"), patience=0.5).error
    )
    assert ask_python(("-c", "print(1)")).lines == ("1",) and not ask_python(("-c", "")).error
    answer = try_imports("json", "no_such_module")
    assert "json" in answer.versions and "no_such_module" in answer.error


# --- disk ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("free", "found"), [(0.2, ["disk_full"]), (3.0, ["disk_low"]), (40.0, [])])
def test_a_full_disk_is_told_before_it_is_full(
    free: float, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=int(free * GIB)))
    assert names(examine_disk([tmp_path / "runs" / "not yet there"])) == found
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    assert names(examine_disk([tmp_path / "runs"])) == ["disk_unwritable"]


# --- clock --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (Times(1e9, 0.0), Times(1e9 + 1, 1.0), "clock_wrong"),
        (Times(0.0, 0.0), Times(1.0, 1.0), "clock_wrong"),
        (Times(1.8e9, 0.0), Times(1.8e9 + 3.0, 1.0), "clock_jumps"),
        (Times(1.8e9, 0.0), Times(1.8e9, 1.0), "clock_jumps"),
    ],
)
def test_a_clock_that_is_wrong_or_jumps_is_told(before: Times, after: Times, name: str) -> None:
    assert names(examine_clock(before, after)) == [name]
