"""One call in a process of its own, which a named point may kill: DATABASE FOLDER WHAT ARGUMENT."""

import asyncio
import json
import sys
from pathlib import Path

from placet.connectors.credentials.port import Order, SignOrder
from placet.connectors.credentials.stored import StoredCredentials
from placet.connectors.delivery.offer import OfferByMail
from placet.connectors.delivery.port import DeliveryActivities
from placet.domain.step import Step
from placet.executor.badge_keys import opened
from placet.executor.badges import BadgeSigner
from placet.store.engine import Store
from placet.store.house import House

SECRET = "a secret of tests, of more than thirty-two characters"


async def run(database: str, folder: Path, what: str, argument: str) -> None:
    store = Store(database, House(secret=SECRET))
    signer = BadgeSigner(store, opened(folder, {}), folder)
    credentials = StoredCredentials(store, signer)
    try:
        if what == "sign":
            given = json.loads(argument)
            order = Order.model_validate(given["order"])
            await credentials.sign("case-1/credentials.sign/1", SignOrder(decision=given["decision"], order=order))
        elif what == "issue":
            await credentials.issue(argument)
        else:
            step = Step(case_id="case-1", name="delivery.deliver")
            await DeliveryActivities(credentials, OfferByMail(store)).deliver(step, argument)
    finally:
        signer.close()
        store.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
