"""The time limit for each milestone: how long a run may go on without reaching one more."""

from __future__ import annotations


class MilestoneLimit:
    """`seconds` are those of --milestone-timeout, 0 for no limit; `now` is the start, in seconds."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._since = now
        self._awaited: int | None = None

    def is_over(self, now: float, awaited: int) -> bool:
        """Whether the number `awaited` of milestones is more than 0, and has been so for longer than the limit."""
        if awaited != self._awaited:
            self._awaited, self._since = awaited, now
        return bool(self._seconds and awaited) and now - self._since > self._seconds

    @property
    def sentence(self) -> str:
        """What happened, for a note."""
        return (
            f"The run was ended because it reached no required milestone for {self._seconds:g} s "
            "(--milestone-timeout)."
        )
