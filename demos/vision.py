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
from demos.common import positive, positive_float, run_main, run_options, write_json
from minidl import data, nn, optim, train
from minidl.errors import ArgumentError, CheckpointError
from minidl.train import checkpoint
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
    parser = argparse.ArgumentParser(
        prog="python -m demos.vision", description="Train a convolutional network on real images.",
        parents=[run_options("vision")],
        epilog="To classify a picture: python -m demos.vision predict IMAGE --checkpoint RUN",
    )  # fmt: skip
    parser.add_argument("--data", choices=list(RECIPES), default="digits", help="images to learn (default: digits)")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (default: by data set)")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="images per update (default: by data set)")
    parser.add_argument("--lr", type=positive_float, metavar="X", help="peak learning rate (default: by data set)")
    return parser


def predict_parser() -> argparse.ArgumentParser:
    """Options of ``predict``."""
    parser = argparse.ArgumentParser(
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
    if args.parallel != "serial":
        raise ArgumentError(f"--parallel {args.parallel} is not there yet; use --parallel serial")
    dl.use_device(args.device)
    dl.seed(args.seed)
    plan = _plan(args)
    images, labels, test_images, test_labels = load_images(args.data)
    model = make_model(plan, images.shape[1:])
    optimizer = optim.AdamW(model.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    loader = make_loader(images, labels, plan, args.seed)
    test = data.Loader(data.ArrayDataset(test_images, test_labels), 500)
    config = {"data": args.data, "seed": args.seed, "image_shape": list(images.shape[1:]), **_jsonable(plan)}
    _say(f"{args.data}: {len(images)} training and {len(test_images)} test images; on {args.device}")
    history = train.fit(
        model, nn.losses.cross_entropy, loader, optimizer, epochs=plan.epochs, validation=test, metrics=["accuracy"],
        schedule=optim.schedules.OneCycle(optimizer, plan.epochs * len(loader)), run_dir=args.run,
        resume=args.resume, config=config,
    )  # fmt: skip
    scores, target = train.predict(model, test)
    figures = _figures(history, scores, target) | {"data": args.data, "device": args.device, "seed": args.seed}
    report = classifier_report(
        f"Images: {args.data}", f"A convolutional network of {n_weights(model):,} weights, trained by minidl.",
        history=history, images=test_images, target=target, scores=scores, classes=plan.classes,
        first_filters=model.blocks[0].conv.weight.numpy(), config=config, model=repr(model),
        numbers={
            "test accuracy": f"{figures['test_accuracy']:.2%}", "epochs": str(figures["epochs"]),
            "training time": f"{figures['seconds']:.1f} s", "samples per second": f"{figures['samples_per_second']:,.0f}",
        },
    ).write(args.run / "report.html")  # fmt: skip
    write_json(args.json, figures)
    print(f"test accuracy {figures['test_accuracy']:.2%} after {figures['epochs']} epochs, {figures['seconds']:.1f} s")
    print(f"checkpoint: {checkpoint.find(args.run)}\nreport: {report}")


def _plan(args: argparse.Namespace) -> Recipe:
    """The data set's recipe, with what the command line says."""
    wishes = {"epochs": args.epochs, "batch_size": args.batch_size, "lr": args.lr}
    return replace(recipe(args.data), **{k: v for k, v in wishes.items() if v is not None})


def make_model(plan: Recipe, image_shape: Sequence[int]) -> ConvNet:
    """The network of a recipe."""
    return ConvNet(image_shape, len(plan.classes), plan.channels, plan.kernel, plan.hidden, plan.dropout)


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


def predict(args: argparse.Namespace) -> None:
    """Classify one picture and print the probability of each class."""
    path = checkpoint.find(args.checkpoint)
    state = checkpoint.read_state(path)
    config = state.get("config") or {}
    if not {"data", "image_shape", "channels"} <= set(config):
        raise CheckpointError(f"{path} was not made by demos.vision")
    plan = recipe(config["data"])
    plan = replace(plan, **{k: config[k] for k in ("channels", "kernel", "hidden", "dropout")})
    model = make_model(plan, config["image_shape"])
    model.load_state_dict(state["model"])
    height, width, _ = config["image_shape"]
    image = like_training_images(read_grey(args.image), (height, width), plan.fill, plan.centre)
    with train.evaluation(model):
        scores = model(image[None, :, :, None])
    print_probabilities(probabilities(train.to_host(scores.data))[0], plan.classes)


def print_probabilities(p: np.ndarray, classes: Sequence[str], width: int = 40) -> None:
    """A line per class with a bar, the likeliest first."""
    longest = max(map(len, classes))
    for i in np.argsort(-p, kind="stable"):
        print(f"{classes[i]:>{longest}}  {p[i]:7.2%}  {'█' * round(width * float(p[i]))}".rstrip())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_main(main))
