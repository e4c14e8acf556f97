"""When each token of a hypothesis was spoken, from what its family of networks says about it."""

from asrtools.models.protocols import Decoded, Firing
from asrtools.tasks.cif_times import token_spans

Span = tuple[int, int]  # ms


def spans_of(decoded: Decoded, frame_ms: float) -> list[Span] | None:
    """Begin and end of each token from the start of the utterance; None where the network knows no times."""
    if isinstance(decoded.timing, Firing):
        return token_spans(decoded.timing, len(decoded.ids), frame_ms)
    return None
