"""Mail, readable in the product."""

from api.office import PARTNER, Office, negotiation


async def test_everybody_reads_their_own_mail_newest_first(office: Office) -> None:
    first, second = await office.task(), await office.task()
    page = await office.get("ben", "/api/v1/messages?limit=1")
    rest = await office.get("ben", f"/api/v1/messages?limit=1&cursor={page['next_cursor']}")
    assert [mail["case_id"] for mail in page["items"] + rest["items"]] == [
        second.partition(".")[0],
        first.partition(".")[0],
    ]
    assert rest["next_cursor"] is None
    assert (page["items"][0]["subject"], page["items"][0]["to"]) == (
        "Review the order: Order of Pens",
        "Ben <ben@example.org>",
    )
    assert f"http://placet/tasks/{second}" in page["items"][0]["text"]
    assert (await office.get("rita", "/api/v1/messages"))["items"] == []


async def test_only_administrators_read_the_mail_of_others_with_its_links(office: Office) -> None:
    await office.task(negotiation())
    mine = await office.get("root", "/api/v1/messages")
    every = await office.get("root", "/api/v1/messages?all=true")
    assert (mine["items"], [mail["person"] for mail in every["items"]]) == ([], [PARTNER.person])
    assert "http://placet/l/" in every["items"][0]["text"]
    for who in ("cora", "kofi", "rita"):
        refused = await office.call(who, "GET", "/api/v1/messages?all=true")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
