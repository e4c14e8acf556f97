"""What punctuation models do for `AutoModel.generate`: texts to FunASR's dicts, whole or piece by piece."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from asrtools.build import LoadedModel
from asrtools.io.journal_dir import Done
from asrtools.record import Utterance
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.funasr_result import failed
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.punctuate_stream import PunctuateStream, StreamState
from asrtools.tasks.punctuation_windows import WINDOW_WORDS
from asrtools.tasks.python_input import read_text_input
from asrtools.tasks.result_files import failure, write_results

Result = dict[str, Any]

TEXT = ("text",)  # of `output_dir`, as the command names it


@dataclass(frozen=True, eq=False)
class PunctuationFace:
    """Each text by itself."""

    model: LoadedModel
    punctuate: Punctuate

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        size = _window_words(call)
        punctuate = self.punctuate if size is None else Punctuate(self.model, split_size=size)
        records = list(read_text_input(given, call.get("key")).utterances)
        found = iter(punctuate.texts(one.text or "" for one in records if one.status != "error"))
        results = [failed(one) if one.status == "error" else self._result(one, next(found)) for one in records]
        folder = call.get("output_dir")
        if folder:
            write_results(folder, self.model, TEXT, [_line(one) for one in results])
        return results

    def _result(self, utterance: Utterance, punctuated: Any) -> Result:
        return {"key": utterance.key, "text": punctuated.funasr_text, "punc_array": punctuated.punc_array}


@dataclass(frozen=True, eq=False)
class PunctuationStreamFace:
    """Texts that follow each other, where the caller's `cache` says what went before: its `pre_text`, as FunASR's."""

    model: LoadedModel

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        stream = PunctuateStream(self.model, _window_words(call) or WINDOW_WORDS)
        cache = call.get("cache")
        records = read_text_input(given, call.get("key")).utterances
        return [failed(one) if one.status == "error" else self._push(stream, one, cache) for one in records]

    def _push(self, stream: PunctuateStream, utterance: Utterance, cache: MutableMapping[str, Any] | None) -> Result:
        before = StreamState(tuple((cache or {}).get("pre_text") or ()))
        piece = stream.push(utterance.text or "", before)
        if cache is not None:
            cache["pre_text"] = list(piece.state.pre_words)
        array: list[Any] = list(piece.punc_array)
        # FunASR does not flatten the array of one word
        return {"key": utterance.key, "text": piece.text, "punc_array": [array] if len(array) == 1 else array}


def _line(result: Result) -> Done:
    key, error = result["key"], result.get("error")
    if error is not None:
        return failure(key, error)[1]
    return Done(key, {TEXT[0]: f"{key} {result['text'].strip()}".rstrip() + "\n"}, [Utterance(key, status="ok")])


def _window_words(call: CallOptions) -> int | None:
    size = call.get("split_size")
    return None if size is None else int(size)
