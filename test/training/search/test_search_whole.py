"""`gpnet search` itself, on networks that can be taught in a test; its winner is what `gpnet train` takes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torchvision")

from support.tiny_search import SETTINGS, write_pictures

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import NETWORKS, Architecture
from gpnet_ros.training.graspnext.found_network import named_or_found
from gpnet_ros.training.graspnext.recipe import load_graspnext_recipe
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.indicator import GMAC_MAX, MILLIONS_MAX
from gpnet_ros.training.search.log import LOG
from gpnet_ros.training.search.page import PAGE, PICTURE
from gpnet_ros.training.search.run import LATENCY, WINNER
from gpnet_ros.training.search.settings import SearchSettings, load_profile
from gpnet_ros.training.search.space import SPACES, TINY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a profile, and one finished search."""
    folder = tmp_path_factory.mktemp("search")
    write_pictures(folder / "data")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(asdict(SETTINGS)))
    assert main(words(folder, "out")) == 0
    return folder


def words(folder: Path, out: str, *more: str) -> list[str]:
    said = ["search", "--data", folder / "data", "--out", folder / out, "--profile", folder / "tiny.yaml", *more]
    return [str(word) for word in said]


def test_a_search_leaves_its_log_table_winner_and_page(folder: Path) -> None:
    for name in (LOG, LATENCY, WINNER, PAGE, PICTURE):
        assert (folder / "out" / name).stat().st_size > 0
    lines = [json.loads(line) for line in (folder / "out" / LOG).read_text().splitlines()]
    kinds = [line["trial"]["kind"] for line in lines if "trial" in line]
    assert kinds.count("zero_cost") == 12 and kinds.count("dense") == 8 + 3 and kinds.count("whole") == 4
    for line in lines:
        if "trial" in line and line["trial"]["kind"] != "zero_cost":
            assert all(-1.0 <= figure <= 1.0 for figure in line["answer"]["figures"].values())


def test_the_same_table_and_seed_give_the_same_log(folder: Path) -> None:
    table = str(folder / "out" / LATENCY)
    assert main(words(folder, "again", "--latency", table)) == 0
    assert (folder / "again" / LOG).read_bytes() == (folder / "out" / LOG).read_bytes()
    assert (folder / "again" / WINNER).read_bytes() == (folder / "out" / WINNER).read_bytes()


def test_a_recipe_takes_the_winner_and_says_who_found_it(folder: Path) -> None:
    recipe = load_graspnext_recipe("graspnext", network=str(folder / "out" / WINNER))
    said = json.loads((folder / "out" / LOG).read_text().splitlines()[-1])["winner"]
    assert recipe.architecture == TINY.architecture(tuple(said["point"]))
    assert Architecture.from_json(recipe.blank_card().kwargs["sizes"]) == recipe.architecture
    assert len(recipe.found_by["log_sha256"]) == 64
    plain = load_graspnext_recipe("graspnext")
    assert plain.architecture == NETWORKS["fast-graspnext"]
    assert load_graspnext_recipe("graspnext", network="resnet-graspnext").found_by == {}


def test_the_fast_network_is_the_one_that_the_committed_search_found() -> None:
    search = Path(__file__).parents[3] / "docs" / "search" / "imagenet"
    architecture, found_by = named_or_found(str(search / WINNER))
    assert named_or_found("fast-graspnext") == (architecture, found_by)
    assert hashlib.sha256((search / LOG).read_bytes()).hexdigest() == found_by["log_sha256"]
    said = json.loads((search / LOG).read_text().splitlines()[-1])["winner"]
    assert SPACES["imagenet"][0].architecture(tuple(said["point"])) == architecture


def test_a_winner_that_was_edited_and_a_network_that_is_none_are_refused(folder: Path, tmp_path: Path) -> None:
    said = json.loads((folder / "out" / WINNER).read_text())
    said["architecture"]["stem"] += 8
    (tmp_path / "edited.json").write_text(json.dumps(said))
    for name, reason in (("edited.json", "not those that its search found"), ("none.json", "cannot be used")):
        with pytest.raises(BadInput, match=reason):
            named_or_found(str(tmp_path / name))
    with pytest.raises(BadInput, match="network is 'slow-graspnext'"):
        load_graspnext_recipe("graspnext", network="slow-graspnext")


def test_bad_words_are_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(folder, "out")) == 2
    assert "go on with --resume" in capsys.readouterr().err
    assert main(words(folder, "new", "--resume")) == 2
    assert "to resume from" in capsys.readouterr().err
    assert main(words(folder, "new", "--workers", "0")) == 2
    assert "--workers is 0" in capsys.readouterr().err
    assert main(["search", "--data", "nowhere", "--out", str(folder / "new")]) == 2
    assert main([*words(folder, "new")[:-1], "hours"]) == 2
    assert "known are: day, imagenet, minutes, smoke" in capsys.readouterr().err


def test_the_committed_winner_is_that_of_its_log_and_meets_the_bars() -> None:
    committed = Path(__file__).parents[3] / "docs" / "search" / "minutes"
    net, found_by = named_or_found(str(committed / WINNER))
    log = (committed / LOG).read_bytes()
    assert hashlib.sha256(log).hexdigest() == found_by["log_sha256"]
    said = json.loads(log.splitlines()[-1])["winner"]
    cost = component_cost(net)
    assert net == SPACES["full"][0].architecture(tuple(said["point"]))
    assert (cost.millions, cost.gmac) == (said["millions"], said["gmac"])
    assert cost.millions <= MILLIONS_MAX and cost.gmac < GMAC_MAX
    assert hashlib.sha256(log + b"\n").hexdigest() != found_by["log_sha256"]


@pytest.mark.parametrize("name", ["smoke", "minutes", "day"])
def test_every_profile_is_sound(name: str) -> None:
    profile = load_profile(name)
    assert isinstance(profile, SearchSettings) and load_profile(name, seed=5).seed == 5
    with pytest.raises(BadInput, match="population"):
        load_profile(name, population=profile.pool + 1)


@pytest.mark.slow
def test_two_workers_killed_and_resumed_find_the_same_as_one_unbroken(folder: Path) -> None:
    extra = ("--latency", str(folder / "out" / LATENCY), "--workers", "2")
    command = [sys.executable, "-m", "gpnet_ros.cli", *words(folder, "killed", *extra)]
    log = folder / "killed" / LOG
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (not log.exists() or log.read_text().count("\n") < 9):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert 9 <= log.read_text().count("\n") < (folder / "out" / LOG).read_text().count("\n")
    assert main(words(folder, "killed", *extra, "--resume")) == 0
    assert log.read_bytes() == (folder / "out" / LOG).read_bytes()


@pytest.mark.slow
def test_the_smallest_profile_searches(folder: Path) -> None:
    out = folder / "smoke"
    assert main(["search", "--data", str(folder / "data"), "--out", str(out), "--profile", "smoke"]) == 0
    assert load_graspnext_recipe("graspnext", network=str(out / WINNER)).found_by["profile"] == "smoke"
