"""A user's own folder of recordings, as Kaldi's recipes have it, spoken by the synthesiser; and models that suit it."""

import numpy as np

from demos.speech.settings import Settings
from minidl.speech.audio import write_wav
from minidl.speech.phones import Schedule
from minidl.speech.synthesis import make_voice, speak

WORDS = {"one": "W AH N", "two": "T UW", "three": "TH R IY"}
RATE = 8000


def write_folder(folder, n, n_speakers=4):
    """Strings of words by two voices; what was truly said when."""
    folder.mkdir()
    rng, truth = np.random.default_rng(0), {}
    for i in range(n):
        said = tuple(map(str, rng.choice(list(WORDS), rng.integers(2, 4))))
        spoken = truth[f"u{i:02}"] = speak(said, make_voice(np.random.default_rng(i % 2)), rng, RATE)
        write_wav(folder / f"u{i:02}.wav", spoken.audio)
    tables = {
        "wav.scp": {name: f"{name}.wav" for name in truth}, "text": {name: " ".join(s.words) for name, s in truth.items()},
        "utt2spk": {name: f"s{i % n_speakers}" for i, name in enumerate(truth)}, "lexicon.txt": WORDS,
    }  # fmt: skip
    for name, table in tables.items():
        (folder / name).write_text("".join(f"{key} {value}\n" for key, value in table.items()))
    return truth


def tiny_settings(*_):
    """In place of :func:`demos.speech.settings.settings_for`."""
    schedule = Schedule(iterations=3, realign_at=frozenset({1, 2}), gaussians=30, split_until=2)
    network = {"kind": "relu", "context": 3, "layers": 1, "units": 16}
    return Settings(
        aligner=Schedule(iterations=3, realign_at=frozenset({1, 2}), gaussians=30, split_until=2, all_paths=5),
        mono=schedule, tri=schedule, leaves=30, network=network, epochs=2, ctc={"hidden_size": 8}, ctc_epochs=1, order=2,
    )  # fmt: skip
