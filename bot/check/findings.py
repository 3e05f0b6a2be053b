"""What a check found: one line for a person, one object for a machine."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `text` says what is the case and, where it is wrong, what to do."""

    subject: str
    ok: bool
    text: str


def as_text(findings: Sequence[Finding], invite: str | None) -> str:
    """Return a line for each finding, and the link that invites the bot to a server."""
    lines = [f"{'✓' if f.ok else '✗'} {f.subject:<16} {f.text}" for f in findings]
    if invite is not None:
        lines.append(f"  {'invite':<16} {invite}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], invite: str | None) -> str:
    """Return one object: `ok`, `findings` (`subject`, `ok`, `text`) and `invite` (a link or null)."""
    found = {
        "ok": all(f.ok for f in findings),
        "findings": [asdict(f) for f in findings],
        "invite": invite,
    }
    return json.dumps(found, ensure_ascii=False)
