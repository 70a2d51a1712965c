"""`make demo`: the sample cases, played through the HTTP API by different people on a fresh installation."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2

from placet.runtime.demo import members, treasury
from placet.runtime.demo.badges import play_badge
from placet.runtime.demo.compliance import WINDOW, check_escalated, play_compliance, start_silent
from placet.runtime.demo.partners import play_partners
from placet.runtime.demo.stage import PATIENCE_SECONDS, DemoFailed, Say, Stage
from placet.runtime.demo.voting import COUNTDOWN, play_votes
from placet.runtime.embedded import free_port
from placet.runtime.first_admin import SAMPLE

PEOPLE = tuple(one.id for one in SAMPLE)
# So that what ends by the clock ends while one watches.
SETTINGS = f"""[policy.compliance-case]
window = "{WINDOW}"
submission = "10s"
reminder = "5s"

[policy.voting]
countdown = "{COUNTDOWN}"
reminder = "2s"
{members.SETTINGS}{treasury.SETTINGS}"""


async def play(say: Say, keep: bool = False) -> int:
    """Start an installation, play the cases, verify the proof; 0 when everything held."""
    data = Path(tempfile.mkdtemp(prefix="placet-demo-"))
    port = free_port()
    placet = [sys.executable, "-m", "placet.cli.main"]
    chain_port, pays = free_port(), treasury.is_there()
    (data / "placet.toml").write_text(f"{SETTINGS}\n[chain]\nport = {chain_port}\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLACET_")}
    say(f"Starting Placet in {data} …")
    up = [*placet, "up", "--data", str(data), "--port", str(port), "--temporal-port", str(free_port()), "--demo"]
    up += ["--config", str(data / "placet.toml")]
    server = await asyncio.create_subprocess_exec(*up, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        await _ready(server, say)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            stage = Stage(http, data, say, {"admin": (data / "admin-token").read_text().strip()})
            await _people(stage)
            # What takes time begins first, and is looked at again when it is due.
            silent = await start_silent(stage)
            newcomer = await members.start_onboarding(stage)
            transfer = await treasury.propose_transfer(stage) if pays else None
            await play_partners(stage)
            await members.finish_onboarding(stage, newcomer)
            await play_badge(stage)
            await play_compliance(stage)
            if transfer is not None:
                await treasury.play_transfer(stage, transfer, f"http://127.0.0.1:{chain_port}")
            else:
                say("\nThere is no local chain here (npm ci installs it): nothing is paid from a treasury.")
            await play_votes(stage)
            await check_escalated(stage, silent)
        say("Verifying the audit log, offline:")
        check = [*placet, "--data", str(data), "verify"]
        verdict = await asyncio.to_thread(subprocess.run, check, env=environment, capture_output=True, text=True)
        say("  " + verdict.stdout.strip().replace("\n", "\n  "))
        if verdict.returncode != 0:
            raise DemoFailed(f"the audit log does not verify: {verdict.stderr}")
    except (DemoFailed, TimeoutError) as error:
        say(f"FAILED: {error or 'something did not happen in time'}")
        for log in sorted((data / "logs").glob("*.log")):
            say(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        return 1
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGTERM)
            await server.wait()
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
    say("Everything held." + (f" The installation is kept in {data}." if keep else ""))
    return 0


async def _ready(server: asyncio.subprocess.Process, say: Say) -> None:
    stream = server.stdout
    assert stream is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await stream.readline()).decode().rstrip():
            say(f"  {line}")
            if line.startswith("ready "):
                return
    raise DemoFailed("placet up ended before it was ready")


async def _people(stage: Stage) -> None:
    for person in PEOPLE:
        issued = await stage.call("admin", "POST", f"/api/v1/people/{person}/tokens", {})
        stage.tokens[person] = issued["token"]
