"""Data sets of modelscope, through its MsDataset."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from asrtools.errors import HubError


def rows(name: str, split: str, revision: str | None = None) -> Iterator[Mapping[str, Any]]:
    """The rows of one split of NAMESPACE/NAME."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is data
            from modelscope.msdatasets import MsDataset
    except ImportError as error:
        raise HubError(
            f"ms:{name}: modelscope's MsDataset cannot be imported ({error}); "
            "`utils/setup.sh --extras modelscope` installs it"
        ) from error
    namespace, _, short = name.rpartition("/")
    if not namespace or not short:
        raise HubError(
            f"ms:{name}: NAMESPACE/NAME is wanted, such as ms:modelscope/speech_asr_commonvoice_ja_trainsets"
        )
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = MsDataset.load(
                short, namespace=namespace, split=split, **({"version": revision} if revision else {})
            )
    except Exception as error:  # it raises whatever its transport, its reader and its own checks do
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise HubError(f"ms:{name}: split {split} cannot be had ({cause}); check the name and the network") from error
    yield from found
