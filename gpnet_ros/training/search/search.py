"""The loop of the search: draw, sift, teach, question, learn; then the last few learn everything.

1. The generator draws points; the indicator refuses most of those that cost too much.
2. The zero-cost score sifts them; the best are taught trunk, proposals and dense heads for a short time (`dense`).
3. The generator moves towards the best of all so far; the inquisitor's advice re-weights it. Again from 1.
4. Some points are taught again from a second seed: how far the ranking can be trusted.
5. The best few learn all tasks, from several seeds. With the best of them, other regional heads are drawn as the
   inquisitor advises, and these learn all tasks too. The highest mean score wins.

Scores of `dense` count the cost of what was taught, those of `whole` the whole network's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.training.graspnext.found_network import sizes_digest
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.generator import PointGenerator
from gpnet_ros.training.search.indicator import Indicator, Price
from gpnet_ros.training.search.inquisitor import Surrogate, gains, probe_advice
from gpnet_ros.training.search.log import SearchLog
from gpnet_ros.training.search.pictures import Material
from gpnet_ros.training.search.proxy import DENSE, WHOLE, accuracy
from gpnet_ros.training.search.score import net_score, spearman
from gpnet_ros.training.search.settings import SearchSettings
from gpnet_ros.training.search.space import SPACES, Point
from gpnet_ros.training.search.trials import Answer, Executor, Trial, TrialMaker, in_order

#: Points that are drawn at most for each that is wanted.
_DRAWS = 200
#: Components that only `whole` teaches.
_LATE = ("box", "masks", "occlusion")


@dataclass
class Tried:
    """A point and what is known of it: figures by kind, one entry per seed.

    Attributes:
        point: of the space. generation: that drew it. zero_cost: its score.
        dense, whole: answers by seed.
    """

    point: Point
    generation: int
    zero_cost: float
    dense: list[Answer] = field(default_factory=list)
    whole: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The end of a search.

    Attributes:
        winner: its point; tried: all points that were taught; trust: rank correlations by name; log: of it all.
    """

    winner: Tried
    tried: list[Tried]
    trust: dict[str, float]
    log: SearchLog


