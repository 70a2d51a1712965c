"""The one place where ports meet implementations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from placet.catalogue.registry import CATALOGUE
from placet.connectors.blobs.objects import folder_blobs, s3_blobs
from placet.connectors.blobs.port import BlobStore
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.chain.signatures import signer_of
from placet.connectors.credentials.executor_client import ExecutorClient
from placet.connectors.credentials.port import CredentialActivities, Signer
from placet.connectors.credentials.stored import StoredCredentials
from placet.connectors.crm.port import Crm, CrmActivities
from placet.connectors.crm.registry import PartnerRegistry
from placet.connectors.delivery.file import FileDelivery
from placet.connectors.delivery.offer import OfferByMail
from placet.connectors.delivery.port import DeliveryActivities, WalletDelivery
from placet.connectors.delivery.webhook import WebhookDelivery
from placet.connectors.drafting.port import Drafter, DraftingActivities
from placet.connectors.drafting.stored import StoredDrafter
from placet.connectors.extraction.docling_serve import DoclingServeExtractor
from placet.connectors.extraction.local import LocalExtractor
from placet.connectors.extraction.port import ExtractionActivities, TextExtractor
from placet.connectors.lifecycle.port import LifecycleActivities, Resources
from placet.connectors.lifecycle.stored import StoredResources
from placet.connectors.mail.outbox import StoredOutbox
from placet.connectors.mail.port import MailActivities, MailTransport, Outbox
from placet.connectors.mail.smtp import SmtpMail
from placet.connectors.mail.stored import StoredMail
from placet.connectors.membership.port import Membership, MembershipActivities
from placet.connectors.membership.stored import StoredMembership
from placet.connectors.policies.port import Policies, PolicyActivities
from placet.connectors.policies.stored import StoredPolicies
from placet.connectors.scoring.port import Scorer, ScoringActivities
from placet.connectors.scoring.rules import RuleScorer
from placet.connectors.screening.local_list import LocalListScreener
from placet.connectors.screening.port import Screener, ScreeningActivities
from placet.connectors.screening.yente import YenteScreener
from placet.connectors.treasury.port import NoTreasury, Treasury, TreasuryActivities
from placet.connectors.works.port import Schedules, WorksActivities
from placet.connectors.works.temporal import TemporalSchedules
from placet.domain.currency import Currencies
from placet.durable.records import Records
from placet.runtime.datadir import DataDir
from placet.runtime.settings import Settings, SettingsError, policy_check, secret_of
from placet.store.clock import Clock
from placet.store.engine import Store
from placet.store.house import House

Given = TypeVar("Given")

NO_EXECUTOR = Path("executor.sock")


@dataclass(frozen=True)
class Ports:
    """Every outside capability, one field each; tests replace single ones."""

    blobs: BlobStore
    crm: Crm
    drafts: Drafter
    extractor: TextExtractor
    outbox: Outbox
    scorer: Scorer
    screener: Screener
    schedules: Schedules
    membership: Membership
    policies: Policies
    resources: Resources
    treasury: Treasury
    signer: Signer
    wallet: WalletDelivery


def embedded_ports(store: Store, settings: Settings | None = None) -> Ports:
    """Everything on this machine, without a network; keys are asked for elsewhere, see `ports_of`."""
    blobs = StoredBlobs(store)
    return Ports(
        blobs=blobs,
        crm=PartnerRegistry(store),
        drafts=StoredDrafter(store, blobs),
        extractor=LocalExtractor(),
        outbox=StoredOutbox(store),
        scorer=RuleScorer(),
        screener=LocalListScreener(),
        schedules=TemporalSchedules(),
        membership=StoredMembership(store),
        policies=StoredPolicies(store, policy_check(settings or Settings(), CATALOGUE)),
        resources=StoredResources(store),
        treasury=NoTreasury(),
        signer=ExecutorClient(NO_EXECUTOR),
        wallet=OfferByMail(store),
    )


def blobs_of(settings: Settings, store: Store, datadir: DataDir, environment: Mapping[str, str]) -> BlobStore:
    """Where the content of documents lies."""
    match settings.documents.kind:
        case "folder":
            return folder_blobs(datadir.path / "blobs")
        case "s3":
            try:
                return s3_blobs(settings.documents, environment)
            except ValueError as error:
                raise SettingsError(f"[documents] {error}") from error
        case _:
            return StoredBlobs(store)


def ports_of(settings: Settings, store: Store, datadir: DataDir, environment: Mapping[str, str]) -> Ports:
    """What the settings ask for."""
    token = secret_of(environment, settings.executor.token_env) if settings.executor.token_env else None
    ports = replace(
        embedded_ports(store, settings),
        blobs=blobs_of(settings, store, datadir, environment),
        signer=ExecutorClient(datadir.executor_socket(), settings.executor.url, token),
    )
    extraction, screening = settings.extraction, settings.screening
    try:
        extractor: TextExtractor = LocalExtractor(extraction.local)
        if extraction.engine == "docling-serve":
            extractor = DoclingServeExtractor(_given(extraction.docling_serve, "extraction.docling_serve"), environment)
        screener: Screener = LocalListScreener(screening.local)
        if screening.source == "yente":
            screener = YenteScreener(_given(screening.yente, "screening.yente"), environment)
        wallet = ports.wallet
        if settings.delivery.kind == "file":
            wallet = FileDelivery(datadir.path / "credentials")
        elif settings.delivery.kind == "webhook":
            wallet = WebhookDelivery(_given(settings.delivery.webhook, "delivery.webhook"), environment)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return replace(ports, extractor=extractor, screener=screener, wallet=wallet)


def _given(table: Given | None, name: str) -> Given:
    if table is None:
        raise SettingsError(f"this choice needs a table [{name}]")
    return table


def activities(store: Store, ports: Ports) -> list[Callable[..., Any]]:
    """Every activity that the worker serves."""
    credentials = StoredCredentials(store, ports.signer)
    owners = (
        Records(store),
        CredentialActivities(credentials),
        CrmActivities(ports.crm),
        DeliveryActivities(credentials, ports.wallet),
        DraftingActivities(ports.drafts),
        ExtractionActivities(ports.extractor, ports.blobs),
        LifecycleActivities(ports.resources),
        MailActivities(ports.outbox),
        MembershipActivities(ports.membership),
        PolicyActivities(ports.policies),
        ScoringActivities(ports.scorer),
        ScreeningActivities(ports.screener),
        TreasuryActivities(ports.treasury),
        WorksActivities(store, ports.schedules),
    )
    return [
        method
        for owner in owners
        for name in sorted(vars(type(owner)))
        if hasattr(method := getattr(owner, name), "__temporal_activity_definition")
    ]


def database_url(settings: Settings, datadir: DataDir, environment: Mapping[str, str]) -> str:
    if settings.database.url_env is None:
        return f"sqlite:///{datadir.app_db}"
    url = secret_of(environment, settings.database.url_env)
    for scheme in ("postgresql://", "postgres://"):
        url = url.replace(scheme, "postgresql+psycopg://", 1) if url.startswith(scheme) else url
    if not url.startswith("postgresql+psycopg://"):
        raise SettingsError(f"{settings.database.url_env} must hold a postgresql:// URL")
    return url


def open_store(
    settings: Settings, datadir: DataDir, port: int, environment: Mapping[str, str], clock: Clock | None = None
) -> Store:
    base_url = settings.server.base_url or f"http://{settings.server.host}:{port}"
    life = timedelta(days=settings.server.link_life_days)
    house = House(
        base_url=base_url,
        secret=datadir.secret(),
        link_life=life,
        issuer_name=settings.credentials.issuer_name,
        currencies=Currencies(settings.chain.chain_id, settings.chain.tokens),
        signer_of=signer_of,
    )
    return Store(database_url(settings, datadir, environment), house, clock)


def mail_transport(settings: Settings, environment: Mapping[str, str]) -> MailTransport:
    if settings.mail.transport == "stored":
        return StoredMail()
    if settings.mail.smtp is None:
        raise SettingsError('[mail] transport = "smtp" needs a table [mail.smtp]')
    try:
        return SmtpMail(settings.mail.smtp, environment)
    except ValueError as error:
        raise SettingsError(f"[mail.smtp] {error}") from error
