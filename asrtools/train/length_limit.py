"""The documented limits of lengths that rows of a training list are kept within."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Audio in frames of 10 ms, text in tokens as the list counts them; `token`: both together."""

    max_source_length: float = 2048
    min_source_length: float = 0
    max_target_length: float = 2048
    min_target_length: float = 0
    max_token_length: float = 2200
    min_token_length: float = 0
    length_scale_source: float = 1.0

    def reason(self, source_len: float, target_len: float) -> str:
        """Why a row is left out; "" where it is not."""
        if source_len > self.max_source_length:
            return f"source_len above {self.max_source_length}"
        if source_len < self.min_source_length:
            return f"source_len below {self.min_source_length}"
        if target_len > self.max_target_length:
            return f"target_len above {self.max_target_length}"
        if target_len < self.min_target_length:
            return f"target_len below {self.min_target_length}"
        both = source_len / self.length_scale_source + target_len
        if both > self.max_token_length:
            return f"source_len + target_len above {self.max_token_length}"
        if both < self.min_token_length:
            return f"source_len + target_len below {self.min_token_length}"
        return ""
