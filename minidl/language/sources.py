"""Where the named texts are: file names, addresses and checksums (origins: ../shared/data/README.md)."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.fetch import RemoteFile

_FLICKR = "https://github.com/multi30k/dataset/raw/master/data/task1/raw/"


@dataclass(frozen=True)
class Source:
    """A text in one file, or in three: to learn, to choose by, to measure on.

    Attributes
    ----------
    folder : str
        Within ``$MINIDL_DATA``.
    files : tuple of RemoteFile
    tokenized : bool
        Its words and marks stand apart already.
    keep_empty : bool
        Empty lines count as sentences: published figures are so.
    """

    folder: str
    files: tuple[RemoteFile, ...]
    tokenized: bool = False
    keep_empty: bool = False


SOURCES = {
    "wikitext-2": Source(
        "wikitext-2",
        (
            RemoteFile(
                "train.txt.gz", "0c202e0b5d919429261b7291d9b5998f0db680c0a6700c0ff2a886d0abe055d4",
                "", "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            ),
            RemoteFile(
                "valid.txt.gz", "3ac34ae2b6509075d52302c50a04a8a1970739ffe1a904f2cd374fefbea3cbf2",
                "", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            ),
            RemoteFile(
                "test.txt.gz", "a2b26b5d2619cc1f6cd34c8e116a451aed09af51479346aadfbf508ceb8b192e",
                "", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            ),
        ),
        tokenized=True, keep_empty=True,
    ),
    "multi30k-en": Source(
        "multi30k",
        (
            RemoteFile(
                "train.en.gz", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
                _FLICKR + "train.en.gz", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            ),
            RemoteFile(
                "val.en.gz", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
                _FLICKR + "val.en.gz", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
            ),
            RemoteFile(
                "test_2016_flickr.en.gz", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
                _FLICKR + "test_2016_flickr.en.gz", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            ),
        ),
    ),
    "multi30k-de": Source(
        "multi30k",
        (
            RemoteFile(
                "train.de.gz", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
                _FLICKR + "train.de.gz", "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            ),
            RemoteFile(
                "val.de.gz", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
                _FLICKR + "val.de.gz", "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
            ),
            RemoteFile(
                "test_2016_flickr.de.gz", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
                _FLICKR + "test_2016_flickr.de.gz", "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
            ),
        ),
    ),
    "tinyshakespeare": Source(
        "tinyshakespeare",
        (
            RemoteFile(
                "input.txt.gz", "bed00f18e91cda6838950656f0a95e07e0f4dbe8649a4b959f7602a7e53fbc6e",
                "", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
    ),
}  # fmt: skip
