"""The database of an installation: brought up to date, with an administrator in it."""

from pwdlib import PasswordHash

from placet.runtime import first_admin
from placet.runtime.place import Place
from placet.runtime.wiring import database_url, open_store
from placet.store import schema


def prepare(place: Place, demo: bool = False, keep_admin: bool = False) -> None:
    """Bring the database up to date and make sure that there is an administrator.

    With `keep_admin` an administrator's token that is there stays: of several processes, each may have another one.
    With `demo` a new installation gets the sample people; one in real use raises `DataDirError`.
    """
    settings = place.settings()
    schema.upgrade(database_url(settings, place.datadir, place.environment))
    token, _ = place.datadir.admin_token(place.environment)
    store = open_store(settings, place.datadir, place.port, place.environment)
    try:
        store.submit(lambda tx: first_admin.recognise_sample(tx, demo)).result()
        store.submit(lambda tx: first_admin.ensure_admin(tx, token, keep_admin)).result()
        if demo:
            password_hash = PasswordHash.recommended().hash(place.datadir.demo_password())
            store.submit(lambda tx: first_admin.ensure_sample(tx, password_hash)).result()
    finally:
        store.close()
