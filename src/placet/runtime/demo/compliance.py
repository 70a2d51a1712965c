"""Two compliance cases: one approved after two rounds and a screening hit, one that runs into the end of its window."""

import io
import json
import zipfile
from typing import Any

from placet.runtime.demo.stage import DemoFailed, Stage

WINDOW = "40s"
PDF, DOCX = "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

# The name is one of the built-in sample list, whose entries are invented.
VIKTOR: dict[str, Any] = {
    "customer_id": "v-morozenko",
    "name": "Victor Morozenko",
    "countries": ["RU"],
    "contact_name": "Victor Morozenko",
    "contact_email": "victor@customer.example",
}
SILENT = VIKTOR | {"customer_id": "silent", "name": "Silent Customer", "contact_email": "silent@customer.example"}


async def start_silent(stage: Stage) -> str:
    """A customer who will never answer; their window is short here."""
    stage.say(f"\nA second customer is asked for documents, and will keep silent; the window is {WINDOW} here")
    return await _start(stage, SILENT)


async def play_compliance(stage: Stage) -> None:
    """Documents, investigation, a second round, and the officer's approval."""
    case_id = await _start(stage, VIKTOR)
    stage.say(f"\nCompliance case: {VIKTOR['name']} ({case_id})")
    email = VIKTOR["contact_email"]
    link = await stage.link_of(case_id, email, 1)
    await _give(
        stage, link, "identity", "passport.pdf", PDF, _pdf("Passport", "Name: Victor Morozenko. Born 21.09.1987.")
    )
    await _give(stage, link, "address", "address.docx", DOCX, _docx("Rental contract of 2019, Harbour Street 7."))
    await stage.send_form(link, email, {"outcome": "submit", "comment": ""})

    await _read(stage, case_id)
    wish = {"documents": [{"name": "address", "reason": "The contract is of 2019; we need one of this year."}]}
    await stage.answer("omar", case_id, "request_documents", data=wish)
    link = await stage.link_of(case_id, email, 2)
    await _give(
        stage, link, "address", "address-new.pdf", PDF, _pdf("Invoice", "Electricity, this year. Harbour Street 7.")
    )
    await stage.send_form(link, email, {"outcome": "submit", "comment": "Here it is."})
    await _read(stage, case_id)
    await stage.answer("omar", case_id, "approve", "Another person: the passport says born in 1987.")
    ended = await stage.closed("omar", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    if (ended["outcome"].get("status"), ended["outcome"].get("rounds")) != ("APPROVED", 2):
        raise DemoFailed(f"{case_id} should have been approved in the second round")
    await stage.timeline(case_id)


async def check_escalated(stage: Stage, case_id: str) -> None:
    """The silent customer's case ends with its window."""
    stage.say(f"\nThe silent customer ({case_id}): waiting for the end of the window …")
    ended = await stage.closed("cora", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    if ended["outcome"].get("status") != "ESCALATED":
        raise DemoFailed(f"{case_id} should have been escalated")


async def _start(stage: Stage, request: dict[str, Any]) -> str:
    return await stage.start("ada", "compliance-case", "desk", request)


async def _give(stage: Stage, link: str, name: str, filename: str, media_type: str, content: bytes) -> None:
    given = await stage.http.post(
        f"{link}/documents", data={"name": name}, files={"file": (filename, content, media_type)}
    )
    if given.status_code >= 400:
        raise DemoFailed(f"{filename} was not taken: {given.status_code} {given.text[:500]}")
    stage.say(f"  the customer sends {filename} ({len(content)} bytes) as {name}")


async def _read(stage: Stage, case_id: str) -> None:
    """What the officer sees before deciding."""
    task = await stage.task_of("omar", case_id)
    shown = (await stage.call("omar", "GET", f"/api/v1/tasks/{task['id']}"))["subject"]
    for text in shown["documents"]:
        read = text["preview"].replace("\n", " ")[:70] or text["note"]
        stage.say(f"  omar reads {text['document']['filename']} ({text['engine'] or text['refused']}): {read}")
    hits = shown["screening"]["hits"]
    for hit in hits[:2]:
        stage.say(
            f"  screening: {hit['caption']}, {hit['score']} points, {hit['list_name']}: {'; '.join(hit['why'])[:150]}"
        )
    if not hits:
        raise DemoFailed(f"a listed name should have been found: {json.dumps(shown['screening'])[:500]}")


def _pdf(title: str, text: str) -> bytes:
    """A real PDF."""
    import typst

    source = "#let d = json(bytes(sys.inputs.d))\n= #d.title\n#d.text"
    inputs = {"d": json.dumps({"title": title, "text": text})}
    made = typst.compile(source.encode(), format="pdf", sys_inputs=inputs)
    if not isinstance(made, bytes):
        raise DemoFailed("typst made no PDF")
    return made


def _docx(text: str) -> bytes:
    """A real, minimal Word document."""
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType="application/'
        'vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
        f'ContentType="{DOCX}.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}" '
        'Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{main}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p>'
        "</w:body></w:document>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{content}')
    return file.getvalue()
