# @version 0.4.3
# A minimal ERC-20 for tests. To an address in `deaf`, `transfer` answers False and moves nothing, as some old tokens do.

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

name: public(constant(String[16])) = "Sample token"
symbol: public(constant(String[8])) = "SMPL"
decimals: public(constant(uint8)) = 6
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
deaf: public(HashMap[address, bool])

@deploy
def __init__(supply: uint256, holder: address):
    self.totalSupply = supply
    self.balanceOf[holder] = supply
    log Transfer(sender=empty(address), receiver=holder, value=supply)

@external
def ignore(receiver: address):
    self.deaf[receiver] = True

@external
def transfer(receiver: address, amount: uint256) -> bool:
    if self.deaf[receiver]:
        return False
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=msg.sender, receiver=receiver, value=amount)
    return True

@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True

@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, value=amount)
    return True
