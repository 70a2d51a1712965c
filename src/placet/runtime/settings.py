"""Settings: `placet.toml`, then the environment; unknown keys are an error, secrets come from the environment only."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from placet.connectors.blobs.port import BlobSettings
from placet.connectors.chain.port import ChainSettings
from placet.connectors.delivery.webhook import WebhookSettings
from placet.connectors.extraction.docling_serve import DoclingServeSettings
from placet.connectors.extraction.local import LocalExtractionSettings
from placet.connectors.mail.smtp import SmtpSettings
from placet.connectors.screening.local_list import LocalListSettings
from placet.connectors.screening.yente import YenteSettings
from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Patience
from placet.domain.model import Strict
from placet.domain.session import SessionRules
from placet.durable.workflow import Entry, checks
from placet.executor.settings import ExecutorSettings
from placet.store.policies import Check


class SettingsError(Exception):
    """The settings cannot be used; the text says which key, and what it may be."""


class ServerSettings(Strict):
    """Where Placet listens (loopback unless told otherwise), and the address that links in mails begin with."""

    host: str = "127.0.0.1"
    base_url: str | None = None
    link_life_days: int = Field(default=60, ge=1, le=3650)


class DatabaseSettings(Strict):
    """`url_env` names the environment variable that holds a Postgres URL; without it, SQLite in the data directory."""

    url_env: str | None = None


class TemporalSettings(Strict):
    """The embedded server, unless an address is given; then TLS, keys and, if it is not set here, the namespace come
    from the standard TEMPORAL_* environment.

    TEMPORAL_ADDRESS alone changes nothing: people export it for the `temporal` client of their embedded server. `ui` is
    where the pages of Temporal are, if there are some; administrators get a link to them.
    """

    address: str | None = None
    namespace: str | None = None
    task_queue: str = "placet"
    ui: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")


class MailSettings(Strict):
    """`stored`: mails are kept and read in the product. `smtp`: they are also sent."""

    transport: Literal["stored", "smtp"] = "stored"
    smtp: SmtpSettings | None = None


class ExtractionSettings(Strict):
    """`local`: documents are read on this machine. `docling-serve`: by a server, with layout, tables and OCR."""

    engine: Literal["local", "docling-serve"] = "local"
    local: LocalExtractionSettings = LocalExtractionSettings()
    docling_serve: DoclingServeSettings | None = None


class ScreeningSettings(Strict):
    """`local`: a list in a file, or the built-in sample of invented entries. `yente`: a server of OpenSanctions."""

    source: Literal["local", "yente"] = "local"
    local: LocalListSettings = LocalListSettings()
    yente: YenteSettings | None = None


class CredentialSettings(Strict):
    """Who issues credentials, for people to read, and with which kind of key (for a key that is made anew)."""

    issuer_name: str = Field(default="Placet", min_length=1, max_length=200)
    algorithm: Literal["ES256", "Ed25519"] = "ES256"


class DeliverySettings(Strict):
    """How credentials reach their holders. `offer`: a link by mail. `file`: the folder `credentials` of the data
    directory. `webhook`: a wallet service, by [delivery.webhook]."""

    kind: Literal["offer", "file", "webhook"] = "offer"
    webhook: WebhookSettings | None = None


class OidcSettings(Strict):
    """An OpenID Connect provider that people sign in with; `issuer` is where its description lies. Whoever it names is
    known by its subject, the first time by a verified e-mail address."""

    issuer: str = Field(pattern=r"^https?://")
    client_id: str
    client_secret_env: str | None = None
    label: str = "your organisation"


class Settings(Strict):
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    temporal: TemporalSettings = TemporalSettings()
    mail: MailSettings = MailSettings()
    documents: BlobSettings = BlobSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    screening: ScreeningSettings = ScreeningSettings()
    chain: ChainSettings = ChainSettings()
    executor: ExecutorSettings = ExecutorSettings()
    credentials: CredentialSettings = CredentialSettings()
    delivery: DeliverySettings = DeliverySettings()
    calendar: BusinessCalendar = BusinessCalendar()
    patience: Patience = Patience()
    session: SessionRules = SessionRules()
    oidc: OidcSettings | None = None
    policy: dict[str, dict[str, Any]] = {}


def load(path: Path | None, catalogue: Sequence[Entry]) -> Settings:
    """Read and check the settings against the catalogue's policies."""
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}") from error
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(_told(error, path, "")) from error
    for part, model in (("calendar", BusinessCalendar), ("patience", Patience), ("session", SessionRules)):
        _no_unknown(raw.get(part, {}), model, part)
    policies = {entry.policy_name: entry for entry in catalogue}
    for name in settings.policy:
        if name not in policies:
            known = ", ".join(sorted(policies))
            raise SettingsError(f"[policy.{name}]: there is no such policy; there are: {known}")
        policy_of(settings, policies[name])
    return settings


def policy_of(settings: Settings, entry: Entry) -> dict[str, Any]:
    """The effective policy of a workflow, as it is frozen into a case that opens now."""
    given = settings.policy.get(entry.policy_name, {})
    _no_unknown(given, entry.policy, f"policy.{entry.policy_name}")
    try:
        return entry.policy.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise SettingsError(_told(error, None, f"policy.{entry.policy_name}.")) from error


def policy_check(settings: Settings, catalogue: Sequence[Entry]) -> Check:
    """What a new version of a policy may be, on top of the settings."""
    return checks({entry.policy_name: entry for entry in catalogue}, lambda entry: policy_of(settings, entry))


def effective(settings: Settings, catalogue: Sequence[Entry]) -> dict[str, Any]:
    """Everything as it is in force, for `placet config`."""
    shown = settings.model_dump(mode="json")
    shown["policy"] = {entry.policy_name: policy_of(settings, entry) for entry in catalogue}
    return shown


def secret_of(environment: Mapping[str, str], name: str) -> str:
    """The secret in this environment variable; the value itself is never shown."""
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def _no_unknown(given: Mapping[str, Any], model: type[BaseModel], where: str) -> None:
    unknown = sorted(set(given) - set(model.model_fields))
    if unknown:
        known = ", ".join(sorted(model.model_fields)) or "none"
        raise SettingsError(f"[{where}] {unknown[0]}: there is no such key; there are: {known}")


def _told(error: ValidationError, path: Path | None, prefix: str) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = prefix + ".".join(map(str, first["loc"]))
    message = (
        "there is no such key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    )
    return f"{f'{path}: ' if path else ''}{key}: {message}"
