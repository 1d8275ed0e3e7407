"""The ladder: the same task for Gaussian mixtures, then networks; word error, time and a report for each rung."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import minidl as dl
from demos.common import FIGURES, Parser, check_outputs, run_options, say, write_json
from minidl.errors import ArgumentError
from minidl.parallel import comm
from minidl.speech import corpora, wer
from minidl.speech.corpora import Corpus

from .measure import HEADER, Rung, boundary_figures, measure, pooled
from .models import ALIGNER, STAGES, path_of
from .pictures import make_report
from .recognisers import save_setup
from .settings import corpus_options
from .stages import TOGETHER, Stage, load, make
from .task import Task, Team

_ALL = "all"


def parser() -> argparse.ArgumentParser:
    """Options of the ladder."""
    p = Parser(
        prog="python -m demos.speech", parents=[run_options("speech")],
        description="Speech recognition: Gaussian mixtures, then networks, in one recogniser, everything else equal.",
        epilog="Commands: align, decode, train; each has its --help.",
    )  # fmt: skip
    p.add_argument(
        "--data", default="synthetic", metavar="NAME|FOLDER",
        help=f"{', '.join(corpora.NAMES)}, or a folder with wav.scp, text, utt2spk and lexicon.txt (default: synthetic)",
    )  # fmt: skip
    p.add_argument("--stage", choices=STAGES, help="begin here, with what an earlier run has left in --run")
    p.add_argument("--until", choices=STAGES, default=STAGES[-1], help=f"end here (default: {STAGES[-1]})")
    p.add_argument("--network", metavar="KIND", help="of the dnn stages: relu, sigmoid, maxout, conv or lstm")
    p.add_argument(
        "--held-out", metavar="SPEAKER",
        help=f"fsdd: who is measured on and heard nowhere else, or {_ALL}, one after the other (default for fsdd: {_ALL})",
    )  # fmt: skip
    return p


def run(args: argparse.Namespace) -> None:
    """Climb, print the table, and leave models, figures and report in the run directory."""
    start = time.perf_counter()
    dl.use_device(args.device)
    dl.seed(args.seed)
    team = _team(comm.world())
    if team.rank == 0:
        check_outputs(args.run, args.json)
        print(HEADER, flush=True)
    held_out = _held_out(args)
    ladders = [climb(args, speaker, team) for speaker in held_out]
    if team.rank:
        return
    task, stages, rungs = ladders[-1][0], ladders[-1][1], ladders[0][2]
    if len(ladders) > 1:
        task.set_aside = {name: why for other, _, _ in ladders for name, why in other.set_aside.items()}
        rungs = [pooled([ladder[2][i] for ladder in ladders]) for i in range(len(rungs))]
        print(f"all {len(ladders)} speakers, each by models that never heard them\n{HEADER}")
        for rung in rungs:
            print(rung.line())
    seconds = time.perf_counter() - start
    figures = figures_of(task, stages, rungs, args) | {"seconds": seconds}
    for file in (args.run / FIGURES, args.json):
        write_json(file, figures)
    page = make_report(task, stages, rungs, figures)
    print(f"{seconds:.0f} s; report: {page.write(args.run / 'report.html')}")


def climb(args: argparse.Namespace, held_out: str | None, team: Team) -> tuple[Task, list[Stage], list[Rung]]:
    """All stages of one corpus, each measured."""
    run_dir = args.run / held_out if held_out else args.run
    left_out = {"held_out": held_out} if held_out else {}
    corpus: Corpus = corpora.load(args.data, **corpus_options(args.data), **left_out)
    if team.rank == 0:
        run_dir.mkdir(parents=True, exist_ok=True)
        for line in corpora.describe(corpus):
            say(line)
    task = Task(corpus, run_dir, args.seed, team, args.network, args.data)
    first, last = STAGES.index(args.stage or STAGES[0]), STAGES.index(args.until)
    if first > last:
        raise ArgumentError(f"--stage {args.stage} comes after --until {args.until}")
    stages, rungs = list[Stage](), list[Rung]()
    for i, name in enumerate(STAGES[: last + 1]):
        if team.rank and name not in TOGETHER:
            break
        known = i < first or (args.resume and path_of(task.run, name).is_file())
        stage = load(task, name) if known else make(task, name, _last_hybrid(stages))
        stages.append(stage)
        if team.rank == 0 and name != ALIGNER:
            rungs.append(measure(task, stage))
            save_setup(task, rungs)
            print(rungs[-1].line(), flush=True)
    task.report_set_aside()
    return task, stages, rungs


def figures_of(task: Task, stages: list[Stage], rungs: list[Rung], args: argparse.Namespace) -> dict[str, Any]:
    """What goes into the JSON file; rates are shares of the words, not percent."""
    name = task.corpus.name if args.held_out not in (None, _ALL) else Path(args.data).name
    hybrids = [r for r in rungs if r.name.startswith("dnn")]
    mixtures = [r for r in rungs if r.name.startswith("gmm")]
    figures: dict[str, Any] = {
        "wer": {name: {r.name: r.rate for r in rungs}},
        "rungs": {r.name: r.figures() for r in rungs},
        "set_aside": task.set_aside, "data": args.data, "seed": args.seed,
    }  # fmt: skip
    if hybrids and mixtures and all(r.score.total.errors for r in mixtures):
        best, other = min(mixtures, key=lambda r: r.rate), min(hybrids, key=lambda r: r.rate)
        found = wer.compare(best.score.per_utterance, other.score.per_utterance)
        figures["improvement"] = {
            "of": other.name, "over": best.name, "relative": found.improvement,
            "interval": [found.interval.low, found.interval.high], "probability": found.probability,
        }  # fmt: skip
    return figures | boundary_figures(task, stages[0])


def _team(ranks: comm.Comm) -> Team:
    return Team(ranks.rank, ranks.size, ranks.allgather) if ranks.size > 1 else Team()


def _last_hybrid(stages: list[Stage]) -> Stage | None:
    """The one before, whose alignments can be used."""
    return next((s for s in reversed(stages) if s.model is not None), None)


def _held_out(args: argparse.Namespace) -> list[str | None]:
    """The speakers to leave out, one after the other; None: as the corpus is."""
    if args.held_out is None:
        return list(corpora.FSDD_SPEAKERS) if args.data == "fsdd" else [None]
    return list(corpora.FSDD_SPEAKERS) if args.held_out == _ALL else [args.held_out]
