"""Train a convolutional network on real images, and classify a picture of your own.

    python -m demos.vision [--data digits|mnist|fashion-mnist]
    python -m demos.vision predict IMAGE.png --checkpoint runs/vision
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import minidl as dl
from demos.common import (
    FIGURES,
    Parser,
    check_outputs,
    positive,
    positive_float,
    run_main,
    run_options,
    whole,
    write_json,
)  # fmt: skip
from demos.strategies import (
    PIECES,
    callbacks,
    figures_of,
    in_words,
    make_strategy,
    parallel_options,
    timeline,
    updates_per_epoch,
    write_trace,
)  # fmt: skip
from minidl import data, nn, optim, train
from minidl.errors import CheckpointError
from minidl.parallel.report import add_staleness, add_time
from minidl.train import checkpoint
from minidl.train.report import Report
from minidl.vision.augment import ShiftFlip
from minidl.vision.models import ConvNet
from minidl.vision.picture import like_training_images, read_grey
from minidl.vision.recipes import RECIPES, Recipe, recipe
from minidl.vision.report import classifier_report, probabilities


def main(arguments: Sequence[str]) -> None:
    """Train, or with ``predict`` as the first word classify a picture."""
    if arguments and arguments[0] == "predict":
        predict(predict_parser().parse_args(arguments[1:]))
    else:
        run(train_parser().parse_args(arguments))


def train_parser() -> argparse.ArgumentParser:
    """Options of the training command."""
    parser = Parser(
        prog="python -m demos.vision", description="Train a convolutional network on real images.",
        parents=[run_options("vision"), parallel_options()],
        epilog="To classify a picture: python -m demos.vision predict IMAGE --checkpoint RUN",
    )  # fmt: skip
    parser.add_argument(
        "--data", default="digits", metavar="NAME", help=f"images to learn: {', '.join(RECIPES)} (default: digits)"
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (default: by data set)")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="images per update (default: by data set)")
    parser.add_argument("--lr", type=positive_float, metavar="X", help="peak learning rate (default: by data set)")
    parser.add_argument("--workers", type=whole, default=0, metavar="N", help="processes that prepare batches (default: 0)")
    return parser


def predict_parser() -> argparse.ArgumentParser:
    """Options of ``predict``."""
    parser = Parser(
        prog="python -m demos.vision predict", description="Classify a picture with a trained network."
    )
    parser.add_argument("image", type=Path, help="a picture of any size and colour mode")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("runs/vision"), metavar="RUN",
        help="a run directory or a checkpoint file (default: runs/vision)",
    )  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


# -- training --------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> None:
    """Train, measure, and leave checkpoint, metrics and report in the run directory."""
    plan = _plan(args)
    strategy = make_strategy(args)
    dl.use_device(args.device)
    dl.seed(args.seed)
    if strategy.is_main:
        check_outputs(args.run, args.json)
    images = data.load(args.data)
    shape = images.train_images.shape[1:]
    model = make_model(plan, shape)
    optimizer = optim.AdamW(model.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    test = data.Loader(data.ArrayDataset(images.test_images, images.test_labels), 500)
    config = {"data": args.data, "seed": args.seed, "image_shape": list(shape), **_jsonable(plan)}
    if strategy.is_main:
        _say(
            f"{args.data}: {len(images.train_labels):,} training and {len(images.test_labels):,} test images; "
            f"on {args.device}, {in_words(args)}"
        )
    pieces = min(PIECES, plan.batch_size) if args.reproducible else 1
    with make_loader(images, plan, args.seed, args.workers, pieces) as loader:
        updates = plan.epochs * updates_per_epoch(args, strategy, loader, pieces)
        history = train.fit(
            model, nn.losses.cross_entropy, loader, optimizer, epochs=plan.epochs, validation=test,
            metrics=["accuracy"], schedule=optim.schedules.OneCycle(optimizer, updates), accumulate=pieces,
            run_dir=args.run, checkpoint_every=100, resume=args.resume, config=config,
            strategy=strategy, timeline=timeline(args), callbacks=callbacks(args),
        )  # fmt: skip
    if strategy.is_main:
        write_trace(args, history)
        finish(args, model, images, history, test, config)


def finish(
    args: argparse.Namespace, model: ConvNet, images: data.ImageSet, history: train.History, test: data.Loader,
    config: dict[str, Any],
) -> None:  # fmt: skip
    """Measure the trained network; print and write what came out."""
    scores, target = train.predict(model, test)
    figures = _figures(history, scores, target) | {"data": args.data, "device": args.device, "seed": args.seed}
    figures |= figures_of(args, history)
    for file in (args.run / FIGURES, args.json):
        write_json(file, figures)
    print(f"test accuracy {figures['test_accuracy']:.2%} after {figures['epochs']} epochs, {figures['seconds']:.1f} s")
    print(f"checkpoint: {find_checkpoint(args.run)}")
    page = make_report(model, images, history, scores, figures, config)
    print(f"report: {page.write(args.run / 'report.html')}")


def make_report(
    model: ConvNet, images: data.ImageSet, history: train.History, scores: np.ndarray, figures: dict[str, Any],
    config: dict[str, Any],
) -> Report:  # fmt: skip
    """The page with curves, confusion matrix, filters and mistakes."""
    numbers = {
        "test accuracy": f"{figures['test_accuracy']:.2%}",
        "epochs": str(figures["epochs"]),
        "training time": f"{figures['seconds']:.1f} s",
        "samples per second": f"{figures['samples_per_second']:,.0f}",
    }
    page = classifier_report(
        f"Images: {images.name}", f"A convolutional network of {n_weights(model):,} weights, trained by minidl.",
        history=history, images=images.test_images, target=images.test_labels, scores=scores, classes=images.classes,
        first_filters=train.to_host(model.blocks[0].conv.weight.data), numbers=numbers, config=config, model=repr(model),
    )  # fmt: skip
    add_time(page, figures["time"])
    add_staleness(page, figures.get("staleness", {}))
    return page


def _plan(args: argparse.Namespace) -> Recipe:
    """The data set's recipe, with what the command line says."""
    wishes = {"epochs": args.epochs, "batch_size": args.batch_size, "lr": args.lr}
    return replace(recipe(args.data), **{k: v for k, v in wishes.items() if v is not None})


