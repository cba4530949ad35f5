"""Whatever happens to a byte of a data set, its loader gives a sample or one sentence."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from support.public_sets import graspnet, metagraspnet, regrad

from gpnet_ros.data.loaders.graspnet import GraspNet
from gpnet_ros.data.loaders.metagraspnet.metagraspnet import MetaGraspNet
from gpnet_ros.data.loaders.regrad.regrad import Regrad
from gpnet_ros.data.sample import samples
from gpnet_ros.errors import BadInput


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut off, changed in up to eight places, or with four bytes more."""
    how, place = rng.random(), rng.randrange(len(data) + 1)
    if how < 0.2:
        return data[:place]
    if how > 0.9:
        return data[:place] + rng.randbytes(4) + data[place:]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8)) if data else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize(
    ("write", "load"), [(graspnet, GraspNet), (regrad, Regrad), (metagraspnet, MetaGraspNet)], ids=lambda x: x.__name__
)
def test_damage_is_a_sample_or_a_sentence(tmp_path: Path, write: Callable, load: Callable) -> None:
    write(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    rng, refused = random.Random(3), []
    for _ in range(80):
        path = rng.choice(files)
        whole = path.read_bytes()
        path.write_bytes(damaged(whole, rng))
        try:
            assert all(sample.frame.shape for sample in samples(load(tmp_path)))
        except BadInput as error:
            refused.append(str(error))
        path.write_bytes(whole)
    assert len(refused) > 20
    assert all("\n" not in sentence and str(tmp_path) in sentence for sentence in refused)
    assert all(sample.frame.shape for sample in samples(load(tmp_path)))
