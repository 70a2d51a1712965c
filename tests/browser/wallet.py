"""A wallet in the browser, as extensions put it there (EIP-1193), with a real key behind it."""

import json
from typing import Any

from eth_account.signers.local import LocalAccount
from playwright.async_api import BrowserContext

from placet.connectors.chain.port import LOCAL_CHAIN

# What a page calls; errors come back as the wallet's own, with their code.
INJECTED = """
window.ethereum = {
  request: async ({ method, params = [] }) => {
    const { result, error } = await window.walletAsked(method, params);
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  },
};
"""


class Wallet:
    """It tells its account when asked, and then signs typed data: with no other account, and for no other chain."""

    def __init__(self, account: LocalAccount, chain_id: int = LOCAL_CHAIN) -> None:
        self.account = account
        self.chain_id = chain_id
        self.signed: list[dict[str, Any]] = []
        self._told = False

    async def into(self, context: BrowserContext) -> None:
        """Before any page is opened."""
        await context.expose_function("walletAsked", self._asked)
        await context.add_init_script(INJECTED)

    def sign(self, typed: dict[str, Any]) -> str:
        signature: str = self.account.sign_typed_data(full_message=typed).signature.to_0x_hex()
        return signature

    async def _asked(self, method: str, params: list[str]) -> dict[str, Any]:
        if method == "eth_requestAccounts":
            self._told = True
            return {"result": [self.account.address.lower()]}
        if method != "eth_signTypedData_v4":
            return {"error": {"code": 4200, "message": f"{method} is not supported"}}
        if not self._told or params[0].lower() != self.account.address.lower():
            return {"error": {"code": 4100, "message": "This account is not known to the page"}}
        typed = json.loads(params[1])
        chain = typed["domain"].get("chainId", self.chain_id)
        if int(chain) != self.chain_id:
            message = f'Provided chainId "{chain}" must match the active chainId "{self.chain_id}"'
            return {"error": {"code": -32603, "message": message}}
        self.signed.append(typed)
        return {"result": self.sign(typed)}
