(() => {
  const element = (tag, text, className) => {  // text from the programs only ever goes through textContent
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const graph = drawing(document.getElementById("canvas"), (node) => go({ f: functionOf(node) }, true));
  const search = document.getElementById("search");
  const chosen = document.getElementById("chosen");

  // --- the state, which is the address --------------------------------------
  // at: what to show; f: a function; gone: "hide"; kinds: those to show; q: text to show
  const read = () => {
    const hash = location.hash.slice(1);
    return /^(at|f|gone|kinds|q)=/.test(hash) ? Object.fromEntries(new URLSearchParams(hash)) : hash ? { at: hash } : {};
  };
  const address = (state) => {
    const kept = Object.entries(state).filter(([, value]) => value);
    return "#" + new URLSearchParams(kept).toString();
  };
  // A click inside the graph does not move it under the pointer: inPlace. What a click leads to is shown before
  // the click is over, which an event of the address would be too late for.
  const go = (place, inPlace = false) => {
    const { at, f, ...rest } = read();
    const hash = address({ ...place, ...rest });
    if (location.hash !== hash) history.pushState(null, "", hash);
    follow(inPlace);
  };
  const set = (change) => {  // not a place to come back to
    history.replaceState(null, "", address({ ...read(), ...change }));
    show(read());
  };

  // --- kinds, text, what is gone --------------------------------------------
  const entries = all(".entries tbody tr").map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const pairs = all(".pair");
  const has = (row, kinds) => row.dataset.kinds.split(" ").some((kind) => kinds.includes(kind));
  const show = ({ gone, kinds, q }) => {
    const wanted = (kinds || "").split(",").filter(Boolean);
    const text = (q || "").toLowerCase();
    let shown = 0;
    for (const entry of entries) {
      const match = (!wanted.length || has(entry.row, wanted)) && entry.text.includes(text);
      entry.row.hidden = !match;
      shown += match;
    }
    for (const pair of pairs) pair.classList.toggle("match", has(pair, wanted));
    document.body.classList.toggle("filtered", wanted.length > 0);
    document.body.classList.toggle("hide-gone", gone === "hide");
    for (const box of all("input.gone")) box.checked = gone !== "hide";
    for (const chip of all("[data-filter]")) chip.setAttribute("aria-pressed", String(wanted.includes(chip.dataset.filter)));
    const some = wanted.length > 0 || Boolean(text);
    document.getElementById("found").textContent = some ? `${shown} of ${entries.length} changes` : "";
    document.getElementById("all").hidden = !some;
    if (search.value.toLowerCase() !== text) search.value = q || "";
  };

  for (const box of all("input.gone")) box.addEventListener("change", () => set({ gone: box.checked ? "" : "hide" }));
  for (const chip of all("[data-filter]")) chip.addEventListener("click", () => {
    const kinds = new Set((read().kinds || "").split(",").filter(Boolean));
    if (!kinds.delete(chip.dataset.filter)) kinds.add(chip.dataset.filter);
    set({ kinds: [...kinds].join(",") });
  });
  search.addEventListener("input", () => set({ q: search.value.trim() }));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { set({ q: "" }); search.value = ""; search.blur(); }
  });
  document.getElementById("all").addEventListener("click", () => set({ kinds: "", q: "" }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === search) return;
    event.preventDefault();
    search.focus();
    document.getElementById("changes").scrollIntoView();
  });

  // --- folds ----------------------------------------------------------------
  const folds = all(".fold");
  const fold = (button, open) => {
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  };
  for (const button of folds) button.addEventListener("click", () => fold(button, button.getAttribute("aria-expanded") === "false"));
  const unfold = document.getElementById("unfold");
  unfold.addEventListener("click", () => {
    const open = folds.some((button) => button.getAttribute("aria-expanded") === "false");
    for (const button of folds) fold(button, open);
    unfold.textContent = open ? "Fold what is the same" : "Show all that is the same";
  });
  unfold.hidden = !folds.length;

  // --- places ---------------------------------------------------------------
  const functionOf = (node) => {
    const link = node.querySelector("a");
    const target = link && (link.getAttribute("xlink:href") || link.getAttribute("href"));
    return target && target.startsWith("#f=") ? decodeURIComponent(target.slice(3)) : "";
  };
  const nodes = new Map(graph ? [...graph.svg.querySelectorAll("g.node")].map((node) => [functionOf(node), node]) : []);

  const reveal = (row) => {
    const body = row.closest("tbody");
    for (const button of folds) if (body && button.getAttribute("aria-controls") === body.id) fold(button, true);
    for (let outer = row.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    if (row.classList.contains("is-gone") && read().gone === "hide") set({ gone: "" });
    if (row.hidden) set({ kinds: "", q: "" });
  };
  const visit = (id) => {
    const target = document.getElementById(id);
    if (!target) return;
    reveal(target);
    if (target.matches("tr")) target.classList.add("here");
    target.scrollIntoView({ block: target.matches("tr") ? "center" : "start" });
  };
  const choose = (identity, inPlace) => {
    const node = nodes.get(identity);
    if (!graph || !node) return;
    if (node.classList.contains("removed") && read().gone === "hide") set({ gone: "" });
    node.classList.add("chosen");
    const name = identity.slice(0, identity.lastIndexOf("@"));
    const links = pairs.filter((pair) => pair.dataset.f === identity).flatMap((pair) => {
      const link = element("a", pair.closest("article").dataset.title);
      link.href = "#" + pair.id;
      return [" ", link];
    });
    chosen.replaceChildren(element("code", name), links.length ? ": on the way to" : ": on none of these ways", ...links);
    if (inPlace) return;
    graph.centre(node);
    document.getElementById("graph").scrollIntoView();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const target = link.getAttribute("href").slice(1);
    go(target.startsWith("f=") ? { f: decodeURIComponent(target.slice(2)) } : { at: target });
  });
  const leave = () => {
    for (const before of all(".here, .chosen")) before.classList.remove("here", "chosen");
    if (chosen) chosen.replaceChildren();
  };
  const follow = (inPlace = false) => {
    const state = read();
    show(state);
    leave();
    if (state.f) choose(state.f, inPlace);
    else if (state.at) visit(state.at);
  };
  window.addEventListener("hashchange", () => follow());
  follow();
})();
