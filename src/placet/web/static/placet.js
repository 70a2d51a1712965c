// What pages gain with a script: they stay current, times are the reader's own, and countdowns run. Everything works
// without it. The server makes every page; when something changes, the same address is fetched again, and each region
// `[data-live][id]` that differs is put in place of the old one, unless somebody is writing in it.
const policy = window.trustedTypes?.createPolicy("placet", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const { live, place, about, updated, stale, fixed, calm } = document.body.dataset;
// Of one language there are several ways to write a date; the browser knows which one its reader is used to.
const spoken = document.documentElement.lang || "en";
const language = navigator.languages.find((one) => one.split("-")[0] === spoken.split("-")[0]) ?? spoken;
// Whatever the language, the digits are those that the server writes.
const numberingSystem = "latn";
const say = (text) => { const status = document.getElementById("said"); if (status) status.textContent = text; };

// Times.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
}
const full = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", numberingSystem });
const distance = new Intl.RelativeTimeFormat(language, { numberingSystem });
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const within = (value, unit) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", numberingSystem }).format(value);
// The same as on the server: 36 hours are neither one day nor two, but nobody counts the seconds of two minutes.
function relative(seconds, units) {
  const length = Math.round(Math.abs(seconds));
  const [unit, size] = units.find(([unit, size]) => {
    const number = Math.round(length / size);
    return length >= (unit === "minute" ? size : 2 * size) || (number && Math.abs(length - number * size) * 24 <= size);
  }) ?? UNITS.at(-1);
  // What is a moment ago is past: nothing has happened in 0 seconds.
  return distance.format((seconds > 0 ? 1 : -1) * Math.max(Math.round(length / size), 1), unit);
}
function left(seconds) {
  let rest = Math.max(0, Math.trunc(seconds));
  const parts = [];
  for (const [unit, size] of UNITS.slice(2)) {
    const number = Math.trunc(rest / size);
    rest -= number * size;
    if (number || parts.length) parts.push([number, unit]);
  }
  return (parts.length ? parts.slice(0, 3) : [[0, "second"]]).map(([number, unit]) => within(number, unit)).join(" ");
}
// Clocks differ: what counts is the server's, as it was when the page came.
let ahead = document.body.dataset.now ? new Date(document.body.dataset.now) - Date.now() : 0;
function tick() {
  const now = Date.now() + ahead;
  for (const time of all("time[data-relative]")) time.textContent = relative((new Date(time.dateTime) - now) / 1000, UNITS);
  // Inside a sentence, days stay days.
  for (const time of all("[data-away]")) time.textContent = relative((new Date(time.dataset.away) - now) / 1000, UNITS.slice(2));
  for (const time of all("time[data-countdown]")) time.textContent = left((new Date(time.dateTime) - now) / 1000);
}
function localize() {
  if (fixed !== undefined) return;
  for (const time of all("time[data-moment]")) time.textContent = full.format(new Date(time.dateTime));
}
localize();
tick();
setInterval(tick, 1000);

// A form is sent once; the key in it would see to that as well.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "true";
  event.submitter?.setAttribute("aria-busy", "true");
  // Whoever has stopped it may send it again; whoever has not, too.
  setTimeout(unsent, 10000);
});
function unsent() {
  for (const form of all("form[data-sent]")) delete form.dataset.sent;
  for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
}
addEventListener("pageshow", unsent);

// Files that would be refused for their size are told where they were chosen, before anything is sent.
document.addEventListener("change", ({ target }) => {
  if (target.type !== "file" || !target.form?.dataset.most) return;
  const { most, each, together, all: sum } = target.form.dataset;
  const chosen = all("input[type=file]", target.form).map((input) => [input, [...input.files].map((file) => file.size)]);
  const large = chosen.flatMap(([, sizes]) => sizes).reduce((one, other) => one + other, 0) > Number(together);
  for (const [input, sizes] of chosen) {
    input.setCustomValidity(sizes.some((size) => size > Number(most)) ? each : large && sizes.length ? sum : "");
  }
  if (target.validity.customError) target.reportValidity();
});

