"""The documented place of `rich_transcription_postprocess`."""

from asrtools.text.rich_tags import rich_transcription_postprocess

__all__ = ["rich_transcription_postprocess"]
