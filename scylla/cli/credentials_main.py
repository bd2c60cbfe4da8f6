"""What the dev container's scripts ask about logins: `python -m scylla.cli.credentials_main post-start|show`.

Only the standard library, so that it runs before anything is installed. Ends with 0 whatever it finds: a container
without a login is a good one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from scylla.cli.credentials import STAGED_FOLDER, describe, ensure_credentials, keep_environment_login


def main(argv: Sequence[str]) -> int:
    """Put the best login in place and say which it is, on standard error."""
    if list(argv) not in (["post-start"], ["show"]):
        _say("usage: python -m scylla.cli.credentials_main post-start|show")
        return 2
    home = Path.home()
    if argv[0] == "post-start" and (note := keep_environment_login(os.environ, home)):
        _say(note)
    # A test of the container can name another folder; nothing else does.
    staged = Path(os.environ.get("SCYLLA_STAGED_LOGIN") or STAGED_FOLDER)
    found = ensure_credentials(os.environ, home, staged=staged, now=datetime.now(timezone.utc))
    for sentence in (*found.notes, found.copied, describe(found)):
        if sentence:
            _say(sentence)
    return 0


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
