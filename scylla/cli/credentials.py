"""Which login pays: one order of precedence for the runner, the container's start and the doctor.

1. `ANTHROPIC_API_KEY`, then `CLAUDE_CODE_OAUTH_TOKEN`, as the agent CLI itself decides: from the environment; from the
   environment of the host, as staged; or as kept by the container's start, which alone may have been given them
   (`devcontainer up --secrets-file`);
2. a login of its own in the CLI's folder: one that has a refresh token;
3. the access token that the host's login was staged as, copied into the CLI's folder;
4. none.

A login that has ended gives way to the next one. Only the standard library: this also runs where nothing else is
installed yet (see `scylla.cli.credentials_main`).
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from scylla.errors import MachineError

CREDENTIALS_NAME = ".credentials.json"
STAGED_FOLDER = Path("/run/host-claude")
STAGED_ENVIRONMENT = "environment.json"
KEPT_FILE = Path(".config", "scylla", "login-at-start.json")
"""Below the home: the login variables that the container was started with."""
LOGIN_VARIABLES = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN")
REMEDIES = (
    "log in again on the host (`claude`, then /login) and run `devcontainer up` again; or log in inside the container "
    "(`claude`, then /login); or set CLAUDE_CODE_OAUTH_TOKEN (from `claude setup-token`, lasts a year) or "
    "ANTHROPIC_API_KEY"
)
_COPIED_FIELDS = ("accessToken", "expiresAt", "scopes", "subscriptionType", "rateLimitTier")
"""What a copy of a login holds. Two holders of one refresh token log each other out, so it is not among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A key or an access token. `source` is a phrase for people; `expires_at` is None when it is not known to end.

    `renews_itself`: there is a refresh token beside it, with which the agent CLI renews it at its next start.
    """

    kind: Literal["api_key", "oauth"]
    secret: str = field(repr=False)
    source: str
    expires_at: datetime | None = None
    renews_itself: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The login that counts, None when there is none.

    `ended` is then the best one that has ended, if there is any. `notes` say what could not be used and why; `copied`
    says what was put in place, and is empty when nothing was.
    """

    login: Login | None
    ended: Login | None = None
    notes: tuple[str, ...] = ()
    copied: str = ""


def find_login(env: Mapping[str, str], home: Path, now: datetime, *, staged: Path = STAGED_FOLDER) -> Login | None:
    """The login that counts, without changing anything."""
    return _decide(env, home, staged, now)[0].login


def ensure_credentials(env: Mapping[str, str], home: Path, *, staged: Path, now: datetime) -> Found:
    """The login that counts, after the staged access token has been put in place where it is the best there is.

    The copy is 0600 in a folder of 0700, appears whole, holds no refresh token, and never replaces a login that has
    one. What is broken or unreadable becomes a note.
    """
    found, is_to_copy = _decide(env, home, staged, now)
    if not is_to_copy:
        return found
    folder = _config_folder(env, home)
    try:
        _copy(staged / CREDENTIALS_NAME, folder)
    except OSError as error:
        note = f"The host's login cannot be copied to {folder}: {error.strerror}. It is used from {staged}."
        return replace(found, notes=(*found.notes, note))
    return replace(
        found, copied=f"The host's login was copied to {folder / CREDENTIALS_NAME}, without its refresh token."
    )


def require_lasting(login: Login, until: datetime) -> None:
    """MachineError with the remedies when the login ends before `until`.

    A login that renews itself is no exception: what an experiment uses is the access token as it is at the start.
    """
    if login.expires_at is None or login.expires_at >= until:
        return
    renewing = "; or start `claude` once, which renews this login when it has ended" if login.renews_itself else ""
    raise MachineError(
        f"{login.source} ends at {_utc(login.expires_at)}, before the planned work can ({_utc(until)})",
        fix=f"{REMEDIES}{renewing}",
    )


def keep_environment_login(env: Mapping[str, str], home: Path) -> str:
    """Keep the login variables for later commands, in a file of 0600; forget those kept before when there are none.

    Returns a note when that cannot be done, else an empty string.
    """
    path = home / KEPT_FILE
    present = {name: value for name in LOGIN_VARIABLES if (value := env.get(name, "").strip())}
    try:
        if present:
            _write_private(path, present)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        return f"The login in the environment cannot be kept in {path}: {error.strerror}"
    return ""


def describe(found: Found) -> str:
    """For people: which login is used and until when, or that there is none."""
    if found.login is not None:
        until = "" if found.login.expires_at is None else f", until {_utc(found.login.expires_at)}"
        return f"Login: {found.login.source}{until}."
    if found.ended is not None:
        return f"Login: none that is still valid. To run for real: {REMEDIES}."
    return f"Login: none. Experiments run on the offline model. To run for real: {REMEDIES}."


