"""`gpnet generate` with scenes that cost nothing, for tests and for the processes that they kill."""

from __future__ import annotations

import argparse
from pathlib import Path

from support.fake_scenes import FakeMaker, fake_plan

from gpnet_ros.commands import generate

SCENES = 7


def arguments(out: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    return parser.parse_args(["--out", str(out), *words])


def run_fake(out: Path, *words: str, maker: FakeMaker | None = None) -> int:
    return generate.make(arguments(out, *words), fake_plan(SCENES), maker or FakeMaker())
