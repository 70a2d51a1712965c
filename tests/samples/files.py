"""Files as people send them, good and bad; the good ones are written by real programs where there is one."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache

import docx
import pypdf
import typst

OFFICE = "application/vnd.openxmlformats-officedocument."
MAIN = {
    "docx": f"{OFFICE}wordprocessingml.document.main+xml",
    "xlsx": f"{OFFICE}spreadsheetml.sheet.main+xml",
    "pptx": f"{OFFICE}presentationml.presentation.main+xml",
}
MEDIA = {
    "pdf": "application/pdf",
    "docx": f"{OFFICE}wordprocessingml.document",
    "xlsx": f"{OFFICE}spreadsheetml.sheet",
    "pptx": f"{OFFICE}presentationml.presentation",
    "png": "image/png",
    "jpg": "image/jpeg",
    "txt": "text/plain",
    "csv": "text/csv",
}
# In two parts, so that no scanner takes this file for what it describes.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@cache
def pdf(text: str = "A deed.") -> bytes:
    return typst.compile(f"= Deed\n{text}".encode())


@cache
def endless_pdf(pages: int = 1_500) -> bytes:
    """Small, and nearly a minute of work: each page shows the same 20,000 words, which are there once."""
    words = b"BT /F1 9 Tf " + b"(word) Tj " * 20_000 + b"ET"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents 4 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b" ".join(b"%d 0 R" % (5 + number) for number in range(pages))),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(words), words),
        *[page] * pages,
    ]
    file, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(b"%010d 00000 n \n" % len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table, size = len(file), len(objects) + 1
    file += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, b"".join(places))
    return bytes(file) + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, table)


@cache
def encrypted_pdf() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf()))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@cache
def word(text: str = "A deed.") -> bytes:
    document = docx.Document()
    document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def png(width: int = 2, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int = 2, height: int = 2) -> bytes:
    """The segments of a JPEG up to the picture itself, with filling between them as the standard allows."""
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    frame = b"\xff\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00\xff\xd9"


def zipped(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def package(kind: str = "xlsx", more: Mapping[str, bytes] | None = None, *types: str) -> bytes:
    """An Office package with its main part, and further parts and content types."""
    listed = "".join(f'<Override PartName="/p{n}" ContentType="{one}"/>' for n, one in enumerate((MAIN[kind], *types)))
    head = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    return zipped({"[Content_Types].xml": f"{head}{listed}</Types>".encode(), "main.xml": b"<main/>", **(more or {})})


@cache
def zip_bomb(kind: str = "docx") -> bytes:
    """A small document that unpacks to 190 MB."""
    return package(kind, {"word/media/blank.bin": bytes(190_000_000)})


def lying_bomb() -> bytes:
    """A part that says it has 100 bytes, and unpacks to 5 MB: the sizes are overwritten in both headers."""
    content = bytearray(package("docx", {"word/big.bin": bytes(5_000_000)}))
    real, said = struct.pack("<I", 5_000_000), struct.pack("<I", 100)
    at = content.find(real)
    while at >= 0:
        content[at : at + 4] = said
        at = content.find(real, at)
    return bytes(content)
