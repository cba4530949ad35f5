"""The loop with made-up candidates: same seed same bytes, killed or not, in any order of workers; and it searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torchvision")

from support.tiny_search import SETTINGS, at_once, flat_table, search_in, write_pictures

from gpnet_ros.errors import BadInput
from gpnet_ros.training.search.indicator import Indicator
from gpnet_ros.training.search.log import LOG, SearchLog
from gpnet_ros.training.search.page import PAGE, PICTURE, save_search_page
from gpnet_ros.training.search.pictures import Material
from gpnet_ros.training.search.space import TINY
from gpnet_ros.workers import Maker, Members

LONGER = replace(SETTINGS, generations=5, pool=10, population=6, retried=8)


class Killed(BaseException):
    """What a kill leaves behind: everything before it."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("search") / "data")


def first_first(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
    yield from sorted(at_once(make, numbers, workers))


def test_the_same_seed_gives_the_same_log_in_whatever_order_workers_answer(data: Path, tmp_path: Path) -> None:
    logs = [
        search_in(tmp_path / "a", data).run().log,
        search_in(tmp_path / "b", data, executor=first_first).run().log,
        search_in(tmp_path / "c", data, settings=replace(SETTINGS, seed=1)).run().log,
    ]
    assert logs[0].path.read_bytes() == logs[1].path.read_bytes()
    assert logs[0].lines[-1] != logs[2].lines[-1]


@pytest.mark.parametrize("answers", [0, 1, 7, 13, 20])
def test_a_killed_search_resumes_to_the_same_log(data: Path, tmp_path: Path, answers: int) -> None:
    whole = search_in(tmp_path / "whole", data).run().log
    left, asked = [answers], [0]

    def mortal(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
        for each in at_once(make, numbers, workers):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            yield each

    def counted(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
        for each in at_once(make, numbers, workers):
            asked[0] += 1
            yield each

    with pytest.raises(Killed):
        search_in(tmp_path / "killed", data, executor=mortal).run()
    path = tmp_path / "killed" / LOG
    told = path.read_text().count('"answer"')
    path.write_text(path.read_text() + '{"trial": {"ki')  # a line that the kill cut off
    resumed = search_in(tmp_path / "killed", data, resume=True, executor=counted).run().log
    assert resumed.path.read_bytes() == whole.path.read_bytes()
    total = sum("trial" in line for line in whole.lines)
    assert asked[0] == total - told < total + 1  # what was in the log was not tried again


def test_a_log_of_another_search_is_refused(data: Path, tmp_path: Path) -> None:
    search_in(tmp_path, data).run()
    with pytest.raises(BadInput, match=r"Line 1 .* of another search"):
        search_in(tmp_path, data, resume=True, settings=replace(SETTINGS, rate=0.002)).run()
    lines = (tmp_path / LOG).read_text().splitlines()
    (tmp_path / LOG).write_text("\n".join([lines[0], lines[9], *lines[2:]]) + "\n")
    with pytest.raises(BadInput, match=r"Line 2 .* of another search"):
        search_in(tmp_path, data, resume=True).run()
    (tmp_path / LOG).write_text("{\n" + "\n".join(lines) + "\n")
    with pytest.raises(BadInput, match="damaged"):
        SearchLog(tmp_path, True)


def test_a_log_is_neither_overwritten_nor_made_up(data: Path, tmp_path: Path) -> None:
    search_in(tmp_path, data)
    (tmp_path / LOG).touch()
    with pytest.raises(BadInput, match="holds a search already"):
        SearchLog(tmp_path, False)
    with pytest.raises(BadInput, match=r"no .* to resume"):
        SearchLog(tmp_path / "elsewhere", True)


def test_everything_taught_is_allowed_and_the_best_never_gets_worse(data: Path, tmp_path: Path) -> None:
    search = search_in(tmp_path, data, settings=LONGER)
    found = search.run()
    indicator = Indicator(flat_table(), 60.0, LONGER.millions_max, LONGER.gmac_max)
    assert all(indicator.refusal(TINY.architecture(tried.point)) == "" for tried in found.tried)
    best = [line["best"] for line in found.log.lines if "generation" in line]
    assert best == sorted(best) and len(best) == LONGER.generations
    assert search.final_score(found.winner) == max(search.final_score(t) for t in found.tried if t.whole)
    refused = [line["refused"] for line in found.log.lines if "generation" in line]
    assert sum(sum(each.values()) for each in refused) > 0, "the bars refuse nothing here: they are not tried"


def test_the_generator_ends_near_what_was_planted(data: Path, tmp_path: Path) -> None:
    found = search_in(tmp_path, data, settings=LONGER).run()
    chances = [line["chances"] for line in found.log.lines if "generation" in line][-1]
    assert TINY.values(found.winner.point)["neck"] == 32  # worth .5 of accuracy
    assert chances["neck"][1] > 0.8
    assert chances["suction_width"][0] > 0.6  # worth nothing, and it costs
    assert found.trust["accuracy, two seeds"] > 0.5


def test_a_search_without_a_point_says_which_bars_stand_in_the_way(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"0 were allowed .*multiply-adds.*raise the bars"):
        search_in(tmp_path, data, settings=replace(SETTINGS, gmac_max=0.001, pool=4)).run()


def test_pictures_are_split_by_scene_and_some_are_needed(data: Path) -> None:
    learned, judged = Material((data,), 10, 64, 8, 2, 0).split()
    assert not set(learned) & set(judged) and len(learned) == 8 and len(judged) == 2
    with pytest.raises(BadInput, match="too few"):
        Material((data,), 4, 64, 8, 2, 0)


def test_the_page_tells_of_the_winner_and_of_trust(data: Path, tmp_path: Path) -> None:
    search = search_in(tmp_path, data)
    found = search.run()
    save_search_page(tmp_path, found, search, None)
    page = (tmp_path / PAGE).read_text()
    price = search.price(found.winner)
    for told in (found.log.digest, f"{price.gmac:.1f} GMAC", "accuracy, two seeds", "(winner)", PICTURE):
        assert told in page
    assert page.count("(winner)") == 1
    assert (tmp_path / PICTURE).stat().st_size + len(page) < 300_000
    assert np.isfinite(search.final_score(found.winner))
