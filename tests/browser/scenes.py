"""The cases that browser tests look at, made once: each in another state."""

from dataclasses import dataclass

from api import chamber, council
from api.office import COUNTER, FORM, PARTNER, Office, review
from placet.control.people import NewToken
from placet.domain.collection import DocumentRequest
from placet.domain.people import Role
from placet.domain.task import APPROVE, REFUSE, n_of
from placet.store import people

FIT = [{"points": 12, "text": "Annual revenue of 4,200,000 EUR."}, {"points": 0, "text": "No references."}]
LONG = "A long title that must wrap on a telephone: pens, paper and Überraschungseier"


@dataclass(frozen=True)
class Scene:
    """Ids of cases, tasks and a payment; `link` is the address for somebody outside."""

    case: str
    task: str
    form: str
    closed: str
    paused: str
    vote: str
    payment: str
    collecting: str
    link: str
    invitation: str


async def play(office: Office) -> Scene:
    case = await office.start(name=LONG)
    task = await office.ask(case, review(instructions="Look at the offer.\nThen decide.", seats=n_of(2, 3)))
    form = await office.task(
        review(
            "counter",
            title="Negotiate the terms",
            to=(Role(name="buyer"),),
            outcomes=(APPROVE, COUNTER, REFUSE),
            form=FORM,
            form_on=("counter",),
            shows={"terms": {"months": 24, "percent": 12.5}, "stops": [{"city": "Oslo"}, {"city": "Rome"}], "fit": FIT},
        )
    )
    closed = await office.task()
    assert (await office.answer("ben", closed)).status_code == 200
    paused = await office.task()
    paused_case = paused.partition(".")[0]
    assert (await office.call("cora", "POST", f"/api/v1/cases/{paused_case}/pause", {"reason": "Wait"})).is_success
    vote = (await chamber.propose(office))["id"]
    await council.sit(office)
    payment = await council.put(office)
    wanted = (DocumentRequest(name="deed", title="The deed"), DocumentRequest(name="map", required=False))
    collecting = await office.task(
        review("papers", title="Send the papers", documents=wanted, to=(Role(name="buyer"),))
    )
    outside = await office.task(review("outside", title="Accept the offer", to=(PARTNER,), form=FORM, form_on=()))
    root = await office.store.read(lambda tx: people.find(tx, "root"))
    assert root is not None
    await office.control.tokens.make(root, NewToken(label="A program"))
    invitation = (await office.control.accounts.invite(root, "mo")).value["link"].rpartition("/")[2]
    return Scene(
        case=case,
        task=task,
        form=form,
        closed=closed,
        paused=paused_case,
        vote=vote,
        payment=payment,
        collecting=collecting,
        link=office.link(outside),
        invitation=invitation,
    )
