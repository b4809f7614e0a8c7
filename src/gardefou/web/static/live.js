// Keeps an open page true: counters, what changed, countdowns. Without the stream it looks again by the clock.
"use strict";
(() => {
  const two = (number) => String(number).padStart(2, "0");
  const say = (seconds) => {
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  };
  const FIELDS = "input:not([type=hidden]), textarea, select";
  const touched = (field) => field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked
    : field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0
      : field.value !== field.defaultValue;
  // Somebody is at work in it: what they type, choose or have open is theirs.
  const busy = (region) => Boolean(document.querySelector("dialog[open]")) || region.contains(document.activeElement) && document.activeElement.matches(FIELDS) || [...region.querySelectorAll(FIELDS)].some(touched);

  // Moments are written in the reader's time zone: the server is told which it is.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

  const stream = document.getElementById("live");
  let up = false, asked = 0;

  // Renewing: what stands on the page is fetched anew, and only what differs is touched.
  const served = new Map();
  let fetching = false, wanted = new Set(), notBefore = 0, timer = 0;
  const regions = () => {
    const main = document.getElementById("main");
    const inner = [...document.querySelectorAll("[data-live][id]")].filter((one) => one !== main);
    return main?.dataset.live && !main.querySelector("[data-live]") ? [...inner, main] : inner;
  };
  const tell = () => { document.getElementById("changed").hidden = false; };
  const want = (matches) => {
    for (const region of regions().filter(matches)) {
      if (region.dataset.liveHow === "tell") tell(); else wanted.add(region.id);
    }
    if (wanted.size && !timer && !fetching) timer = setTimeout(renew, Math.max(0, notBefore - Date.now()));
  };
  const renew = async () => {
    timer = 0;
    const ids = wanted, began = Date.now();
    wanted = new Set();
    fetching = true;
    let least = 500;
    try {
      const answer = await fetch(location.pathname + location.search, {headers: {Accept: "text/html"}, signal: AbortSignal.timeout(20000)});
      if (answer.status >= 500) throw new Error("later");
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ids) {
        const region = document.getElementById(id), fresh = page.getElementById(id);
        if (!region || !fresh) continue;
        const text = fresh.outerHTML;
        if (served.get(id) === text) continue;
        if (busy(region)) { tell(); continue; }
        const open = [...region.querySelectorAll("details")].map((one) => one.open), details = fresh.querySelectorAll("details");
        if (open.length === details.length) details.forEach((one, place) => { one.open = open[place]; });
        await htmx.swap({sourceElement: region, target: region, text: fresh.outerHTML, swap: "outerMorph"});
        served.set(id, text);
        document.body.dataset.now = page.body.dataset.now;
        skew = Date.parse(document.body.dataset.now) - Date.now();
        tick();
        document.dispatchEvent(new CustomEvent("renewed", {detail: {id}}));
      }
    } catch {
      // Asked again below: what changed meanwhile would else stay untold until something else does.
      for (const id of ids) wanted.add(id);
      least = 3000;
    } finally {
      fetching = false;
      // At most a twentieth of the time, but every ten seconds: a server that is slow is asked the more rarely.
      notBefore = Date.now() + Math.min(10000, Math.max(least, 20 * (Date.now() - began)));
      if (wanted.size) want(() => false);
    }
  };

  // The server's clock counts, not this machine's.
  let skew = Date.parse(document.body.dataset.now) - Date.now();
  const over = new Set();
  const tick = () => {
    for (const clock of document.querySelectorAll("time[data-countdown]")) {
      const left = Math.max(0, Math.ceil((Date.parse(clock.dateTime) - Date.now() - skew) / 1000)), text = say(left);
      if (clock.textContent !== text) clock.textContent = text;
      if (left || clock.dataset.countdown !== "reload" || over.has(clock.dateTime)) continue;
      over.add(clock.dateTime);
      again(1500);
    }
  };
  // By the clock: in place where the page can be renewed, else whole.
  const again = (after) => setTimeout(() => {
    if (up && document.getElementById("main").dataset.live) want(() => true); else if (!busy(document.body)) location.replace(location.pathname + location.search);
  }, after);
  setInterval(tick, 500);
  tick();
  const moving = () => document.querySelector("[data-moving]");
  const still = () => { if (moving() && !up && !busy(document.body)) location.replace(location.pathname + location.search); };
  if (moving()) setInterval(still, Number(moving().dataset.moving));

  if (!stream || !window.htmx) return;
  stream.addEventListener("counts", ({detail}) => {
    const {texts, says} = JSON.parse(detail.data);
    for (const [name, text] of Object.entries(texts)) {
      const place = document.getElementById(`count-${name}`);
      if (place && place.textContent !== text) place.textContent = text;
    }
    if (says) document.getElementById("live-says").textContent = says;
  });
  stream.addEventListener("changed", ({detail}) => {
    const {topics, own, all} = JSON.parse(detail.data), changed = new Set(topics), mine = new Set(own);
    // What somebody does themselves is no news to them, but may be to another window of theirs.
    want((region) => all || region.dataset.live.split(" ").some((name) => changed.has(name) || mine.has(name) && region.dataset.liveHow !== "tell"));
  });
  // The session is over: what it showed goes from the screen. What its person was writing stays theirs, to be copied.
  let ended = false;
  const end = () => {
    ended = true;
    const main = document.getElementById("main"), words = "textarea, input:not([type])";
    const written = [...main.querySelectorAll(words)].filter(touched).map((field) => field.value);
    for (const gone of document.querySelectorAll("dialog, .self, .count, .stopped, #changed")) gone.remove();
    main.replaceChildren(...written.map((text) => Object.assign(document.createElement("pre"), {textContent: text})));
    main.removeAttribute("data-live");
    document.title = document.getElementById("ended").querySelector("strong").textContent;
    document.getElementById("written").hidden = !written.length;
    document.getElementById("ended").hidden = false;
  };
  stream.addEventListener("ended", end);
  // These of htmx tell of the connection itself.
  stream.addEventListener("htmx:sse:after:connection", () => { up = true; });
  stream.addEventListener("htmx:sse:before:connection", (event) => { up = false; if (ended) event.preventDefault(); });
  stream.addEventListener("htmx:sse:close", () => { up = false; });
  stream.addEventListener("htmx:sse:error", ({detail}) => { up = false; if (detail.status === 401 || detail.status === 403) end(); });

  // Only a page in sight listens: a browser has few connections to one host.
  const listen = () => {
    if (!ended && !document.hidden && !up && Date.now() - asked > 4000) htmx.trigger(stream, "listen");
  };
  stream.addEventListener("htmx:before:request", () => { asked = Date.now(); });
  document.addEventListener("visibilitychange", listen);
  setInterval(listen, 5000);
  // htmx takes the page in hand once its own script has run, which may be before its extension has: only then ours.
  setTimeout(() => {
    stream.setAttribute("hx-sse:connect", stream.dataset.stream);
    htmx.process(stream);
    listen();
  });
})();
