"use strict";
(function () {
  document.documentElement.classList.add("script");
  const table = document.getElementById("scenarios");
  if (!table) return;
  table.classList.add("live");
  const bodies = Array.from(table.tBodies);
  const find = (id) => document.getElementById(id);

  // A row opens its answers; the button makes it work by keyboard.
  bodies.forEach((body, i) => {
    const detail = body.querySelector(".detail");
    const name = body.querySelector(".name");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "toggle";
    button.textContent = name.textContent;
    button.setAttribute("aria-expanded", "false");
    detail.id = "detail-" + i;
    button.setAttribute("aria-controls", detail.id);
    name.replaceWith(button);
    const toggle = () => {
      const open = detail.classList.toggle("open");
      detail.querySelector("details").open = open;
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", (event) => { event.stopPropagation(); toggle(); });
    body.querySelector(".head").addEventListener("click", () => {
      if (String(window.getSelection()) === "") toggle();
    });
  });

  const words = new Map();
  const text = (body) => {
    if (!words.has(body)) words.set(body, body.textContent.toLowerCase());
    return words.get(body);
  };
  const value = (id) => (find(id) ? find(id).value : "");
  const filter = () => {
    const search = value("f-text").trim().toLowerCase();
    const slice = value("f-slice");
    const template = value("f-template");
    const worse = find("f-worse").checked;
    const failed = find("f-failed").checked;
    let shown = 0;
    for (const body of bodies) {
      const data = body.dataset;
      const keep = (!worse || Number(data.change) < 0)
        && (!failed || "failed" in data)
        && (slice === "" || data.slices.split(" ").includes(slice))
        && (template === "" || data.template === template)
        && (search === "" || text(body).includes(search));
      body.hidden = !keep;
      if (keep) shown += 1;
    }
    find("f-count").textContent = shown + " of " + bodies.length + " shown";
  };
  const form = find("filters");
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  // Sort by a column; what has no number comes last.
  table.querySelectorAll("th[data-sort]").forEach((head) => {
    const key = head.dataset.sort;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sign = up ? 1 : -1;
      const order = (a, b) => {
        const x = a.dataset[key], y = b.dataset[key];
        if (key === "id") return sign * x.localeCompare(y, undefined, { numeric: true });
        if (x === "" || y === "") return (x === "" ? 1 : 0) - (y === "" ? 1 : 0);
        return sign * (Number(x) - Number(y));
      };
      bodies.sort(order).forEach((body) => table.append(body));
    });
  });
})();
