"""Public corpora with transcripts: where their archives lie, and the checksums by which they are known."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asrtools.errors import HubError

OPENSLR = (
    "https://www.openslr.org/resources",
    "https://openslr.trmal.net/resources",
    "https://openslr.elda.org/resources",
    "https://openslr.magicdatatech.com/resources",
)


@dataclass(frozen=True)
class Archive:
    """One file to fetch and unpack."""

    name: str
    digest: str  # kind:hexadecimal
    nested: str = ""  # archives inside of it, as a pattern, unpacked where they lie
    unpacks_to: str = "."


@dataclass(frozen=True)
class Corpus:
    """A corpus, or the parts of one that come as archives of their own."""

    places: tuple[str, ...]  # folders of the archives, tried in this order
    parts: Mapping[str, tuple[Archive, ...]]
    language: str
    license: str
    size: str
    root: str  # what the archives unpack to


def _openslr(number: int) -> tuple[str, ...]:
    return tuple(f"{place}/{number}" for place in OPENSLR)


def _librispeech(sha256: Mapping[str, str]) -> dict[str, tuple[Archive, ...]]:
    return {part: (Archive(f"{part}.tar.gz", f"sha256:{digest}"),) for part, digest in sha256.items()}


CORPORA = {
    "aishell": Corpus(
        _openslr(33),
        {
            "all": (
                Archive(
                    "data_aishell.tgz", "md5:2f494334227864a8a8fec932999db9d8", "data_aishell/wav/*.tar.gz", "aishell"
                ),
                Archive("resource_aishell.tgz", "md5:957d480a0fcac85fc18e550756f624e5", unpacks_to="aishell"),
            )
        },
        language="zh",
        license="Apache-2.0",
        size="15 GB",
        root="aishell",
    ),
    "librispeech": Corpus(
        _openslr(12),
        _librispeech(
            {
                "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
                "dev-other": "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
                "test-clean": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
                "test-other": "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
                "train-clean-100": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
                "train-clean-360": "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
                "train-other-500": "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
            }
        ),
        language="en",
        license="CC BY 4.0",
        size="60 GB",
        root="LibriSpeech",
    ),
    "mini-librispeech": Corpus(
        _openslr(31),
        {
            "dev-clean-2": (Archive("dev-clean-2.tar.gz", "md5:6d7ab67ac6a1d2c993d050e16d61080d"),),
            "train-clean-5": (Archive("train-clean-5.tar.gz", "md5:5df7d4e78065366204ca6845bb08f490"),),
        },
        language="en",
        license="CC BY 4.0",
        size="458 MB",
        root="LibriSpeech",
    ),
    "yesno": Corpus(
        _openslr(1),
        {
            "all": (
                Archive(
                    "waves_yesno.tar.gz", "sha256:30301975fd8c5cac4040c261c0852f57cfa8adbbad2ce78e77e4986957445f27"
                ),
            )
        },
        language="he",
        license="CC BY-SA 3.0",
        size="5 MB",
        root="waves_yesno",
    ),
    "fsdd": Corpus(
        ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive",),
        {"all": (Archive("v1.0.9.tar.gz", "sha256:8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0"),)},
        language="en",
        license="CC BY-SA 4.0",
        size="12 MB",
        root="free-spoken-digit-dataset-1.0.9",
    ),
}


def find(name: str) -> Corpus:
    if name in CORPORA:
        return CORPORA[name]
    near = difflib.get_close_matches(name, CORPORA, n=2)
    cure = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(CORPORA)}, and ms:NAMESPACE/NAME"
    raise HubError(f"{name}: is no data set that is known; {cure}")


def choose(name: str, parts: Sequence[str]) -> list[str]:
    """The parts of a corpus that are meant; all where none is named."""
    known = find(name).parts
    for part in parts:
        if part not in known:
            raise HubError(f"{name}: has no part {part!r}; it has {', '.join(known)}")
    return list(parts or known)
