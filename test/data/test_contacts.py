"""Where objects meet what lies on them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gpnet_ros.data.augment import Crop
from gpnet_ros.data.batches import LEARNED, TARGETS
from gpnet_ros.data.contacts import REACH, contacts
from gpnet_ros.data.dataset import grasp_labels
from gpnet_ros.data.device_set import NO_LAYER, _contacts
from gpnet_ros.data.view_settings import ViewSettings


def _two_blocks(gap: int) -> NDArray[np.uint8]:
    """Object 1 left and object 2 right, `gap` pixels of table apart."""
    ids = np.zeros((40, 60), dtype=np.uint8)
    ids[10:30, 5:25] = 1
    ids[10:30, 25 + gap : 45 + gap] = 2
    return ids


def test_only_the_lower_object_has_contacts_and_only_beside_the_upper_one() -> None:
    ids = _two_blocks(0)
    places = contacts(ids, (1, 0))
    assert places[20, 24] == 1.0
    assert places[20, 25 - REACH] == 1.0 and places[20, 24 - REACH] == 0.0
    assert not places[ids != 1].any(), "neither the upper object nor the table"
    mirrored = contacts(ids, (0, 1))
    assert mirrored[20, 25] == 1.0 and not mirrored[ids != 2].any()


def test_objects_far_apart_alone_or_of_one_layer_have_none() -> None:
    assert not contacts(_two_blocks(REACH + 1), (1, 0)).any()
    assert not contacts(_two_blocks(0), (0, 0)).any()
    assert not contacts(_two_blocks(0), (2, 2)).any()
    assert not contacts(np.zeros((8, 8), dtype=np.uint8), ()).any()


def test_each_layer_has_contacts_with_those_above_it() -> None:
    ids = np.repeat(np.array([1, 2, 3, 0], dtype=np.uint8), 10)[None].repeat(20, axis=0)
    places = contacts(ids, (2, 1, 0))
    assert places[10, 9] == 1.0 and places[10, 19] == 1.0
    assert not places[:, 10 : 20 - REACH].any(), "beside a deeper object there is none"
    assert not places[:, 20:].any()


def test_a_batch_on_a_device_has_the_same_contacts() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        coarse = rng.integers(0, 5, (6, 8))
        ids = coarse.repeat(9, axis=0).repeat(9, axis=1).astype(np.uint8)
        layer = tuple(int(k) for k in rng.integers(0, 3, 4))
        of_pixel = torch.tensor([NO_LAYER, *layer])[torch.from_numpy(ids).long()]
        batch = _contacts(of_pixel[None])[0].numpy()
        difference = contacts(ids, layer) != batch
        assert difference.mean() < 0.02, "but for how a disc is drawn"
        assert batch.any() or not any(layer)


def test_views_have_contacts_only_if_they_are_asked_for() -> None:
    ids = _two_blocks(0)
    still = np.zeros(ids.shape, dtype=np.float32)
    crop = Crop(np.zeros((*ids.shape, 3), np.uint8), still + 0.8, ids, still, still, still, 1.0)
    assert set(grasp_labels(crop, 600.0, (1, 0), ViewSettings())) == set(TARGETS)
    labels = grasp_labels(crop, 600.0, (1, 0), ViewSettings(contact=True))
    assert set(labels) == set(LEARNED)
    assert np.array_equal(labels["contact"], contacts(ids, (1, 0)))