// On a telephone the navigation is longer than the screen: where one is stands in the middle.
document.querySelector(".ways [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// What is wrong with a form is read first.
document.querySelector("[data-first]")?.focus();

// What a region says, without what differs each time it is made.
function meaning(region) {
  const copy = region.cloneNode(true);
  for (const time of all("time, [data-away]", copy)) { time.textContent = ""; time.removeAttribute("data-away"); }
  for (const key of all("input[name=key]", copy)) key.removeAttribute("value");
  for (const details of all("details", copy)) details.removeAttribute("open");
  copy.classList.remove("fresh");
  return copy.outerHTML;
}
const written = (field) => field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
  : field.type === "file" ? field.files.length > 0
  : field.tagName === "SELECT" ? [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0
  : field.type !== "hidden" && field.value !== field.defaultValue;
const busy = (region) => region.matches(":active") || (region.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox], [type=radio]), textarea, select"))
  || all("input, textarea, select", region).some(written);

let looking = false, again = false;
async function look() {
  if (looking) { again = true; return; }
  looking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "Placet-Look": "again" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html");
    if (page.body.dataset.now) ahead = new Date(page.body.dataset.now) - Date.now();
    // Another page is on its way; until then no button may move under a finger.
    if (document.querySelector("form[data-sent]")) return;
    // A form that came or went has no place here to be put, or to be taken from: somebody may be writing in it.
    const without = (there, here) => all("form[id], [data-live][id]", there).filter((one) => !here.getElementById(one.id)).length;
    let changed = 0, kept = without(page, document) + without(document, page);
    for (const old of all("[data-live][id]")) {
      const made = page.getElementById(old.id);
      if (!made || meaning(made) === meaning(old)) continue;
      if (busy(old)) { kept += 1; continue; }
      const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
      for (const details of all("details[id]", old)) if (details.open) page.getElementById(details.id)?.setAttribute("open", "");
      const mine = document.adoptNode(made);
      mine.classList.add("fresh");
      old.replaceWith(mine);
      setTimeout(() => mine.classList.remove("fresh"), 4000);
      if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
      changed += 1;
    }
    if (changed) { localize(); tick(); say(updated); }
    const note = document.getElementById("stale");
    if (note && kept) { note.hidden = false; say(stale); }
  } catch { /* The next change, or the next connection, looks again. */
  } finally {
    // Some pages are much to make: they are looked at again only after a while.
    setTimeout(() => { looking = false; if (again) { again = false; look(); } }, Number(calm ?? 0));
  }
}

if (live !== undefined && document.querySelector("[data-live][id]")) {
  let stream = null, after = place, lost = false;
  const open = () => {
    if (stream) return;
    stream = new EventSource(`/live?after=${encodeURIComponent(after)}`);
    stream.onopen = () => { document.documentElement.dataset.stream = "open"; if (lost) look(); lost = false; };
    stream.onerror = () => { lost = true; document.documentElement.dataset.stream = "lost"; if (stream.readyState === EventSource.CLOSED) close(); };
    stream.addEventListener("changed", (event) => {
      after = event.lastEventId || after;
      if (!about || JSON.parse(event.data).cases.includes(about)) look();
    });
  };
  const close = () => { stream?.close(); stream = null; };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) { open(); look(); } });
  // A browser has few connections for one site: a tab that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else if (!stream) { open(); look(); } });
}

// A wallet in the browser (EIP-1193) fills in its address or its signature; nothing is sent before its person sends it.
function offer() {
  if (window.ethereum) for (const part of all("[data-wallet-part]")) part.hidden = false;
}
offer();
addEventListener("ethereum#initialized", offer);
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-sign], [data-account]");
  if (!button || !window.ethereum) return;
  const note = document.getElementById(button.dataset.note);
  const field = document.getElementById(button.dataset.into);
  note.textContent = "";
  try {
    const accounts = await window.ethereum.request({ method: "eth_requestAccounts" });
    const wanted = button.dataset.with?.toLowerCase();
    const account = accounts.find((one) => !wanted || one.toLowerCase() === wanted);
    if (!account) { note.textContent = note.dataset.other; return; }
    field.value = button.dataset.sign === undefined ? account
      : await window.ethereum.request({ method: "eth_signTypedData_v4", params: [account, document.getElementById(button.dataset.sign).value] });
    note.textContent = note.dataset.done;
    field.focus();
  } catch (error) { note.textContent = [note.dataset.failed, error?.message].filter(Boolean).join(" "); }
});
