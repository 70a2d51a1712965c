"""The only door for people: authorised, idempotent, each act one transaction. API, pages and CLI come through it."""

from collections.abc import Callable, Sequence
from typing import Any

from placet.connectors.blobs.inspection import MOST_BYTES
from placet.connectors.blobs.port import BlobStore
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.credentials.port import ISSUANCE, REVOCATION
from placet.control import badge_requests, cooperative, deletions
from placet.control.accounts import Accounts
from placet.control.administration import Administration
from placet.control.ballots import Ballots
from placet.control.cases import Cases
from placet.control.comments import Comments
from placet.control.credentials import Credentials
from placet.control.csv_export import CsvExport
from placet.control.directory import Directory
from placet.control.documents import Documents
from placet.control.door import Door
from placet.control.events import Events
from placet.control.faucet import Faucet
from placet.control.inbox import Inbox
from placet.control.links import Links
from placet.control.messages import Messages
from placet.control.multisigs import Multisigs
from placet.control.overview import Overview
from placet.control.passkeys import Passkeys
from placet.control.people import People
from placet.control.policies import Policies
from placet.control.polls import Polls
from placet.control.previews import Previews
from placet.control.process import Processes
from placet.control.resources import Resources
from placet.control.sessions import Sessions
from placet.control.tasks import Tasks
from placet.control.tokens import Tokens
from placet.control.vitals import Pulse
from placet.control.votes import Votes
from placet.control.voting import Voting
from placet.control.wallets import Wallets
from placet.control.workflows import Workflows
from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Patience
from placet.domain.payment import Token
from placet.domain.session import SessionRules
from placet.durable.workflow import Entry
from placet.store import resources
from placet.store.engine import Store


class Control:
    """`policies` gives the policy of a workflow by the settings; with what was decided since, `calendar` and `patience`
    it is frozen into each case that opens. Documents of at most `most_bytes` each go to `blobs`, the database unless
    told otherwise. `tokens` are those that the treasury knows; None where there is no treasury."""

    def __init__(
        self,
        store: Store,
        catalogue: Sequence[Entry],
        policies: Callable[[Entry], dict[str, Any]],
        calendar: BusinessCalendar | None = None,
        patience: Patience | None = None,
        blobs: BlobStore | None = None,
        most_bytes: int = MOST_BYTES,
        tokens: Sequence[Token] | None = None,
        session: SessionRules | None = None,
    ) -> None:
        self.door = Door(store)
        self.currencies = store.house.currencies
        self.people = People(self.door)
        self.directory = Directory(self.door)
        self.tokens = Tokens(self.door)
        self.accounts = Accounts(self.door, session or SessionRules())
        self.passkeys = Passkeys(self.door)
        self.sessions = Sessions(self.door, session or SessionRules())
        self.policies = Policies(self.door, catalogue, policies)
        starters = [role for entry in catalogue for role in entry.starters]
        paying = next((entry for entry in catalogue if entry.kind == cooperative.DISBURSEMENT), None)
        checks = cooperative.Checks(
            self.policies,
            starters,
            tokens if paying is not None else None,
            lambda tx: self.policies.effective(tx, paying) if paying is not None else {},
        )
        self.workflows = Workflows(
            self.door,
            catalogue,
            self.policies.effective,
            calendar or BusinessCalendar(),
            patience or Patience(),
            {
                deletions.KIND: deletions.aimed,
                ISSUANCE: badge_requests.requested,
                REVOCATION: badge_requests.revocable,
                cooperative.GOVERNANCE: checks.governance,
                cooperative.DISBURSEMENT: checks.disbursement,
                cooperative.ONBOARDING: cooperative.applying,
                resources.KIND: cooperative.changing,
            },
            {cooperative.DISBURSEMENT: lambda request: cooperative.told(self.currencies, request)},
        )
        self.cases = Cases(self.door)
        self.comments = Comments(self.door)
        self.overview = Overview(self.door)
        self.tasks = Tasks(self.door)
        self.multisigs = Multisigs(self.door)
        self.inbox = Inbox(self.door, self.tasks, self.multisigs)
        self.wallets = Wallets(self.door)
        self.documents = Documents(self.door, blobs or StoredBlobs(store), most_bytes)
        self.previews = Previews(self.documents)
        self.links = Links(self.door, self.tasks, self.documents)
        self.messages = Messages(self.door)
        self.events = Events(self.door)
        self.ballots = Ballots(self.door)
        self.votes = Votes(self.door)
        self.voting = Voting(self.door, self.workflows)
        self.polls = Polls(self.door)
        self.faucet = Faucet(self.door)
        self.credentials = Credentials(self.door)
        self.resources = Resources(self.door)
        self.processes = Processes(self.door, catalogue)
        self.csv = CsvExport(self.door, self.overview)
        self.administration = Administration(self.door)
        self.pulse = Pulse(self.door)