def _decide(env: Mapping[str, str], home: Path, staged: Path, now: datetime) -> tuple[Found, bool]:
    """What counts, and whether that is a staged access token which belongs into the CLI's folder."""
    if given := _given(env, home, staged):
        return Found(login=given), False
    own, own_problem = _stored(_config_folder(env, home) / CREDENTIALS_NAME)
    fresh, fresh_problem = _stored(staged / CREDENTIALS_NAME, "the host's login")
    notes = [problem for problem in (own_problem, fresh_problem) if problem]
    by_rank = _by_rank(own, fresh)
    notes += [_ended_note(candidate) for candidate in by_rank if _has_ended(candidate, now)]
    login = next((candidate for candidate in by_rank if not _has_ended(candidate, now)), None)
    if login is None:
        return Found(login=None, ended=next(iter(by_rank), None), notes=tuple(notes)), False
    is_to_copy = login is fresh and (own is None or not own.renews_itself)
    return Found(login=login, notes=tuple(notes)), is_to_copy


def _given(env: Mapping[str, str], home: Path, staged: Path) -> Login | None:
    places: tuple[tuple[Mapping[str, Any], str], ...] = (
        (env, "in the environment"),
        (_read(staged / STAGED_ENVIRONMENT)[0], "in the environment of the host"),
        (_read(home / KEPT_FILE)[0], "that the container was started with"),
    )
    for variables, where in places:
        for name in LOGIN_VARIABLES:
            value = variables.get(name)
            if isinstance(value, str) and value.strip():
                kind: Literal["api_key", "oauth"] = "api_key" if name == "ANTHROPIC_API_KEY" else "oauth"
                return Login(kind=kind, secret=value.strip(), source=f"{name} {where}")
    return None


def _config_folder(env: Mapping[str, str], home: Path) -> Path:
    return Path(env.get("CLAUDE_CONFIG_DIR") or home / ".claude")


def _by_rank(own: Login | None, fresh: Login | None) -> list[Login]:
    """A login of its own first; of two access tokens the one that ends later, and the one in place when both do."""
    present = [login for login in (own, fresh) if login is not None]
    if own is not None and own.renews_itself:
        return present
    never = datetime.max.replace(tzinfo=timezone.utc)
    return sorted(present, key=lambda login: login.expires_at or never, reverse=True)


def _has_ended(login: Login, now: datetime) -> bool:
    return login.expires_at is not None and login.expires_at <= now


def _ended_note(login: Login) -> str:
    ended_at = "" if login.expires_at is None else f" at {_utc(login.expires_at)}"
    remedy = "start `claude` once to renew it" if login.renews_itself else REMEDIES
    return f"{login.source} ended{ended_at}: {remedy}."


def _stored(path: Path, name: str = "") -> tuple[Login | None, str]:
    """The login in a credentials file, None when there is none, and what is wrong with the file."""
    document, problem = _read(path)
    oauth = document.get("claudeAiOauth")
    token = oauth.get("accessToken") if isinstance(oauth, dict) else None
    if not isinstance(oauth, dict) or not isinstance(token, str) or not token:
        # The CLI leaves an empty token behind when it has been logged out: no login, and nothing wrong.
        blank = not document or token == ""
        return None, problem if blank else f"The login file {path} cannot be used: it holds no access token"
    renews = bool(oauth.get("refreshToken"))
    source = f"{name or ('the login' if renews else 'the access token')} in {path}"
    return (
        Login(
            kind="oauth",
            secret=token,
            source=source,
            expires_at=_expiry(oauth.get("expiresAt")),
            renews_itself=renews and not name,
        ),
        "",
    )


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """The JSON object in a file, empty when there is none, and what is wrong with the file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return {}, f"The login file {path} cannot be used: it is no file"
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"The login file {path} cannot be used by user {os.getuid()}: {error.strerror}"
    except (ValueError, RecursionError):
        return {}, f"The login file {path} cannot be used: it is no JSON"
    if not isinstance(document, dict):
        return {}, f"The login file {path} cannot be used: it holds no JSON object"
    return document, ""


def _expiry(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, (int, float)) or isinstance(milliseconds, bool) or milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _copy(source: Path, folder: Path) -> None:
    """Put the login of `source` into the CLI's folder, without its refresh token."""
    oauth = _read(source)[0].get("claudeAiOauth", {})
    document = {"claudeAiOauth": {name: oauth[name] for name in _COPIED_FIELDS if name in oauth}}
    _write_private(folder / CREDENTIALS_NAME, document)


def _write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only this user can read; it appears whole. OSError when that cannot be done."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    beside = path.parent / f".{secrets.token_hex(8)}"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
