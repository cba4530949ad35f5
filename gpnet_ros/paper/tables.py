"""All tables of the paper: which lines each has, what stands beside them, and the files that they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gpnet_ros.data.loaders.sets import LOADERS
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.judged_pictures import open_pictures
from gpnet_ros.paper import paper_figures
from gpnet_ros.paper.lines import table_lines
from gpnet_ros.paper.measuring import judge_model, play_heaps
from gpnet_ros.paper.pages import Table, fill
from gpnet_ros.paper.paper_figures import PaperFigure
from gpnet_ros.paper.pictures import MeasuredLine, measure_line, picture_table
from gpnet_ros.paper.plots import draw_bars, draw_clearing
from gpnet_ros.paper.rows import TABLES, AblationRow
from gpnet_ros.paper.scene_table import read_latency, read_runs, scene_table
from gpnet_ros.paper.table3 import ClearedLine, clear_line, clearing_table, line_of_rounds
from gpnet_ros.paper.target_figures import ShippedFiles
from gpnet_ros.paper.targets import refuse_targets, targets_table

#: Tables that have no rows of ablations: of the multi-task networks, and of what must hold.
SCENES, TARGETS = "graspnext", "targets"
_REGRAD = "The paper's figures: REGRAD, rectangle rule, a GTX 1080 Ti; not all inputs of its baselines are stated."


@dataclass(frozen=True)
class _PictureTable:
    """What is known of a table of pictures before anything is measured.

    Attributes:
        title: heading; {} stands for the name of the set.
        reference: key of the line that the others are compared with.
        paper: the paper's own figures by `AblationRow.paper`.
        note: sentence of this table; "" for none.
    """

    title: str
    reference: str
    paper: Mapping[str, PaperFigure] = field(default_factory=dict)
    note: str = ""


_PICTURE_TABLES = {
    "table1": _PictureTable("Table 1: all methods, {}", "best", paper_figures.TABLE1, _REGRAD),
    "rgb": _PictureTable("Table 1, colour alone, {}", "gpnet-rgb", paper_figures.TABLE1, _REGRAD),
    "depth": _PictureTable("Table 1, depth alone, {}", "gpnet-depth", paper_figures.TABLE1, _REGRAD),
    "parts": _PictureTable(
        "Parts of GP-Net: what the recipe of the paper owes to each, {}", "gpnet-paper", paper_figures.TABLE1
    ),
    "losses": _PictureTable("Fig. 5: the loss alone, {}", "gpnet-paper", note=paper_figures.FIGURE5),
    "table2": _PictureTable(
        "Table 2: colour only, {}",
        "gpnet-rgb",
        paper_figures.TABLE2,
        "The paper's figures: networks trained on REGRAD, judged on VMRD.",
    ),
    "ingredients": _PictureTable("What recipe best owes to its parts, {}", "best"),
    "equal": _PictureTable(
        "The same views for every network, {}",
        "equal-m",
        note="Each network has the recipe of its own code or size; those as shipped were trained longer.",
    ),
}


@dataclass(frozen=True)
class TablesRequest:
    """What `gpnet tables` shall measure, and where it is written.

    Attributes:
        out: folder of tables.md, and of one CSV and one picture per table.
        models: folder of `gpnet ablate`.
        tables: some of `TABLES`, `SCENES` and `TARGETS`, which every call makes.
        data: set of all tables of pictures but table2.
        public: (loader, folder) of each public set of table2.
        scenes: only the first so many pictures of each set; None takes all.
        rounds: frozen heaps of each K in table3, and more of a line that has more already.
        page: Markdown page whose generated parts are filled too; None fills none.
        runs: folder of what the commands beside the targets leave.
        graspnext: folder of `gpnet ablate graspnext`; latency: file of `gpnet bench graspnext --out`.
        workers: processes; 0 takes one per core.

    Raises:
        BadInput: a number is too small, or there is no such public set.
    """

    out: Path
    models: Path = Path("runs/ablations")
    tables: tuple[str, ...] = (*TABLES, SCENES, TARGETS)
    data: str = "stack-test"
    public: tuple[tuple[str, str], ...] = ()
    scenes: int | None = None
    rounds: int = 100
    page: Path | None = None
    runs: Path = Path("runs")
    graspnext: Path = Path("runs/graspnext")
    latency: Path = Path("runs/latency.json")
    workers: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("scenes", self.scenes, 1),
            ("rounds", self.rounds, 1),
            ("workers", self.workers, 0),
        ):
            if value is not None and value < least:
                raise BadInput(f"--{name} is {value}; it must be {least} or more.")
        for loader, folder in self.public:
            if loader not in LOADERS or not folder or not Path(folder).is_dir():
                raise BadInput(
                    f"--public {f'{loader}={folder}'!r} must be NAME=FOLDER with a folder that exists, as "
                    f"vmrd=/data/VMRD; names: {', '.join(LOADERS)}."
                )


def make_tables(rows: tuple[AblationRow, ...], asked: TablesRequest) -> tuple[list[Table], list[Path]]:
    """Measure what is asked and write it, with the table of targets before the others.

    Args:
        rows: all rows.
        asked: what and where.

    Returns:
        The tables, and the files that were written.

    Raises:
        BadInput: a set, a page or a file cannot be read.
    """
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = (asked.out if asked.page is None else asked.page.parent) / "targets.json"
    refuse_targets(ShippedFiles(asked.runs), kept)
    found: list[Table] = []
    by_set: dict[str, dict[str, MeasuredLine]] = {}
    for name in (table for table in asked.tables if table not in ("table3", SCENES, TARGETS)):
        own = "unseen-test" if name == "table2" else asked.data
        for source, data in [("own", own), *(asked.public if name == "table2" else ())]:
            table, measured = _picture_table(name, rows, asked, source, data)
            found.append(table)
            by_set.setdefault(data, {}).update({line.line.key: line for line in measured})
            draw_bars(asked.out / f"{table.name}.png", table.title, measured, _PICTURE_TABLES[name].paper)
    if "table3" in asked.tables:
        clearing = _clearing(rows, asked)
        found.append(clearing_table(clearing, "gpnet", asked.models))
        draw_clearing(asked.out / "table3.png", clearing)
    if SCENES in asked.tables:
        found.append(scene_table(read_runs(asked.graspnext), read_latency(asked.latency)))
    shipped = ShippedFiles(asked.runs)
    found.insert(0, targets_table(shipped, by_set.get("stack-test", {}), kept))
    for sentence in dict.fromkeys(shipped.left_out):
        print(sentence)
    return found, _write(asked.out, found, asked.page)


def _picture_table(
    name: str, rows: tuple[AblationRow, ...], asked: TablesRequest, source: str, data: str
) -> tuple[Table, list[MeasuredLine]]:
    """A table on one set; see `open_pictures` for source and data."""
    about, pictures = _PICTURE_TABLES[name], open_pictures(data, source)
    judge = partial(judge_model, pictures=pictures, scenes=asked.scenes, workers=asked.workers)
    measured = [measure_line(line, judge) for line in table_lines(name, rows, asked.models)]
    table = picture_table(
        name if name != "table2" else f"table2-{pictures.name}",
        about.title.format(pictures.name) + (f" (first {asked.scenes} pictures)" if asked.scenes else ""),
        measured,
        asked.models,
        about.paper,
        against=about.reference,
        simulated=source == "own",
        notes=[about.note] if about.note else [],
    )
    return table, measured


def _clearing(rows: tuple[AblationRow, ...], asked: TablesRequest) -> list[ClearedLine]:
    """The oracle, then every line of Table 3."""
    play = partial(play_heaps, rounds=asked.rounds, workers=asked.workers)
    oracle = line_of_rounds("oracle", "oracle (plans from the truth)", play(None, "oracle"))
    return [oracle, *(clear_line(line, play) for line in table_lines("table3", rows, asked.models))]


def _write(out: Path, found: Sequence[Table], page: Path | None) -> list[Path]:
    """Write all tables as Markdown and CSV, and fill a page's generated parts; the files."""
    markdown = out / "tables.md"
    markdown.write_text("\n".join(t.markdown() for t in found), encoding="utf-8")
    csvs = [out / f"{table.name}.csv" for table in found]
    for file, table in zip(csvs, found, strict=True):
        file.write_text(table.csv(), encoding="utf-8")
    files = [markdown, *csvs, *(p for table in found if (p := out / f"{table.name}.png").is_file())]
    if page is not None:
        for name in fill(page, {table.name: table.markdown() for table in found}):
            print(f"{page} has no part for {name}: it stands in {markdown} only.")
        files.append(page)
    return files
