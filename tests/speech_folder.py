"""A user's own folder of recordings, as Kaldi's recipes have it, spoken by the synthesiser."""

import numpy as np

from minidl.speech.audio import write_wav
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
