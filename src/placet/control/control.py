"""The only door for people: authorised, idempotent, each act one transaction. API, pages and CLI come through it."""

from collections.abc import Callable, Sequence
from typing import Any

from placet.connectors.blobs.inspection import MOST_BYTES
from placet.connectors.blobs.port import BlobStore
from placet.connectors.blobs.stored import StoredBlobs
from placet.control import deletions
from placet.control.accounts import Accounts
from placet.control.ballots import Ballots
from placet.control.cases import Cases
from placet.control.directory import Directory
from placet.control.documents import Documents
from placet.control.door import Door
from placet.control.events import Events
from placet.control.faucet import Faucet
from placet.control.inbox import Inbox
from placet.control.links import Links
from placet.control.messages import Messages
from placet.control.people import People
from placet.control.polls import Polls
from placet.control.sessions import Sessions
from placet.control.tasks import Tasks
from placet.control.tokens import Tokens
from placet.control.vitals import Pulse
from placet.control.votes import Votes
from placet.control.voting import Voting
from placet.control.workflows import Workflows
from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Patience
from placet.domain.session import SessionRules
from placet.durable.workflow import Entry
from placet.store.engine import Store


class Control:
    """`policies` gives the policy in force for a workflow; with `calendar` and `patience` it is frozen into each case
    that opens. Documents of at most `most_bytes` each go to `blobs`, the database unless told otherwise."""

    def __init__(
        self,
        store: Store,
        catalogue: Sequence[Entry],
        policies: Callable[[Entry], dict[str, Any]],
        calendar: BusinessCalendar | None = None,
        patience: Patience | None = None,
        blobs: BlobStore | None = None,
        most_bytes: int = MOST_BYTES,
        session: SessionRules | None = None,
    ) -> None:
        self.door = Door(store)
        self.people = People(self.door)
        self.directory = Directory(self.door)
        self.tokens = Tokens(self.door)
        self.accounts = Accounts(self.door, session or SessionRules())
        self.sessions = Sessions(self.door, session or SessionRules())
        self.workflows = Workflows(
            self.door,
            catalogue,
            policies,
            calendar or BusinessCalendar(),
            patience or Patience(),
            {deletions.KIND: deletions.aimed},
        )
        self.cases = Cases(self.door)
        self.tasks = Tasks(self.door)
        self.inbox = Inbox(self.door, self.tasks)
        self.documents = Documents(self.door, blobs or StoredBlobs(store), most_bytes)
        self.links = Links(self.door, self.tasks, self.documents)
        self.messages = Messages(self.door)
        self.events = Events(self.door)
        self.ballots = Ballots(self.door)
        self.votes = Votes(self.door)
        self.voting = Voting(self.door, self.workflows)
        self.polls = Polls(self.door)
        self.faucet = Faucet(self.door)
        self.pulse = Pulse(self.door)
