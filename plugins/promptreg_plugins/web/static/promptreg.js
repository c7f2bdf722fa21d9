// What pages do beyond working without a script: filters that answer at once, live progress.
document.documentElement.classList.add("script");

const parsed = async (response) =>
  new DOMParser().parseFromString(await response.text(), "text/html");

// A form with data-live shows its result in place: the elements it names are taken from the answer.
for (const form of document.querySelectorAll("form[data-live]")) {
  const targets = form.dataset.live.split(" ").map((id) => document.getElementById(id));
  let asked = null;
  let waiting = 0;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(fields).toString();
    const address = location.pathname + (query ? "?" + query : "");
    targets.forEach((target) => target?.setAttribute("aria-busy", "true"));
    try {
      const response = await fetch(address, {
        headers: { Accept: "text/html" }, signal: asked.signal, redirect: "error",
      });
      if (!response.ok) throw new Error(response.status);
      const page = await parsed(response);
      for (const target of targets) {
        const fresh = page.getElementById(target?.id);
        if (fresh) target.replaceChildren(...fresh.childNodes);
      }
      history.replaceState(null, "", address + location.hash);
      targets.forEach((target) => target?.removeAttribute("aria-busy"));
    } catch (error) {
      if (error.name !== "AbortError") location.assign(address);  // the page itself says what is wrong
    }
  };
  form.addEventListener("change", ask);
  form.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(waiting); ask(); });
}

// A part with data-refresh is asked for again while somebody looks.
for (const part of document.querySelectorAll("[data-refresh]")) {
  let pause = 2500;
  const again = async () => {
    if (!document.hidden) {
      try {
        const response = await fetch(part.dataset.refresh, { redirect: "error" });
        if (!response.ok) throw new Error(response.status);
        const fresh = await parsed(response);
        const before = part.textContent.replace(/\s+/g, " ");
        if (fresh.body.textContent.replace(/\s+/g, " ").trim() !== before.trim()
            && !part.contains(document.activeElement)) {
          part.replaceChildren(...fresh.body.childNodes);
        }
        pause = 2500;
      } catch { pause = Math.min(2 * pause, 30000); }
    }
    setTimeout(again, pause);
  };
  setTimeout(again, pause);
}

const shownTime = (seconds) => {
  if (!Number.isFinite(seconds) || seconds < 0) return "-";
  if (seconds < 60) return Math.ceil(seconds) + " s";
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + " h " + (minutes % 60) + " min";
};

// A job that goes on: its events, whatever becomes of the connection.
const follow = (live) => {
  const show = (name) => live.querySelector(`[data-show="${name}"]`);
  const bar = live.querySelector("progress");
  const say = (words) => { const line = show("connection"); if (line.textContent !== words) line.textContent = words; };
  const count = (n) => Number(n).toLocaleString("en-US");
  let last = 0, lost = 0, source = null, timer = 0, over = false;

  const reload = () => { over = true; source?.close(); clearTimeout(timer); location.reload(); };
  const final = (state) => state !== "queued" && state !== "running";

  const told = {
    state(data) {
      if (final(data.state)) { say("Ended: " + data.state + "."); reload(); return; }
      const title = document.querySelector("h1 .state");
      if (title) title.textContent = data.state;
      document.title = document.title.replace(/^[a-z]+/, data.state);
      say(data.state === "queued" ? "Waiting for a free worker." : "Running.");
    },
    progress(data) {
      if (data.planned) { bar.max = data.planned; bar.value = data.done; show("planned").textContent = count(data.planned); }
      for (const name of ["done", "cached", "failed"]) show(name).textContent = count(data[name] ?? 0);
      show("rate").textContent = Number.isFinite(data.rate) ? (data.rate < 10 ? data.rate.toFixed(1) : count(Math.round(data.rate))) : "-";
      show("left").textContent = shownTime(data.left_s ?? NaN);
    },
    log(data) {
      const log = show("log");
      const stuck = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
      const line = document.createElement("div");
      line.textContent = String(data.line).slice(0, 2000) || " ";
      log.append(line);
      while (log.childElementCount > 500) log.firstElementChild.remove();
      if (stuck) log.scrollTop = log.scrollHeight;
    },
  };

  const hear = (kind) => (message) => {
    const id = Number(message.lastEventId);
    if (id && id <= last) return;  // a server that starts anew may tell what was heard
    if (id) last = id;
    let data;
    try { data = JSON.parse(message.data); } catch { return; }
    told[data.kind ?? kind]?.(data.data ?? data);
  };

  const later = () => {
    clearTimeout(timer);
    if (over) return;
    lost += 1;
    say("The connection is lost; trying again.");
    timer = setTimeout(ask, Math.min(1000 * 2 ** (lost - 1), 15000));
  };

  // Before following again: is there a service, are we still logged in, has it ended meanwhile?
  const ask = async () => {
    try {
      const response = await fetch(live.dataset.job, { headers: { Accept: "application/json" } });
      if (response.status === 401 || response.status === 403 || response.status === 404) { reload(); return; }
      if (!response.ok) { later(); return; }
      const job = await response.json();
      if (final(job.state)) { reload(); return; }
      open();
    } catch { later(); }
  };

  const open = () => {
    source?.close();
    source = new EventSource(live.dataset.events + (last ? "?after=" + last : ""));
    source.onopen = () => { if (lost) say("Connected again."); lost = 0; };
    for (const kind of Object.keys(told)) source.addEventListener(kind, hear(kind));
    source.onmessage = hear("");
    source.onerror = () => { source.close(); later(); };
  };
  addEventListener("pagehide", () => { over = true; source?.close(); clearTimeout(timer); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  open();
};
const live = document.getElementById("live");
if (live) follow(live);