class Search:
    """A search that is under way.

    Attributes:
        settings, indicator: of it. space: its points; start: the one that is tried first. tried: what was taught.
    """

    def __init__(
        self,
        settings: SearchSettings,
        material: Material,
        indicator: Indicator,
        log: SearchLog,
        work: tuple[Executor, int],
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Prepare a search.

        Args:
            settings: of it. material: what candidates learn and are judged on. indicator: which points are allowed.
            log: where every answer goes, and known ones come from.
            work: who does the trials, and by how many workers. say: told what happens.
        """
        self.settings, self.indicator, self._material = settings, indicator, material
        self._log, self._work, self._say = log, work, say
        self._known = log.answers()
        self.space, self.start = SPACES[settings.space]
        self._generator = PointGenerator(self.space)
        self._rng = np.random.default_rng(settings.seed)
        self.tried: list[Tried] = []
        self._drawn: set[Point] = set()

    def run(self) -> Found:
        """Search to the end.

        Raises:
            BadInput: hardly any point is allowed, or the log is of another search.
        """
        table, settings = self.indicator.table, self.settings
        asked = {"space": self.space.digest, "data": self._material.digest, "latency": table.digest}
        self._log.write({"search": asdict(settings) | {"budget": self.indicator.budget} | asked})
        for generation in range(settings.generations):
            self._generation(generation)
        trust = self._retried()
        winner = self._finals()
        trust |= self._agreement()
        price = asdict(self.price(winner))
        said = {"point": winner.point, "values": self.space.values(winner.point), "score": self.final_score(winner)}
        self._log.write({"winner": said | price, "trust": {k: _plain(v) for k, v in trust.items()}})
        return Found(winner, self.tried, trust, self._log)

    def price(self, tried: Tried) -> Price:
        """What a point costs: millions of parameters, billions of multiply-adds, time [ms]."""
        return self.indicator.price(self.space.architecture(tried.point))

    def dense_score(self, tried: Tried, seed: int = 0) -> float:
        """NetScore after the dense lesson, of the cost of what it teaches; without unit."""
        cost = component_cost(self.space.architecture(tried.point))
        millions, gmac = (sum(of[c] for c in DENSE) for of in (cost.parameters, cost.multiply_adds))
        return net_score(accuracy(tried.dense[seed]["figures"]), millions / 1e6, gmac / 1e9)

    def final_score(self, tried: Tried) -> float:
        """Mean NetScore after all tasks, of the whole network's cost; without unit."""
        cost = component_cost(self.space.architecture(tried.point))
        scores = [net_score(accuracy(answer["figures"]), cost.millions, cost.gmac) for answer in tried.whole]
        return float(np.mean(scores))

    def _generation(self, generation: int) -> None:
        settings = self.settings
        points, refused = self._draw(settings.pool, self._generator.draw, generation == 0)
        sifted = self._ask([Trial("zero_cost", point) for point in points])
        order = sorted(range(len(points)), key=lambda row: (-sifted[row]["score"], points[row]))
        if generation == 0 and points[0] == self.start:
            order = [0, *(row for row in order if row)]
        chosen = order[: settings.population]
        answers = self._ask([Trial("dense", points[row]) for row in chosen])
        for row, answer in zip(chosen, answers, strict=True):
            self.tried.append(Tried(points[row], generation, sifted[row]["score"], [answer]))
        best = self._best(max(2, round(settings.elite * len(self.tried))))
        self._generator.learn([tried.point for tried in best])
        surrogate = Surrogate.fit(self.space, [t.point for t in self.tried], [self.dense_score(t) for t in self.tried])
        self._generator.heed(surrogate.advice())
        asked = self._probes(best, "dense")
        self._generator.heed(probe_advice(self.space, asked))
        top = self.dense_score(best[0])
        said = {"best": top, "point": best[0].point, "refused": refused, "gains": _mean(asked)}
        self._log.write({"generation": generation, **said, "chances": self._generator.as_json()})
        self._say(f"generation {generation}: {len(points)} drawn, {sum(refused.values())} refused, best {top:.2f}")

    def _draw(
        self, count: int, draw: Callable[[np.random.Generator], Point], with_start: bool
    ) -> tuple[list[Point], dict[str, int]]:
        """Allowed points that were not drawn before, and how many were refused for what."""
        points: list[Point] = []
        refused: Counter[str] = Counter()
        for turn in range(count * _DRAWS):
            if len(points) == count:
                break
            point = self.start if with_start and turn == 0 else draw(self._rng)
            if point in self._drawn:
                continue
            self._drawn.add(point)
            reason = self._refusal(point)
            if reason:
                refused[reason] += 1
            else:
                points.append(point)
        if len(points) < 2 and with_start:
            raise BadInput(f"Of {count * _DRAWS} points {len(points)} were allowed ({dict(refused)}): raise the bars.")
        return points, dict(sorted(refused.items()))

    def _refusal(self, point: Point) -> str:
        """What kind of bar a point does not pass, or nothing."""
        architecture = self.space.architecture(point)
        reason = self.indicator.refusal(architecture)
        if not reason and self.indicator.price(architecture).gmac < self.settings.gmac_min:
            return "too small"
        for word in ("condenser", "parameters", "multiply-adds", "ms"):
            if word in reason:
                return word
        return reason

    def _ask(self, trials: Sequence[Trial]) -> list[Answer]:
        """Answers to trials, from the log where it has them."""
        maker = TrialMaker(tuple(trials), self._material, self.settings)
        missing = [row for row, trial in enumerate(trials) if trial.key not in self._known]
        fresh = in_order(maker, missing, *self._work)
        answers = []
        for trial in trials:
            answer = self._known[trial.key] if trial.key in self._known else next(fresh)
            self._log.write({"trial": asdict(trial), "answer": answer})
            answers.append(answer)
        next(fresh, None)  # lets the workers go
        return answers

    def _best(self, count: int) -> list[Tried]:
        return sorted(self.tried, key=lambda tried: (-self.dense_score(tried), tried.point))[:count]

    def _probes(self, best: Sequence[Tried], kind: str) -> list[dict[str, float]]:
        """What the inquisitor's probes say of some networks."""
        found = []
        for tried in best:
            probes = dict((tried.dense if kind == "dense" else tried.whole)[0]["probes"])
            whole = probes.pop(WHOLE)
            found.append(gains(self.space.architecture(tried.point), whole, probes))
        return found

    def _retried(self) -> dict[str, float]:
        """Teach points from the best to the worst again, and compare the rankings."""
        order = self._best(len(self.tried))
        count = min(self.settings.retried, len(order))
        again = [order[row] for row in sorted({round(k * (len(order) - 1) / max(1, count - 1)) for k in range(count)})]
        for tried, answer in zip(again, self._ask([Trial("dense", t.point, 1) for t in again]), strict=True):
            tried.dense.append(answer)
        figures = [[accuracy(t.dense[seed]["figures"]) for t in again] for seed in (0, 1)]
        scores = [[self.dense_score(t, seed) for t in again] for seed in (0, 1)]
        return {
            "accuracy, two seeds": spearman(*figures),
            "score, two seeds": spearman(*scores),
            "zero-cost and accuracy": spearman(
                [t.zero_cost for t in self.tried], [accuracy(t.dense[0]["figures"]) for t in self.tried]
            ),
        }

    def _finals(self) -> Tried:
        finalists = self._best(self.settings.finals)
        self._teach_all(finalists)
        best = max(finalists, key=self.final_score)
        self._generator.heed(probe_advice(self.space, self._probes(finalists, "whole")))
        rows = [row for row, v in enumerate(self.space.variables) if v.component in _LATE]

        def other_heads(rng: np.random.Generator) -> Point:
            drawn = self._generator.draw(rng)
            return tuple(drawn[row] if row in rows else best.point[row] for row in range(len(drawn)))

        points, _ = self._draw(self.settings.finals, other_heads, False)
        # The dense heads and the trunk are those of `best`: what was learned of them holds.
        relatives = [Tried(point, self.settings.generations, best.zero_cost, best.dense) for point in points]
        self._teach_all(relatives)
        self.tried += relatives
        return max([*finalists, *relatives], key=self.final_score)

    def _teach_all(self, points: Sequence[Tried]) -> None:
        seeds = range(self.settings.seeds)
        answers = iter(self._ask([Trial("whole", tried.point, seed) for tried in points for seed in seeds]))
        for tried in points:
            tried.whole = [next(answers) for _ in seeds]
            self._say(f"finalist {tried.point}: score {self.final_score(tried):.2f}")

    def _agreement(self) -> dict[str, float]:
        """How the short lesson ranks those that learned everything."""
        last = [tried for tried in self.tried if tried.whole]
        return {
            "dense and whole score": spearman([self.dense_score(t) for t in last], [self.final_score(t) for t in last]),
            "finalists": float(len(last)),
        }


def _mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]} if found else {}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def winner_file(found: Found, search: Search, profile: str, commit: str) -> dict[str, Any]:
    """What is written of the winner: its architecture, and which search found it, for `gpnet train` and cards."""
    architecture = search.space.architecture(found.winner.point).as_json()
    said = found.log.lines[0]["search"]
    by = {"profile": profile, "seed": said["seed"], "log_sha256": found.log.digest, "data_sha256": said["data"]}
    sizes = sizes_digest(architecture)
    return {"architecture": architecture, "architecture_sha256": sizes, "found_by": by | {"commit": commit}}
