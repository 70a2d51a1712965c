"""Office files (ZIP packages), checked without trusting what they say of themselves.

Every part is unpacked in small pieces, to count what really comes out; nothing is kept but the list of content types
and files inside the file. Works on the bytes alone, in bounded memory and time.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import NoReturn
from xml.etree import ElementTree
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from placet.connectors.blobs.pictures import PNG, check_png
from placet.connectors.blobs.unfit import bomb, damaged, encrypted, macros, malware

ZIP = b"PK\x03\x04"
END, END_LENGTH, ZIP64_LOCATOR = b"PK\x05\x06", 22, b"PK\x06\x07"
MOST_ENTRIES = 5_000
MOST_DIRECTORY = 1_000_000
MOST_UNPACKED = 200_000_000
MOST_INSIDE = 25_000_000
MOST_TYPES = 1_000_000
FREELY_UNPACKED, MOST_RATIO = 10_000_000, 200
DEEPEST = 1
PIECE = 64 * 1024
TYPES = "[Content_Types].xml"
MARKUP = (".xml", ".rels", ".vml")
ACTIVE = ("macroenabled", "vbaproject", "macrosheet", "activex")
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Left:
    """What a file, with the files inside it, may still unpack to."""

    size: int = MOST_UNPACKED
    entries: int = MOST_ENTRIES


def content_types(content: bytes, left: Left | None = None, depth: int = 0) -> frozenset[str]:
    """The content types that the package lists, in lower case; none for a ZIP file that is no package.

    Raises Unfit.
    """
    left = left or Left()
    parts = _listed(content, left)
    listed = b""
    for part in parts:
        kept = _unpacked(content, part, left)
        if part.filename == TYPES:
            listed = kept
        elif kept:
            if depth >= DEEPEST:
                raise bomb("it holds files inside files inside files")
            content_types(kept, left, depth + 1)
    types = _types_of(listed) if listed else frozenset()
    named = [part.filename.lower() for part in parts]
    if any(word in text for word in ACTIVE for text in (*types, *named)):
        raise macros()
    return types


def _listed(content: bytes, left: Left) -> list[ZipInfo]:
    """The parts by the directory at the end, in the order in which they lie in the file."""
    end = content[-END_LENGTH:]
    if len(end) < END_LENGTH or not end.startswith(END) or end[-2:] != b"\x00\x00":
        raise damaged("its end is missing")
    count, size = struct.unpack_from("<HI", end, 10)
    if count > left.entries or size > MOST_DIRECTORY or content[-42:-38] == ZIP64_LOCATOR:
        raise bomb("it has too many parts")
    try:
        parts = ZipFile(BytesIO(content)).infolist()
    except (BadZipFile, ValueError, struct.error, NotImplementedError, EOFError, IndexError) as error:
        raise damaged("its list of parts cannot be read") from error
    left.entries -= len(parts)
    if left.entries < 0:
        raise bomb("it has too many parts")
    names = [part.filename.lower() for part in parts]
    if len(set(names)) != len(names) or any(_leads_out(name) for name in names):
        raise damaged("its parts have wrong names")
    if any(part.flag_bits & 1 for part in parts):
        raise encrypted()
    if any(part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in parts):
        raise damaged("it is packed in an unusual way")
    declared = sum(part.file_size for part in parts)
    if declared > left.size or declared > max(FREELY_UNPACKED, MOST_RATIO * len(content)):
        raise bomb(f"{declared // 1_000_000} MB from {len(content) / 1_000_000:.1f} MB")
    return sorted(parts, key=lambda part: part.header_offset)


def _leads_out(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ".." in name.split("/")


def _unpacked(content: bytes, part: ZipInfo, left: Left) -> bytes:
    """Unpack and check one part; what is kept of it is empty unless it is the list of types or a file inside."""
    kept, tail, size = bytearray(), b"", 0
    keep = part.filename == TYPES
    markup = part.filename.lower().endswith(MARKUP)
    for piece in _pieces(content, part):
        if size == 0 and piece:
            inside = piece.startswith(ZIP)
            keep = keep or inside
            if piece.startswith(PNG):
                check_png(piece)
        size += len(piece)
        left.size -= len(piece)
        if size > part.file_size or left.size < 0:
            raise bomb("a part is larger than it says")
        around = tail + piece
        if EICAR in around:
            raise malware("EICAR test file")
        # The format forbids document type definitions, with which a small text can name an endless one.
        if markup and (b"<!DOCTYPE" in (plain := around.replace(b"\x00", b"")) or b"<!ENTITY" in plain):
            raise bomb("its text has definitions that an Office file must not have")
        tail = around[-2 * len(EICAR) :]
        if keep:
            kept += piece
            if len(kept) > (MOST_TYPES if part.filename == TYPES else MOST_INSIDE):
                raise bomb("a file inside it is too large")
    if size != part.file_size:
        raise damaged("a part is shorter than it says")
    return bytes(kept)


def _pieces(content: bytes, part: ZipInfo) -> Iterator[bytes]:
    """What the part unpacks to, piece by piece."""
    packed = _packed(content, part)
    if part.compress_type == ZIP_STORED:
        for at in range(0, len(packed), PIECE):
            yield bytes(packed[at : at + PIECE])
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for at in range(0, len(packed), PIECE):
            fed: bytes | memoryview = packed[at : at + PIECE]
            while fed and not inflate.eof:
                yield inflate.decompress(fed, PIECE)
                fed = inflate.unconsumed_tail
        while not inflate.eof and (rest := inflate.decompress(b"", PIECE)):
            yield rest
    except zlib.error as error:
        raise damaged("a part cannot be unpacked") from error
    if not inflate.eof:
        raise damaged("a part is cut off")


def _packed(content: bytes, part: ZipInfo) -> memoryview:
    """The packed bytes of the part, where they lie."""
    at = part.header_offset
    if at < 0 or content[at : at + 4] != ZIP or at + 30 > len(content):
        _misplaced()
    name, extra = struct.unpack_from("<HH", content, at + 26)
    start = at + 30 + name + extra
    if start + part.compress_size > len(content):
        _misplaced()
    return memoryview(content)[start : start + part.compress_size]


def _misplaced() -> NoReturn:
    raise damaged("a part does not lie where it should")


def _types_of(listed: bytes) -> frozenset[str]:
    try:
        return frozenset(entry.get("ContentType", "").lower() for entry in ElementTree.fromstring(listed))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise damaged("its list of contents cannot be read") from error
