"""pytest --bag FILE: runs detector and decision over a bag and compares with the expectation beside it.

Installed with the package (entry point pytest11); without --bag it does nothing and imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_SETUP = {
    "model": "--bag-model",
    "prefix": "--bag-prefix",
    "cell_file": "--bag-cell",
    "hand_eye_file": "--bag-hand-eye",
}
_FILES = ("cell_file", "hand_eye_file")
#: What was written, for the end of the run.
_TOLD = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("bag", "replay testing of grasps (gpnet_ros)")
    group.addoption(
        "--bag", action="append", default=[], type=Path, metavar="FILE",
        help="a ROS 2 bag to run detector and decision over; again for more",
    )  # fmt: skip
    group.addoption("--bag-update", action="store_true", help="write the expectation FILE.expected.yaml anew")
    group.addoption("--bag-frames", type=int, default=10, metavar="N", help="frames of a new expectation (10)")
    group.addoption("--bag-out", type=Path, metavar="DIR", help="pictures of deviations (bag-deviations)")
    group.addoption("--bag-model", metavar="MODEL", help="for --bag-update: the model (as before, else gpnet)")
    group.addoption("--bag-prefix", metavar="PREFIX", help="for --bag-update: what the camera's topics begin with")
    group.addoption("--bag-cell", metavar="YAML", help="for --bag-update: cell file (as before, else the package's)")
    group.addoption(
        "--bag-hand-eye", metavar="YAML",
        help="for --bag-update: hand-eye file (as before, else none: the grasp is along the optical axis)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that do not go together."""
    given = [option for name, option in _SETUP.items() if config.getoption(option) is not None]
    if given and not config.getoption("--bag-update"):
        raise pytest.UsageError(f"{given[0]} is for --bag-update; else the expectation says how a bag is judged.")
    if config.getoption("--bag-update") and not config.getoption("--bag"):
        raise pytest.UsageError("--bag-update needs --bag FILE.")


def _only_bags(config: pytest.Config) -> bool:
    """Whether no other tests were asked for by name."""
    return bool(config.getoption("--bag")) and config.args_source is not pytest.Config.ArgsSource.ARGS


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave all other tests out when only bags were named."""
    return True if _only_bags(config) else None


@pytest.hookimpl(tryfirst=True)  # so that -k chooses among them
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the items of the bags."""
    if _only_bags(config):
        items.clear()
    for bag in config.getoption("--bag"):
        path = Path(bag).absolute()
        collector = BagCollector.from_parent(session, path=path)
        items.extend(collector.collect())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which expectations were written, and what they hold."""
    for told in config.stash.get(_TOLD, []):
        terminalreporter.write_line(told)


class BagCollector(pytest.File):
    """A bag: one item for each frame of its expectation, or one that writes it."""

    def collect(self) -> Iterator[pytest.Item]:
        """The items of the bag.

        Raises:
            UsageError: there is no expectation, or it cannot be read.
        """
        from gpnet_ros.errors import GpnetError
        from gpnet_ros.evaluation.replay_testing.expectation import expectation_file, read_expectation

        self.file = expectation_file(self.path)
        if self.config.getoption("--bag-update"):
            yield UpdateItem.from_parent(self, name="update")
            return
        if not self.path.exists():
            raise pytest.UsageError(f"Bag {self.path} does not exist: give a bag's folder, or its .mcap or .db3 file.")
        if not self.file.is_file():
            raise pytest.UsageError(f"Bag {self.path} has no expectation {self.file.name}: make one with --bag-update.")
        try:
            self.expected = read_expectation(self.file)
        except GpnetError as error:
            raise pytest.UsageError(str(error)) from error
        if not self.expected.frames:
            raise pytest.UsageError(f"Expectation {self.file} holds no frame: make it anew with --bag-update.")
        for frame in self.expected.frames:
            yield FrameItem.from_parent(self, name=f"frame_{frame.number:06d}", answer=frame)

    def found(self) -> dict[int, Any]:
        """What came of the expected frames, by number; judged once."""
        from gpnet_ros.evaluation.replay_testing.judged_bag import BagJudge, judge_bag

        if not hasattr(self, "_found"):
            judge = BagJudge(self.expected.how, self.file.parent)
            judged = judge_bag(judge, self.path, [frame.number for frame in self.expected.frames])
            self._found = {one.answer.number: one for one in judged}
        return self._found


class BagDeviates(Exception):
    """A frame is not as expected; the message says how, and where the picture is."""


class _BagItem(pytest.Item):
    """An item whose failures are sentences."""

    @property
    def bag(self) -> BagCollector:
        """The bag."""
        assert isinstance(self.parent, BagCollector)
        return self.parent

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The sentence; a traceback for defects only."""
        from gpnet_ros.errors import GpnetError

        if isinstance(excinfo.value, (BagDeviates, GpnetError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What pytest says of it."""
        return self.path, None, f"{self.path.name}::{self.name}"


class FrameItem(_BagItem):
    """One frame of a bag against its expectation."""

    def __init__(self, *, answer: Any, **more: Any) -> None:
        super().__init__(**more)
        self.answer = answer

    def runtest(self) -> None:
        """Compare.

        Raises:
            BagDeviates: the frame is not as expected.
        """
        from gpnet_ros.evaluation.replay_testing.comparison import deviations, save_both
        from gpnet_ros.evaluation.replay_testing.judged_bag import camera_values

        expected, found = self.bag.expected, self.bag.found().get(self.answer.number)
        if found is None:
            raise BagDeviates(f"The bag has no frame {self.answer.number} any more: was it recorded anew?")
        camera = camera_values(None if found.frame is None else found.frame.intrinsics)
        if camera and expected.camera and camera != expected.camera:
            raise BagDeviates(f"The bag is of another camera: {camera}, expected {expected.camera}.")
        wrong = deviations(self.answer, found.answer, expected.tolerance)
        if not wrong:
            return
        if found.frame is not None:
            out = self.config.getoption("--bag-out") or self.config.rootpath / "bag-deviations"
            picture = out / f"{self.path.name}_{self.name}.png"
            save_both(picture, found.frame, self.answer, found.answer)
            wrong.append(f"picture of both: {picture}")
        raise BagDeviates("\n".join(wrong))


class UpdateItem(_BagItem):
    """Writes the expectation of a bag."""

    def runtest(self) -> None:
        """Judge frames, evenly spread, and write what came of them; settings and tolerances of before are kept."""
        from gpnet_ros.evaluation.replay_testing.update import update_expectation

        chosen = {name: self.config.getoption(option) for name, option in _SETUP.items()}
        given = {name: value for name, value in chosen.items() if value is not None}
        folder = self.config.invocation_params.dir
        files = {name: str((folder / value).absolute()) for name, value in given.items() if name in _FILES and value}
        told = update_expectation(self.path, self.bag.file, given | files, self.config.getoption("--bag-frames"))
        self.config.stash.setdefault(_TOLD, []).append(told)
