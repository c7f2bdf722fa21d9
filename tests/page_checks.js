// What page_checks.py asks of a page; every function returns words about what is wrong.
const checks = {};

checks.clipped = () => {
  const wide = document.documentElement.clientWidth, bad = [];
  if (document.documentElement.scrollWidth > wide)
    bad.push(`the page is ${document.documentElement.scrollWidth} wide, not ${wide}`);
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.unseen, .skip') || !e.checkVisibility()) continue;
    let hidden = false;
    for (let at = e; at; at = at.parentElement) hidden ||= getComputedStyle(at).clipPath !== 'none';
    if (hidden) continue;
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > wide + 1.5 || r.left < -1.5))
      bad.push(`${e.tagName}.${e.getAttribute('class')} ends at ${r.right} of ${wide}: `
        + (e.textContent || '').slice(0, 60));
  }
  return bad.slice(0, 10);
};

checks.faint = (least) => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = (c) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const f = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b);
  };
  const over = (top, under) => {
    const a = top[3] / 255; return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)).concat(255);
  };
  const behind = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c[3]) layers.push(c);
      if (c[3] === 255) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 255]);
  };
  const under = (text) => {
    const svg = text.closest('svg'), box = text.getBoundingClientRect();
    const x = box.left + box.width / 2, y = box.top + box.height / 2;
    let found = behind(svg.parentElement);
    for (const e of svg.querySelectorAll('rect')) {
      const r = e.getBoundingClientRect();
      if (r.left <= x && x <= r.right && r.top <= y && y <= r.bottom)
        found = over(parse(getComputedStyle(e).fill), found);
    }
    return found;
  };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest('script, title, desc, .unseen, option')) continue;
    if (!e.checkVisibility()) continue;
    const svg = e.closest('svg');
    const ground = svg ? under(e) : behind(e);
    const style = getComputedStyle(e);
    const ink = over(parse(svg ? style.fill : style.color), ground);
    const [a, b] = [light(ink), light(ground)].sort((p, q) => q - p);
    const ratio = (a + .05) / (b + .05);
    if (ratio < least)
      bad.add(`${ratio.toFixed(2)} ${e.tagName}.${e.getAttribute('class')}: `
        + walk.currentNode.data.trim().slice(0, 40));
  }
  return [...bad].slice(0, 20);
};

checks.faults = () => {
  const bad = [], all = (s) => [...document.querySelectorAll(s)];
  const one = (s) => { const n = all(s).length; if (n !== 1) bad.push(`${n} of ${s}`); };
  ['main', 'h1', 'head > title', 'body > header', 'html[lang]'].forEach(one);
  let level = 0;
  for (const h of all('h1, h2, h3, h4, h5, h6')) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) bad.push(`h${next} after h${level}: ${h.textContent.slice(0, 60)}`);
    if (!h.textContent.trim()) bad.push(`an empty ${h.tagName}`);
    level = next;
  }
  for (const t of all('table')) {
    if (!t.caption || !t.caption.textContent.trim()) bad.push(`no caption: ${t.className}`);
    for (const h of t.querySelectorAll('th')) if (!h.scope) bad.push(`th without scope: ${h.textContent}`);
  }
  for (const e of all('input, select, textarea'))
    if (!e.labels.length && !e.ariaLabel) bad.push(`no label: ${e.id}`);
  for (const e of all('svg')) {
    const named = (e.getAttribute('aria-labelledby') || '').split(' ').map((i) => document.getElementById(i));
    if (e.getAttribute('role') !== 'img' || named.length !== 2 || named.some((n) => !n || !n.textContent))
      bad.push('a picture without name and description');
  }
  for (const e of all('section, nav, form'))
    if (!e.ariaLabel && !document.getElementById(e.getAttribute('aria-labelledby')))
      bad.push(`${e.tagName} without a name`);
  const ids = all('[id]').map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push('an id is there twice');
  for (const e of all('[aria-controls], a[href^="#"]')) {
    const id = e.getAttribute('aria-controls') || e.getAttribute('href').slice(1);
    if (!document.getElementById(id)) bad.push(`nothing is called ${id}`);
  }
  for (const e of all('dl > *')) if (!['DT', 'DD', 'DIV'].includes(e.tagName)) bad.push(`${e.tagName} in dl`);
  for (const e of all('[tabindex]')) if (e.tabIndex > 0) bad.push('a tabindex above 0');
  for (const e of all('a, button, summary'))
    if (!e.textContent.trim() && !e.ariaLabel) bad.push(`${e.tagName} without words`);
  return bad.slice(0, 20);
};

checks.start = () => {
  document.activeElement.blur();
  window.wanted = [...document.querySelectorAll('a[href], button, input, select, summary')]
    .filter((e) => e.checkVisibility() && !e.disabled);
  return [String(window.wanted.length)];
};

checks.focused = () => {
  const e = document.activeElement;
  return [String(window.wanted.indexOf(e)), getComputedStyle(e).outlineStyle];
};

checks.missing = (seen) => window.wanted
  .filter((_, i) => !seen.includes(i)).map((e) => e.outerHTML.slice(0, 90));
