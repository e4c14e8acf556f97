"""What sherpa-onnx reads out of an ONNX file in the place of a configuration."""

from typing import Any

from asrtools.build import LoadedModel
from asrtools.models.sense_voice.queries import ITN, LANGUAGES


def paraformer_metadata(model: LoadedModel) -> dict[str, str]:
    return {"model_type": "paraformer", "model_author": "iic", "version": "1", **_features(model)}


def sense_voice_metadata(model: LoadedModel) -> dict[str, str]:
    languages = {f"lang_{name}": LANGUAGES[name] for name in ("auto", "zh", "en", "ja", "ko", "yue")}
    about: dict[str, Any] = {
        "model_type": "sense_voice_ctc",
        "model_author": "iic",
        "version": 1,
        "normalize_samples": 0,  # samples are taken as whole numbers of 16 bits
        "with_itn": ITN["withitn"],
        "without_itn": ITN["woitn"],
        **languages,
    }
    return {**{name: str(value) for name, value in about.items()}, **_features(model)}


def punctuation_metadata(model: LoadedModel) -> dict[str, str]:
    tokens = tokens_of(model)
    if tokens is None:
        return {}
    unknown = getattr(model.tokenizer, "unk_symbol", None) or "<unk>"
    return {
        "model_type": "ct_transformer",
        "model_author": "iic",
        "version": "1",
        "tokens": "|".join(tokens),
        "vocab_size": str(len(tokens)),
        "punctuations": "|".join(model.network.punc_list),
        "unk_symbol": str(unknown),
    }


def tokens_of(model: LoadedModel) -> list[str] | None:
    """The vocabulary in order; None of a model without one."""
    tokens = getattr(model.tokenizer, "token_list", None)
    return None if tokens is None else [str(token) for token in tokens]


def _features(model: LoadedModel) -> dict[str, str]:
    frontend = model.frontend
    found = {"lfr_window_size": str(frontend.lfr_m), "lfr_window_shift": str(frontend.lfr_n)}
    tokens = tokens_of(model)
    if tokens is not None:
        found["vocab_size"] = str(len(tokens))
    cmvn = getattr(frontend, "cmvn", None)
    if cmvn is not None:
        found["neg_mean"] = ",".join(f"{value:.9g}" for value in cmvn.shift)
        found["inv_stddev"] = ",".join(f"{value:.9g}" for value in cmvn.scale)
    return found
