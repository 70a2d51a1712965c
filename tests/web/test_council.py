"""The page of a payment that a council approves: everything it shows, each act, and each refusal in plain words."""

import html
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import council
from api.office import HASH, Office
from placet.domain.currency import Currencies
from placet.domain.payment import Token
from placet.store import documents, people
from placet.store import tables as t
from placet.store.cases import locked
from placet.store.documents import Stored
from web.desk import desk, key_in
from web.test_signin import WORD, has_password

CHECKED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


async def acts(office: Office) -> list[tuple[str, str]]:
    query = sa.select(t.act.c.person_id, t.act.c.outcome).order_by(t.act.c.person_id)
    return await office.store.read(lambda tx: [(row.person_id, row.outcome) for row in tx.conn.execute(query)])


async def test_the_page_says_exactly_what_would_be_paid(office: Office) -> None:
    await council.sit(office)
    intent = council.INTENT.model_copy(update={"to": CHECKED, "amount": "1234500000000000000"})
    multisig = await council.put(office, intent=intent, instructions="Bread for May")
    page = await (await desk(office, "tara")).get(f"/multisigs/{multisig}")
    text = html.unescape(page.text)
    assert page.status_code == 200
    assert "1.2345 of the chain's own currency" in text and "1,234,500,000,000,000,000" in text
    assert "If 2 of 3 approve" in text and "Bread for May" in text and "Test chain of this machine (31337)" in text
    groups = ("0x", "5aAe", "b605", "3F3E", "94C9", "b9A0", "9f33", "6694", "35E7", "Ef1B", "eAed")
    assert "".join(f"<span>{group}</span>" for group in groups) in text
    assert intent.hash in text and f'href="/cases/{multisig.partition(".")[0]}"' in text
    assert "0 of 3 have approved; 2 are needed" in text and "it expires and nothing is paid on" in text
    assert text.count("Nothing yet") == 3


async def test_a_council_sees_that_there_was_too_little_money(office: Office) -> None:
    await council.sit(office)
    tara = await desk(office, "tara")
    page = await tara.get(f"/multisigs/{await council.put(office, balance='1500000000000000000')}")
    assert "the treasury held 1.5 of the chain&#39;s own currency: less than this payment" in page.text
    for enough in (None, council.INTENT.amount):
        page = await tara.get(f"/multisigs/{await council.put(office, balance=enough)}")
        assert "less than this payment" not in page.text


async def test_the_invoice_stands_beside_what_would_be_paid(office: Office) -> None:
    await council.sit(office)
    case_id = await office.start()
    rita = await office.store.read(lambda tx: people.find(tx, "rita"))
    assert rita is not None
    bill = Stored(name="invoice", hash=HASH, filename="Bill <7>.pdf", media_type="application/pdf", size=70_000)

    def bring(tx: Any) -> None:
        with locked(tx, case_id) as case:
            documents.keep(case, rita, bill, 1)

    await office.store.write(bring)
    page = await (await desk(office, "tara")).get(f"/multisigs/{await council.put(office, case_id)}")
    address = f"/cases/{case_id}/documents/{HASH}"
    assert "<dt>Invoice</dt>" in page.text and "Bill &lt;7&gt;.pdf" in page.text and "70" in page.text
    assert f'href="{address}"' in page.text and f'href="{address}/preview"' in page.text


async def test_inbox_and_mail_tell_sum_and_recipient_before_what_the_requester_wrote(office: Office) -> None:
    await council.sit(office)
    case = await office.start(name="Pay 5 to the baker")
    intent = council.INTENT.model_copy(update={"to": CHECKED, "amount": "1" + "0" * 21})
    multisig = await council.put(office, case, intent=intent)
    inbox = html.unescape((await (await desk(office, "tara")).get("/?show=payments")).text)
    line = inbox[inbox.index(f'href="/multisigs/{multisig}"') :].partition("</li>")[0]
    assert "1,000 of the chain's own currency" in line and "<span>5aAe</span><span>b605</span>" in line
    query = sa.select(t.message.c.subject, t.message.c.text).where(t.message.c.key.startswith(f"{multisig}/asked/"))
    mails = await office.store.read(lambda tx: [tuple(row) for row in tx.conn.execute(query)])
    title = "Payment of 1000 of the native currency to 0x5aAe…eAed"
    assert mails and all(subject == f"{title}: Order of Pay 5 to the baker" for subject, _ in mails)
    assert all(f"{title}.\nExactly: 1{'0' * 21} (smallest unit)" in text and CHECKED in text for _, text in mails)


