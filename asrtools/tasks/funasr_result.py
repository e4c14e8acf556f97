"""Records and transcripts to the dicts that AutoModel returns."""

from typing import Any

from asrtools.record import Utterance
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.funasr_text import TIMED_FAMILIES, surface_of
from asrtools.tasks.transcribe import TokenText, Transcript

BEAM_FAMILIES = ("Transformer", "Conformer", "Branchformer", "EBranchformer")


def failed(utterance: Utterance) -> dict[str, Any]:
    return {"key": utterance.key, "text": "", "error": utterance.error}


def result_of(transcript: Transcript, model: str, call: CallOptions) -> dict[str, Any]:
    """What one input gives; the other hypotheses, where they are asked for, stand under `nbest`."""
    utterance = transcript.utterance
    if utterance.status == "error":
        return failed(utterance)
    found = [_hypothesis(one, model, call) for one in transcript.best] or [{"text": ""}]
    result = {"key": utterance.key, **found[0]}
    if len(found) > 1:
        result["nbest"] = found
    return result


def _hypothesis(one: TokenText, model: str, call: CallOptions) -> dict[str, Any]:
    surface = surface_of(one, model, call.is_timed)
    result: dict[str, Any] = {}
    if model == "Transducer" or (model in BEAM_FAMILIES and not call.search.greedy):
        result["token"] = list(one.tokens)
    result["text"] = surface.text
    if model == "Transducer":
        result["text_postprocessed"] = surface_of(one, "").text
    if (call.is_timed or model in TIMED_FAMILIES) and (surface.spans is not None or not one.tokens):
        result["timestamp"] = [list(span) for span in surface.spans or ()]
        if one.decoded is not None and surface.words:
            result["words"] = list(surface.words)
    if call.search.nbest > 1:
        result["score"] = one.score
    return result
