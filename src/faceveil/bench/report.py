"""The bench's report: one HTML file with what runs measured, as tables, charts and photos."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from jinja2 import Template

from faceveil.app import pictures
from faceveil.app.page import template
from faceveil.bench import certainty
from faceveil.bench.audit import view as audits
from faceveil.bench.audit.view import AuditView
from faceveil.bench.certainty import signed
from faceveil.bench.examples import Example, examples
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished, read_run, without_paths
from faceveil.bench.matrices import Matrix, matrices
from faceveil.bench.plots.sheets import sheets
from faceveil.bench.tables import Grid, grids
from faceveil.core import config
from faceveil.io import page


@dataclass(frozen=True)
class Row:
    """A row of a table: its places, each with whether the row above stands there too."""

    places: tuple[tuple[str, bool], ...]
    cells: tuple[Figure | None, ...]


@dataclass(frozen=True)
class GridView:
    """Figures at places of one kind: as a table, and as matrices where two kinds make them."""

    grid: Grid
    rows: tuple[Row, ...]
    matrices: tuple[Matrix, ...]


@dataclass(frozen=True)
class RunView:
    """A run as the template shows it."""

    name: str
    protocol: str
    headline: str
    caution: str
    command: str
    settings: str
    grids: tuple[GridView, ...]
    examples: Sequence[Example]
    examples_note: str
    facts: Mapping[str, str]
    audit: AuditView | None


def write(folders: Sequence[Path], path: Path) -> None:
    """Writes the report of the runs in ``folders`` to ``path``.

    Raises:
        UsageError: a folder holds no finished run, or a damaged one.
        PhotoError: the file cannot be written.
    """
    page.check(path)
    facts = {
        "Made by": f"faceveil {version('faceveil')}",
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    html = render([read_run(folder) for folder in folders], facts=facts)
    page.write(path, html)


def render(runs: Sequence[Finished], *, facts: Mapping[str, str]) -> str:
    """The report as HTML that needs no network and no other file.

    Args:
        runs: in the order they are shown.
        facts: what the footer states, such as version and date.
    """
    found = [examples(run) for run in runs]
    runs = [_discreet(run) for run in _renamed(runs)]
    return _template().render(
        title="What was measured: " + ", ".join(run.name for run in runs),
        groups=sheets(runs),
        runs=[_view(run, *shown) for run, shown in zip(runs, found, strict=True)],
        facts=facts,
        audits=any(run.found for run in runs),
        veils=any(not run.found for run in runs),
        few=certainty.FEW,
        gain=pictures.GAIN,
    )


def _renamed(runs: Iterable[Finished]) -> list[Finished]:
    """The runs, of which a later one of the same name gets a number."""
    seen: dict[str, int] = {}
    result = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        name = run.name if seen[run.name] == 1 else f"{run.name} ({seen[run.name]})"
        result.append(replace(run, name=name))
    return result


def _discreet(run: Finished) -> Finished:
    """The run without the paths of the machine it was made on."""
    return replace(
        run,
        protocol=without_paths(run.protocol),
        environment=without_paths(run.environment),
        figures=tuple(replace(figure, at=without_paths(figure.at)) for figure in run.figures),
    )


def _view(run: Finished, shown: Sequence[Example], note: str) -> RunView:
    protocol = str(run.protocol["protocol"])
    return RunView(
        name=run.name,
        protocol=protocol,
        headline=audits.headline(run) if run.found else _headline(run),
        caution=_caution(run),
        command=f"faceveil bench {protocol} --config protocol.toml -o RUN",
        settings=config.write(run.protocol),
        grids=tuple(_grid(grid) for grid in grids(run.figures)),
        examples=shown,
        examples_note=note,
        facts=_facts(run),
        audit=audits.view(run) if run.found else None,
    )


def _headline(run: Finished) -> str:
    """What was done to how many, in a sentence."""
    veiled = [line for line in run.lines if line.arm]
    plain = [line for line in run.lines if not line.arm]
    clean = f"{_count(len(plain), 'picture')} as {'it is' if len(plain) == 1 else 'they are'}"
    judges = _listed(run.protocol["victims"])
    if not veiled:
        people = _count(len({line.person for line in plain}), "person")
        return f"{clean}, of {people}, judged by {judges}."
    people = _count(len({line.person for line in veiled}), "person")
    ways = _count(len({line.arm for line in veiled}), "way")
    return f"{people} veiled in {ways} and judged by {judges}; beside them {clean}."


def _caution(run: Finished) -> str:
    """What a hasty reader must not miss; empty if there is nothing."""
    values = [figure.value for figure in run.figures]
    unsure = [value.n_independent for value in values if certainty.is_unsure(value)]
    if not unsure:
        return ""
    return f"Figures of {max(unsure)} people or fewer, too few to lean on, are dotted."


def _grid(grid: Grid) -> GridView:
    above: tuple[str, ...] = ()
    rows = []
    for place in grid.rows:
        same = [above[: at + 1] == place[: at + 1] for at in range(len(place))]
        cells = tuple(grid.figures.get((place, measure)) for measure in grid.measures)
        rows.append(Row(tuple(zip(place, same, strict=True)), cells))
        above = place
    return GridView(grid, tuple(rows), tuple(matrices(grid)))


def _facts(run: Finished) -> dict[str, str]:
    environment = run.environment
    facts = audits.facts(run) if run.found else _photos(run)
    if run.seconds:
        total, median = sum(run.seconds), statistics.median(run.seconds)
        thing = "training or attack" if run.found else "veil"
        facts["Time"] = (
            f"{_duration(total)} of computing for {_count(len(run.seconds), thing)}, "
            f"half of them within {median:.1f} s each"
        )
    facts["Machine"] = f"{environment['machine']}, {environment['device']}"
    facts["Versions"] = ", ".join(
        f"{name} {number}"
        for name, number in {"Python": environment["python"], **environment["versions"]}.items()
    )
    hashes = environment["recognisers"].items()
    return facts | {f"SHA-256 of {name}": sha256 for name, sha256 in hashes}


def _photos(run: Finished) -> dict[str, str]:
    faults = sum(line.fault is not None for line in run.lines if not line.arm)
    return {
        "Data": str(run.protocol["data"]),
        "Left out": f"{_count(faults, 'picture')} without a face that was found",
        "Alignment": str(run.protocol["alignment"]),
        "Seed": str(run.protocol["seed"]),
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _count(n: int, thing: str) -> str:
    plural = {"person": "people"}.get(thing, f"{thing}s")
    return f"{n} {thing if n == 1 else plural}"


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _heat(figure: Figure) -> str:
    """How strongly a cell is coloured, as a share in per cent."""
    return f"{round(100 * min(max(figure.value.mean, 0.0), 1.0))}%"


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


@functools.cache
def _template() -> Template:
    filters = {
        "heat": _heat,
        "interval": certainty.in_words,
        "signed": signed,
        "tick": _tick,
        "unsure": certainty.is_unsure,
    }
    return template(Path(__file__).with_name("report.html"), filters)
