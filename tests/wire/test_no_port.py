"""What the real process opens to the network: nothing."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from wire.process import process

LISTENING = "0A"


def _listening(pid: int) -> list[str]:
    """Return the local addresses on which a process listens, as Linux lists them."""
    names = []
    for link in list(Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):  # closed since it was listed, as the listing itself is
            names.append(str(link.readlink()))
    inodes = set(re.findall(r"socket:\[(\d+)\]", " ".join(names)))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING and rest[5] in inodes:
                found.append(local)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists the sockets of a process")
async def test_the_process_listens_nowhere(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.start()
        assert here.child is not None
        assert _listening(here.child.pid) == []
        assert _listening(os.getpid()), "the simulators do listen"