def make_model(plan: Recipe, image_shape: Sequence[int]) -> ConvNet:
    """The network of a recipe."""
    return ConvNet(image_shape, len(plan.classes), plan.channels, plan.kernel, plan.hidden, plan.dropout)


def make_loader(images: data.ImageSet, plan: Recipe, seed: int, workers: int = 0, pieces: int = 1) -> data.Loader:
    """Shuffled training batches (or pieces of them), shifted and mirrored as the recipe says."""
    change = ShiftFlip(plan.shift, plan.flip, seed) if plan.shift or plan.flip else None
    dataset = data.ArrayDataset(images.train_images, images.train_labels, transform=change)
    return data.Loader(dataset, -(-plan.batch_size // pieces), shuffle=True, seed=seed, workers=workers)


def n_weights(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.size for p in model.parameters())


def _figures(history: train.History, scores: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    last = history.last
    n_samples = sum(r["samples_per_second"] * s for r, s in zip(history.epochs, _epoch_seconds(history), strict=True))
    return {
        "test_accuracy": train.accuracy(scores, target),
        "test_loss": last["val_loss"],
        "train_accuracy": last["accuracy"],
        "epochs": last["epoch"],
        "seconds": last["seconds"],
        "samples_per_second": n_samples / max(last["seconds"], 1e-9),
    }


def _epoch_seconds(history: train.History) -> np.ndarray:
    return np.diff(history.column("seconds"), prepend=0.0)


def _jsonable(plan: Recipe) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(plan).items()}


# -- predicting ------------------------------------------------------------------------------------------

_SHAPE = ("channels", "kernel", "hidden", "dropout")  # the settings that say which weights a network has


def predict(args: argparse.Namespace) -> None:
    """Classify one picture and print the probability of each class."""
    model, plan, (height, width) = read_classifier(args.checkpoint)
    image = like_training_images(read_grey(args.image), (height, width), plan.fill, plan.centre)
    with train.evaluation(model):
        scores = model(image[None, :, :, None])
    print_probabilities(probabilities(train.to_host(scores.data))[0], plan.classes)


def read_classifier(run: Path) -> tuple[ConvNet, Recipe, tuple[int, int]]:
    """A trained network, its recipe, and the size of its images."""
    path = find_checkpoint(run)
    state = checkpoint.Checkpoints(path.parent).load(path)
    config = state.get("config") or {}
    if not {"data", "image_shape", *_SHAPE} <= set(config):
        raise CheckpointError(f"{path} was not made by demos.vision")
    plan = replace(recipe(config["data"]), **{k: config[k] for k in _SHAPE})
    model = make_model(plan, config["image_shape"])
    model.load_state_dict(state["model"])
    height, width, _ = config["image_shape"]
    return model, plan, (height, width)


def find_checkpoint(run: Path) -> Path:
    """The last checkpoint of a run, whose accuracy was reported; not the best, as the test images chose that one."""
    return checkpoint.Checkpoints(run / "checkpoints").latest() or checkpoint.find(run)


def print_probabilities(p: np.ndarray, classes: Sequence[str], width: int = 40) -> None:
    """A line per class with a bar, the likeliest first."""
    longest, block = max(map(len, classes)), _block()
    for i in np.argsort(-p, kind="stable"):
        print(f"{classes[i]:>{longest}}  {p[i]:7.2%}  {block * round(width * float(p[i]))}".rstrip())


def _block() -> str:
    """What bars are made of: not every terminal knows the full block."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_main(main))