@pytest.mark.parametrize(
    ("known", "told"),
    [(True, "12.5 BEAN"), (False, "12,500,000 of an unknown token")],
)
async def test_a_token_is_told_in_its_own_unit_if_it_is_known(office: Office, known: bool, told: str) -> None:
    await council.sit(office)
    beans = Token(symbol="BEAN", address=CHECKED, decimals=6)
    office.control.currencies = Currencies(tokens=(beans,) if known else ())
    intent = council.INTENT.model_copy(update={"token": CHECKED, "amount": "12500000"})
    text = (await (await desk(office, "tara")).get(f"/multisigs/{await council.put(office, intent=intent)}")).text
    assert told in " ".join(text.split())
    assert ("does not know the token" in text) is not known


async def test_approvals_count_up_to_the_threshold_and_leave_a_receipt(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    tara, theo = await desk(office, "tara"), await desk(office, "theo")
    form = {"intent_hash": council.INTENT.hash, "key": key_in(await tara.get(f"/multisigs/{multisig}"))}
    done = [await tara.post(f"/multisigs/{multisig}/approve", form) for _ in range(2)]
    assert [one.status_code for one in done] == [303, 303] and await acts(office) == [("tara", "approve")]
    page = await tara.follow(done[0])
    assert "Your approval counts." in page.text and "You have approved" in page.text
    query = sa.select(t.act.c.receipt)
    receipt = await office.store.read(lambda tx: tx.conn.execute(query).scalar_one())
    assert receipt in page.text and f"/multisigs/{multisig}/approve" not in page.text
    await theo.post(f"/multisigs/{multisig}/approve", {"intent_hash": council.INTENT.hash, "comment": "Fine"})
    closed = (await theo.get(f"/multisigs/{multisig}")).text
    assert "The council has approved it" in closed and "Tara approved the payment" in closed
    assert "The council has decided: approved" in closed


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"intent_hash": "0" * 64}, 409, "What you looked at is not what is asked now"),
        ({}, 409, "What you looked at is not what is asked now"),
        ({"intent_hash": council.INTENT.hash, "signature": "0x12"}, 422, "signature"),
        ({"intent_hash": council.INTENT.hash, "comment": "x" * 8001}, 422, "at most 8000"),
    ],
)
async def test_a_wrong_approval_changes_nothing_and_says_why(
    office: Office, form: dict[str, str], status: int, told: str
) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    answer = await (await desk(office, "tara")).post(f"/multisigs/{multisig}/approve", form)
    assert (answer.status_code, told in html.unescape(answer.text)) == (status, True), answer.text[-3000:]
    assert await acts(office) == []


