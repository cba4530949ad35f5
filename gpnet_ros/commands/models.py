"""List the models in models/: what each is, how it did on the test sets, and whether its files are whole.

Every model is loaded and computes its golden outputs; one that was edited, damaged or is no safetensors file is shown
as refused, with the reason. What a card does not say yet is named. Exit status 1 when a model is refused.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.evaluation.model_list import BYTES_MAX, SCENE_BYTES_MAX, list_models, models_table, oversize
from gpnet_ros.settings import resource_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models`."""
    parser.add_argument("--folder", type=Path, help="other models than those of the package")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """List the models; 1 when one is refused."""
    models = list_models(args.folder or resource_dir("models"))
    ok = all(model.refused is None for model in models)
    answer = {"models": [model.to_dict() for model in models], "bytes": sum(model.size for model in models)}
    bounds = {"bytes_max": BYTES_MAX, "scene_bytes_max": SCENE_BYTES_MAX, "oversize": oversize(models)}
    print(json.dumps(answer | bounds | {"ok": ok}) if args.json else models_table(models))
    return 0 if ok else 1
