"""Which login pays: one order of precedence for the runner, the container's start and the doctor.

1. `ANTHROPIC_API_KEY`, then `CLAUDE_CODE_OAUTH_TOKEN`, as the agent CLI itself decides;
2. a login of its own in the CLI's folder (it has a refresh token and renews itself);
3. the access token that the host's login was staged as (dev container), copied into the CLI's folder;
4. none.

Only the standard library: this also runs where nothing is installed yet (`python -m scylla.cli.credentials`).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from scylla.errors import MachineError

CREDENTIALS_NAME = ".credentials.json"
STAGED_FOLDER = Path("/run/host-claude")
REMEDIES = (
    "log in again on the host (`claude`, then /login) and start the container anew; or log in inside it; "
    "or set CLAUDE_CODE_OAUTH_TOKEN (from `claude setup-token`) or ANTHROPIC_API_KEY"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A key or an access token. `source` is a phrase for people; `expires_at` is None when it is not known to end."""

    kind: Literal["api_key", "oauth"]
    secret: str = field(repr=False)
    source: str
    expires_at: datetime | None = None
    renews_itself: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The login that counts, None when there is none, and notes for people on what could not be used."""

    login: Login | None
    notes: tuple[str, ...] = ()


def find_login(env: Mapping[str, str], home: Path, now: datetime) -> Login | None:
    """The login that counts, without changing anything; expired access tokens do not count."""
    return _find(env, home, now).login


def ensure_credentials(env: Mapping[str, str], home: Path, *, staged: Path, now: datetime) -> Found:
    """The login that counts, after the staged access token has been put in place where it is the best there is.

    The copy is 0600 in a folder of 0700, appears whole, holds no refresh token, and never replaces a login that has
    one. What is broken or unreadable becomes a note.
    """
    found = _find(env, home, now)
    if found.login is not None and (found.login.kind == "api_key" or found.login.source.startswith("CLAUDE_CODE")):
        return found
    own, _ = _read(_config_folder(env, home) / CREDENTIALS_NAME)
    if own.get("refreshToken"):
        return found
    fresh, problem = _read(staged / CREDENTIALS_NAME)
    notes = [*found.notes, *([problem] if problem else [])]
    if not fresh.get("accessToken"):
        return Found(login=found.login, notes=tuple(notes))
    if fresh["accessToken"] != own.get("accessToken"):
        notes += _put_in_place(_config_folder(env, home), fresh)
    again = _find(env, home, now)
    return Found(login=again.login, notes=(*notes, *(note for note in again.notes if note not in notes)))


def require_lasting(login: Login, until: datetime) -> None:
    """MachineError with the remedies when the login ends before `until` and cannot renew itself."""
    if login.expires_at is not None and login.expires_at < until:
        raise MachineError(
            f"the login ({login.source}) ends at {login.expires_at:%Y-%m-%d %H:%M} UTC, "
            f"before the planned work can ({until:%Y-%m-%d %H:%M} UTC)",
            fix=REMEDIES,
        )


def _find(env: Mapping[str, str], home: Path, now: datetime) -> Found:
    if key := env.get("ANTHROPIC_API_KEY", "").strip():
        return Found(login=Login(kind="api_key", secret=key, source="ANTHROPIC_API_KEY in the environment"))
    if token := env.get("CLAUDE_CODE_OAUTH_TOKEN", "").strip():
        source = "CLAUDE_CODE_OAUTH_TOKEN in the environment"
        return Found(login=Login(kind="oauth", secret=token, source=source))
    path = _config_folder(env, home) / CREDENTIALS_NAME
    stored, problem = _read(path)
    stored_token = stored.get("accessToken")
    if not isinstance(stored_token, str) or not stored_token:
        return Found(login=None, notes=(problem,) if problem else ())
    expires_at = _expiry(stored.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        return Found(login=None, notes=(f"The login in {path} ended at {expires_at:%Y-%m-%d %H:%M} UTC: {REMEDIES}",))
    renews = bool(stored.get("refreshToken"))
    source = f"the login in {path}" if renews else f"the access token in {path}"
    return Found(login=Login(kind="oauth", secret=token, source=source, expires_at=expires_at, renews_itself=renews))


def _config_folder(env: Mapping[str, str], home: Path) -> Path:
    return Path(env.get("CLAUDE_CONFIG_DIR") or home / ".claude")


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """The OAuth part of a credentials file (empty when there is none), and what is wrong with the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        return {}, f"The login file {path} cannot be used: {why}"
    login = document.get("claudeAiOauth") if isinstance(document, dict) else None
    if not isinstance(login, dict):
        return {}, f"The login file {path} cannot be used: it holds no claudeAiOauth"
    return login, ""


def _expiry(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, (int, float)) or isinstance(milliseconds, bool) or milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _put_in_place(folder: Path, login: dict[str, Any]) -> list[str]:
    """Write the login without its refresh token; a note when that cannot be done."""
    document = {"claudeAiOauth": {name: value for name, value in login.items() if name != "refreshToken"}}
    beside = folder / f".{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)
        beside.replace(folder / CREDENTIALS_NAME)
    except OSError as error:
        beside.unlink(missing_ok=True)
        return [f"The staged login cannot be copied to {folder}: {error.strerror}"]
    return []