async def test_money_takes_fresh_confirmation_and_the_form_is_carried_along(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    tara = await desk(office, "tara")
    await has_password(office, "tara")
    office.clock.move(timedelta(minutes=11))
    form = {"intent_hash": council.INTENT.hash, "comment": "Bread", "key": "k" * 32}
    asked = await tara.post(f"/multisigs/{multisig}/approve", form)
    assert asked.status_code == 200 and "Confirm that it is you" in asked.text
    assert council.INTENT.hash in asked.text and "Bread" in asked.text and await acts(office) == []
    done = await tara.post(f"/multisigs/{multisig}/approve", form | {"confirmation": WORD})
    assert done.status_code == 303 and await acts(office) == [("tara", "approve")]
    # A refusal pays nothing, so it asks for nothing.
    office.clock.move(timedelta(minutes=11))
    refused = await (await desk(office, "theo")).post(f"/multisigs/{multisig}/refuse", {"why": "No"})
    assert refused.status_code == 303


async def test_refusing_takes_a_reason_and_stands(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    tara = await desk(office, "tara")
    empty = await tara.post(f"/multisigs/{multisig}/refuse", {"why": " "})
    assert empty.status_code == 422 and 'href="#why"' in empty.text and 'id="refuse" open' in empty.text
    page = await tara.follow(await tara.post(f"/multisigs/{multisig}/refuse", {"why": "Too\r\nmuch"}))
    assert "You have refused" in page.text and "Too\nmuch" in page.text
    assert "1 so far" not in page.text and "refused by Tara" in page.text
    again = await tara.post(f"/multisigs/{multisig}/approve", {"intent_hash": council.INTENT.hash})
    assert again.status_code == 409 and "You have refused already; a refusal stands." in again.text
    await (await desk(office, "theo")).post(f"/multisigs/{multisig}/refuse", {"why": "Too much"})
    assert "The council has refused it; nothing is paid" in (await tara.get(f"/multisigs/{multisig}")).text


async def test_an_approval_is_taken_back_and_everybody_sees_that(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    tara, theo = await desk(office, "tara"), await desk(office, "theo")
    await tara.post(f"/multisigs/{multisig}/approve", {"intent_hash": council.INTENT.hash})
    page = await tara.follow(await tara.post(f"/multisigs/{multisig}/withdraw", {"because": "Wait"}))
    assert "Your approval is taken back" in page.text and "Receipt: " in page.text
    assert f"/multisigs/{multisig}/approve" in page.text and await acts(office) == []
    other = (await theo.get(f"/multisigs/{multisig}")).text
    assert "Took the approval back" in other and "Tara took the approval back" in other


async def test_who_may_not_act_sees_why_and_no_form(office: Office) -> None:
    await council.sit(office)
    await office.hire("rita2", "coordinator@deals")
    multisig = await council.put(office)
    page = (await (await desk(office, "rita")).get(f"/multisigs/{multisig}")).text
    assert "You cannot decide this: you asked for it." in page and f"/multisigs/{multisig}/approve" not in page
    onlooker = (await (await desk(office, "rita2")).get(f"/multisigs/{multisig}")).text
    assert "You were not of the council when this was put to it." in onlooker
    assert (await (await desk(office, "tess")).get(f"/multisigs/{multisig}")).status_code == 404


async def test_they_act_one_after_the_other_where_that_is_the_rule(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office, ordered=True)
    theo = await desk(office, "theo")
    page = (await theo.get(f"/multisigs/{multisig}")).text
    assert "now it is tara" in html.unescape(page) and "Now their turn" in page
    assert f'href="/multisigs/{multisig}"' not in (await theo.get("/")).text
    assert f'href="/multisigs/{multisig}"' in (await (await desk(office, "tara")).get("/")).text


async def test_the_inbox_and_the_case_lead_to_what_awaits_me(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    link = f'href="/multisigs/{multisig}"'
    tara, case = await desk(office, "tara"), multisig.partition(".")[0]
    inbox = (await tara.get("/?show=payments")).text
    assert link in inbox and "You are of the council; 0 of 2 have approved." in inbox
    assert link not in (await tara.get("/?show=votes")).text
    assert link in (await tara.get(f"/cases/{case}")).text
    await tara.post(f"/multisigs/{multisig}/approve", {"intent_hash": council.INTENT.hash})
    assert link not in (await tara.get("/")).text
    for stranger in ("root", "rita", "tess"):
        assert link not in (await (await desk(office, stranger)).get("/")).text


async def signing(office: Office) -> str:
    await council.sit(office)
    await council.wallet(office, "tara", "theo")
    return await council.put(office, wallets=True)


async def test_where_wallets_sign_the_page_has_what_to_sign_and_takes_the_signature(office: Office) -> None:
    multisig = await signing(office)
    tara = await desk(office, "tara")
    page = await tara.get(f"/multisigs/{multisig}")
    file = await tara.get(f"/multisigs/{multisig}/typed-data.json")
    typed: dict[str, Any] = file.json()
    assert json.dumps(typed, indent=2) in html.unescape(page.text)
    assert file.headers["Content-Disposition"].startswith("attachment;")
    assert f"multisig approve {multisig} --key-file wallet.json" in page.text
    form = {"intent_hash": council.INTENT.hash}
    missing = await tara.post(f"/multisigs/{multisig}/approve", form)
    assert missing.status_code == 422 and "Sign the typed data with your registered wallet" in missing.text
    other = council.sign("theo", typed)
    wrong = await tara.post(f"/multisigs/{multisig}/approve", form | {"signature": other})
    assert wrong.status_code == 422 and "the wallet of somebody else" in wrong.text and other in wrong.text
    done = await tara.post(f"/multisigs/{multisig}/approve", form | {"signature": f" {council.sign('tara', typed)}\n"})
    assert done.status_code == 303 and await acts(office) == [("tara", "approve")]
    tina = (await (await desk(office, "tina")).get(f"/multisigs/{multisig}")).text
    assert "You had no registered wallet when this was put to the council" in tina and "No wallet" in tina


async def test_without_wallets_there_is_nothing_to_sign(office: Office) -> None:
    await council.sit(office)
    multisig = await council.put(office)
    tara = await desk(office, "tara")
    assert (await tara.get(f"/multisigs/{multisig}/typed-data.json")).status_code == 404
    assert 'name="signature"' not in (await tara.get(f"/multisigs/{multisig}")).text


async def test_the_largest_payment_is_told_on_every_page_of_the_council(office: Office) -> None:
    """What its digits are too many for must not keep a council from everything else that awaits it."""
    await council.sit(office)
    most = 2**256 - 1
    opened = await council.put(office, intent=council.INTENT.model_copy(update={"amount": str(most)}))
    theo = await desk(office, "theo")
    for path in ("/", f"/multisigs/{opened}", f"/cases/{opened.partition('.')[0]}"):
        page = await theo.get(path)
        assert page.status_code == 200, page.text[-2000:]
