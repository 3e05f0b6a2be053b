"""`veo-watch-bot check`: finds problems before the bot goes live, and says how to fix each.

This module holds the report: one line per result for people, one JSON object for machines.
"""

import json
from dataclasses import dataclass, field
from typing import NamedTuple


class CheckResult(NamedTuple):
    """The state of one thing; if it is wrong, `text` also says what to do, with the command or the page."""

    subject: str
    ok: bool
    text: str


@dataclass
class Report:
    """All results, in the order in which they must be fixed, and the bot's invite link if its id is known."""

    results: list[CheckResult] = field(default_factory=list)
    invite: str | None = None

    def add(self, subject: str, ok: bool, text: str) -> None:
        self.results.append(CheckResult(subject, ok, text))

    @property
    def ok(self) -> bool:
        return all(result.ok for result in self.results)

    def as_text(self) -> str:
        lines = [f"{'✓' if r.ok else '✗'} {r.subject:<16} {r.text}" for r in self.results]
        if self.invite is not None:
            lines.append(f"  {'invite':<16} {self.invite}")
        if not self.ok:
            lines.append("Fix what is marked with ✗, from the top; then run `veo-watch-bot check` again.")
        return "\n".join(lines)

    def as_json(self) -> str:
        """Return one object: `ok`, `findings` (`subject`, `ok`, `text`) and `invite` (a link or null)."""
        findings = [result._asdict() for result in self.results]
        return json.dumps({"ok": self.ok, "findings": findings, "invite": self.invite}, ensure_ascii=False)
