"""The office of the API tests, looked at with a browser's cookies."""

from api.conftest import blank as blank
from api.conftest import office as office
from api.conftest import store as store
