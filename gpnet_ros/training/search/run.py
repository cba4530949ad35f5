"""A search from a folder of pictures to a folder with its log, latency table, winner and page."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.training.origin import code_commit
from gpnet_ros.training.search.indicator import Indicator
from gpnet_ros.training.search.latency import LatencyCheck, LatencyTable, checked, measure
from gpnet_ros.training.search.log import SearchLog
from gpnet_ros.training.search.page import save_search_page
from gpnet_ros.training.search.pictures import Material
from gpnet_ros.training.search.search import Found, Search, winner_file
from gpnet_ros.training.search.settings import SearchSettings
from gpnet_ros.training.search.space import SPACES
from gpnet_ros.training.search.trials import Executor

WINNER, LATENCY, CHECK = "winner.json", "latency.json", "latency_check.json"


@dataclass(frozen=True)
class SearchOptions:
    """Where a search lies and who works for it.

    Attributes:
        out: its folder. profile: name of its settings, for the winner's file.
        resume: go on with what is there. latency: table of an earlier search to use, or None.
        executor: who does the trials; workers: how many.
    """

    out: Path
    profile: str
    resume: bool
    latency: Path | None
    executor: Executor
    workers: int


def search_folders(
    data: Sequence[Path], settings: SearchSettings, options: SearchOptions, say: Callable[[str], None]
) -> Found:
    """Search, and write log, table, winner and page into the folder.

    The same settings, data and latency table give the same log, byte for byte, whatever the number of workers and
    however often it was interrupted.

    Raises:
        BadInput: a folder cannot be read, the log is of another search, or no point is allowed.
    """
    material = Material(tuple(data), settings.pictures, settings.side, settings.learned, settings.judged, settings.seed)
    log = SearchLog(options.out, options.resume)
    commit = code_commit() or ""  # of the code that searches, whatever is committed meanwhile
    space, start = SPACES[settings.space]
    reference = space.architecture(start)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        table = _table(settings, options, reference, say)
        check = _check(settings, options, table, say)
        indicator = Indicator(
            table, settings.latency_share * table.estimate(reference), settings.millions_max, settings.gmac_max
        )
        search = Search(settings, material, indicator, log, (options.executor, options.workers), say)
        found = search.run()
    finally:
        torch.set_num_threads(threads)
    answer = winner_file(found, search, options.profile, commit)
    (options.out / WINNER).write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    save_search_page(options.out, found, search, check)
    return found


def _table(
    settings: SearchSettings, options: SearchOptions, reference: Architecture, say: Callable[[str], None]
) -> LatencyTable:
    """The table that was given, that the resumed search measured, or a new one."""
    path = options.out / LATENCY
    if options.latency is not None and not (options.resume and path.is_file()):
        table = LatencyTable.load(options.latency)
        if table.protocol != settings.protocol():
            raise BadInput(f"{options.latency} was measured at {table.protocol}, wanted is {settings.protocol()}.")
        _write(path, json.dumps(table.as_json()))
    elif not (options.resume and path.is_file()):
        space, _ = SPACES[settings.space]
        say("measuring the latency of every piece")
        table = measure(space, settings.protocol(), processor(), reference, settings.latency_repeats)
        _write(path, json.dumps(table.as_json()))
    return LatencyTable.load(path)


def _check(
    settings: SearchSettings, options: SearchOptions, table: LatencyTable, say: Callable[[str], None]
) -> LatencyCheck | None:
    """Whole networks, from the smallest to the largest, against the table."""
    if settings.latency_checked == 0:
        return None
    path = options.out / CHECK
    if not (options.resume and path.is_file()):
        space, _ = SPACES[settings.space]
        shares = np.linspace(0.0, 1.0, settings.latency_checked)
        points = [tuple(round(share * (len(v.values) - 1)) for v in space.variables) for share in shares]
        found = checked(table, [space.architecture(point) for point in points], settings.latency_repeats)
        _write(path, json.dumps({"estimated": found.estimated, "measured": found.measured}))
    said = json.loads(path.read_text(encoding="utf-8"))
    check = LatencyCheck(tuple(said["estimated"]), tuple(said["measured"]))
    say(f"the table's sums are off by {check.off:.0%} at most, of {len(check.measured)} whole networks")
    return check


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text + "\n", encoding="utf-8")
    os.replace(draft, path)


def processor() -> str:
    """Name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split("\n")
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
